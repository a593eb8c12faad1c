"""What the user asked `serve` for. In: options, and keys of the environment. Out: a `ServerConfig`. Serves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from voxtide.engines.registry import EngineOption
from voxtide.errors import ConfigError
from voxtide.server.config import ConnectionLimits, FileLimits, ServerConfig, SessionLimits, is_key

LogFormat: TypeAlias = Literal["text", "json"]

KEYS_VARIABLE = "VOXTIDE_KEYS"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeRequest:
    """The command's options, by the same names. None leaves it to us, or sets no bound."""

    engine: str
    server: str | None = None
    api_key: str | None = field(default=None, repr=False)
    engine_options: Mapping[str, EngineOption] = field(default_factory=dict)
    model: str | None = None
    threads: int | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    capacity: int | None = None
    streams: int | None = None
    keys_file: Path | None = None
    origins: tuple[str, ...] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    max_message_bytes: int | None = None
    max_unread_s: float = 10.0
    ping_interval_s: float = 20.0
    pong_wait_s: float = 20.0
    close_wait_s: float = 5.0
    max_audio_ahead_s: float | None = None
    max_session_s: float | None = None
    max_idle_s: float | None = None
    max_files: int = 4
    max_upload_bytes: int = 1024 * 1024 * 1024
    max_file_audio_s: float = 6 * 3600.0
    can_fetch_private: bool = False
    drain_s: float = 20.0
    requests_per_minute: int | None = None
    sessions_per_minute: int | None = None
    log_format: LogFormat = "text"

    def config(self, environ: Mapping[str, str], *, capacity: int, web_dir: Path | None) -> ServerConfig:
        """The server's settings.

        Raises:
            ConfigError: A setting cannot be used.
        """
        return ServerConfig(
            host=self.host,
            port=self.port,
            capacity=capacity,
            connection=ConnectionLimits(
                message_bytes=self.max_message_bytes,
                ping_s=self.ping_interval_s,
                pong_s=self.pong_wait_s,
                slow_reader_s=self.max_unread_s,
                close_s=self.close_wait_s,
            ),
            session=SessionLimits(
                audio_ahead_s=self.max_audio_ahead_s,
                duration_s=self.max_session_s,
                idle_s=self.max_idle_s,
                drain_s=self.drain_s,
            ),
            batch=FileLimits(
                capacity=self.max_files,
                upload_bytes=self.max_upload_bytes,
                audio_s=self.max_file_audio_s,
                can_fetch_private=self.can_fetch_private,
            ),
            keys=self._keys(environ),
            origins=self.origins,
            requests_per_minute=self.requests_per_minute,
            sessions_per_minute=self.sessions_per_minute,
            tls_certificate=self.tls_certificate,
            tls_key=self.tls_key,
            web_dir=web_dir,
        )

    def _keys(self, environ: Mapping[str, str]) -> tuple[str, ...]:
        """Those of the file, a line each, and those of the environment, between commas."""
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
    """A key, perhaps an empty one. What is wrong with it is told without showing it."""
    key = text.strip()
    if not is_key(key) and key:
        raise ConfigError(f"{where} is no API key: it may hold letters, digits and signs of ASCII, but no space")
    return key


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")  # some editors put a mark in front, which nobody sees
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"the keys in {path} cannot be read: {reason}") from error
