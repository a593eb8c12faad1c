"""Settings of a process. In: environment variables, passed by the caller. Out: a frozen, checked `Settings`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from platformdirs import user_cache_path

from voxtide.errors import ConfigError

HUB_ENDPOINT = "https://huggingface.co"
"""The public Hugging Face hub; HF_ENDPOINT selects a mirror."""

_TOKEN = re.compile(r"[!-~]+")
"""Valid in an HTTP header: printable ASCII without spaces."""

_SWITCH_WORDS = {"": False, "0": False, "false": False, "no": False, "off": False} | dict.fromkeys(
    ("1", "true", "yes", "on"), True
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings from the environment, read once by the API or the command line.

    Attributes:
        models_dir: Directory of the pulled models.
        is_offline: Whether downloads are forbidden.
        hub_endpoint: URL of the Hugging Face hub or a mirror, without a trailing slash.
        hub_token: Access token for that URL only, or None.
    """

    models_dir: Path
    is_offline: bool = False
    hub_endpoint: str = HUB_ENDPOINT
    hub_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not _is_web_address(self.hub_endpoint):
            raise ConfigError(
                f"HF_ENDPOINT is {self.hub_endpoint!r}, which is not a web address; use one such as {HUB_ENDPOINT}"
            )
        if self.hub_token and not _TOKEN.fullmatch(self.hub_token):
            raise ConfigError("HF_TOKEN contains an invalid character; copy the token again")  # never quote it

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read VOXTIDE_MODELS, VOXTIDE_OFFLINE, HF_ENDPOINT and HF_TOKEN.

        Raises:
            ConfigError: A variable has a value that cannot be used.
        """
        return cls(
            models_dir=_models_dir(environ.get("VOXTIDE_MODELS", "")),
            is_offline=_switch("VOXTIDE_OFFLINE", environ.get("VOXTIDE_OFFLINE", "")),
            hub_endpoint=(environ.get("HF_ENDPOINT") or HUB_ENDPOINT).rstrip("/"),
            hub_token=environ.get("HF_TOKEN", "").strip() or None,
        )


def _is_web_address(text: str) -> bool:
    try:
        address = urlsplit(text)
        return address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
    except ValueError:  # invalid brackets or port
        return False


def cache_directory() -> Path:
    """What can be fetched again is kept below this directory."""
    return user_cache_path("voxtide", appauthor=False)


def _models_dir(value: str) -> Path:
    if not value:
        return cache_directory() / "models"
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError(f"VOXTIDE_MODELS is {value!r}: {error}; give a full path") from error


def _switch(name: str, value: str) -> bool:
    try:
        return _SWITCH_WORDS[value.strip().lower()]
    except KeyError:
        raise ConfigError(f"{name} is {value!r}; set it to 1 or 0") from None
