"""The list of models. In: `manifest.toml`. Out: frozen, checked `Model`s. Knows no cache and no network."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Self

from voxtide.errors import ModelError, UnknownModelError

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file inside a wheel."""

    package: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """One file of a model in the cache: the concatenation of `members`, if any."""

    name: str
    size_bytes: int
    sha256: str
    members: tuple[Member, ...] = ()

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_digest(self.sha256, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    """A wheel on the Python package index. `platform` is its platform tag, `any` for a pure wheel."""

    package: str
    version: str
    platform: str
    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        _check_name(self.package)
        _check_digest(self.sha256, self.package)

    @property
    def requirement(self) -> str:
        """The requirement specifier for pip."""
        return f"{self.package}=={self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRepository:
    """A repository on the Hugging Face hub at one commit, with the same file names as the cache."""

    repository: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model that can be pulled. `languages` are ISO 639-1 codes; empty means any."""

    name: str
    description: str
    engine: str
    languages: tuple[str, ...]
    licence: str
    files: tuple[ModelFile, ...]
    wheels: tuple[Wheel, ...] = ()
    hub: HubRepository | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        wanted = {member.package for file in self.files for member in file.members}
        if wanted != {wheel.package for wheel in self.wheels}:
            raise ModelError(f"model {self.name!r}: its wheels differ from the packages of its files' members")
        if not self.hub and not (self.files and all(file.members for file in self.files)):
            raise ModelError(f"model {self.name!r}: it has a file without a source")

    @property
    def size_bytes(self) -> int:
        """The model's size in the cache."""
        return sum(file.size_bytes for file in self.files)


class Manifest:
    """All models by name, in the order of the file."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._models = {model.name: model for model in models}

    @classmethod
    def packaged(cls) -> Self:
        """The manifest included in the package."""
        return cls.parse(files("voxtide.models").joinpath("manifest.toml").read_text(encoding="utf-8"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a manifest in TOML.

        Raises:
            ModelError: An entry is incomplete or inconsistent.
        """
        try:
            return cls(_model(entry) for entry in tomllib.loads(text)["models"])
        except (TypeError, KeyError, tomllib.TOMLDecodeError) as error:
            raise ModelError(f"the model manifest cannot be read: {error}") from error

    @property
    def models(self) -> tuple[Model, ...]:
        """All models."""
        return tuple(self._models.values())

    def model(self, name: str) -> Model:
        """The model called `name`.

        Raises:
            UnknownModelError: Unknown; the message lists close matches and all models.
        """
        try:
            return self._models[name]
        except KeyError:
            close = difflib.get_close_matches(name.lower(), self._models, n=2)
            hint = f"did you mean {' or '.join(close)}? " if close else ""
            kind = "model or directory" if "/" in name else "model"
            raise UnknownModelError(
                f"there is no {kind} {name!r}; {hint}choose from {', '.join(self._models)}"
            ) from None


def _model(entry: dict[str, Any]) -> Model:
    return Model(
        **entry
        | {
            "languages": tuple(entry["languages"]),
            "files": tuple(_file(file) for file in entry["files"]),
            "wheels": tuple(Wheel(**wheel) for wheel in entry.get("wheels", ())),
            "hub": HubRepository(**entry["hub"]) if "hub" in entry else None,
        }
    )


def _file(entry: dict[str, Any]) -> ModelFile:
    return ModelFile(**entry | {"members": tuple(Member(**member) for member in entry.get("members", ()))})


def _check_name(name: str) -> None:
    """Names become paths in the cache and must not leave it."""
    if not _PLAIN_NAME.fullmatch(name):
        raise ModelError(f"{name!r} in the model manifest is not a plain name")


def _check_digest(sha256: str, name: str) -> None:
    if not _SHA256.fullmatch(sha256):
        raise ModelError(f"{name!r} in the model manifest has no SHA-256 of 64 hexadecimal digits")
