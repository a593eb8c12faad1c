"""The options of `serve`. In: option values; API keys from a file and the environment. Out: a `ServerConfig`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from voxtide.engines.registry import EngineOption
from voxtide.errors import ConfigError
from voxtide.server.config import ServerConfig, is_key

LogFormat: TypeAlias = Literal["text", "json"]

KEYS_VARIABLE = "VOXTIDE_KEYS"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeRequest:
    """The command's options: the engine's, the server's, and those that decide the server's capacity and keys."""

    engine: str
    server: str | None = None
    api_key: str | None = field(default=None, repr=False)
    engine_options: Mapping[str, EngineOption] = field(default_factory=dict)
    model: str | None = None
    threads: int | None = None
    capacity: int | None = None
    streams: int | None = None
    keys_file: Path | None = None
    config: ServerConfig = field(default_factory=ServerConfig)
    log_format: LogFormat = "text"

    def server_config(self, environ: Mapping[str, str], *, capacity: int, web_dir: Path | None) -> ServerConfig:
        """`config` with its keys, capacity and page.

        Raises:
            ConfigError: The keys cannot be used.
        """
        return replace(self.config, capacity=capacity, keys=self._keys(environ), web_dir=web_dir)

    def _keys(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """The keys in the environment, separated by commas, and those in the file, one per line."""
        named = enumerate(environ.get(KEYS_VARIABLE, "").split(","), 1)
        keys = [_key(text, f"key {number} of {KEYS_VARIABLE}") for number, text in named]
        if self.keys_file is not None:
            lines = enumerate(_read(self.keys_file).splitlines(), 1)
            found = [
                _key(text, f"line {number} of {self.keys_file}") for number, text in lines if text.lstrip()[:1] != "#"
            ]
            if not any(found):
                raise ConfigError(f"{self.keys_file} holds no key; write one on each line")
            keys += found
        return tuple(filter(None, keys))


def _key(text: str, where: str) -> str:
    """A key, or "" for none. The error does not show the key."""
    key = text.strip()
    if not is_key(key) and key:
        raise ConfigError(f"{where} is no API key: use ASCII letters, digits and punctuation without spaces")
    return key


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")  # Windows editors write a byte order mark
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"the keys in {path} cannot be read: {reason}") from error
