"""What the user asked `serve` for. In: options, and keys of the environment. Out: a `ServerConfig`. Serves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from voxtide.engines.registry import EngineOption
from voxtide.errors import ConfigError
from voxtide.server.batch_config import BatchConfig
from voxtide.server.config import ServerConfig
from voxtide.server.connection import ConnectionLimits
from voxtide.server.session import SessionLimits

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
    max_message_bytes: int = 4 * 1024 * 1024
    max_audio_ahead_s: float | None = None
    max_session_s: float | None = None
    max_idle_s: float | None = None
    batch: BatchConfig = field(default_factory=BatchConfig)
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
            connection=ConnectionLimits(message_bytes=self.max_message_bytes),
            session=SessionLimits(
                audio_ahead_s=self.max_audio_ahead_s,
                duration_s=self.max_session_s,
                idle_s=self.max_idle_s,
                drain_s=self.drain_s,
            ),
            batch=self.batch,
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
        keys = [key.strip() for key in environ.get(KEYS_VARIABLE, "").split(",")]
        if self.keys_file is not None:
            lines = _read(self.keys_file).splitlines()
            found = [line.strip() for line in lines if not line.lstrip().startswith("#")]
            if not any(found):
                raise ConfigError(f"{self.keys_file} holds no key; write one on each line")
            keys += found
        return tuple(filter(None, keys))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"the keys in {path} cannot be read: {reason}") from error
