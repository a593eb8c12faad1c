"""A server's settings. In: values, from whoever starts it. Out: a frozen, checked `ServerConfig`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from voxtide.errors import ConfigError
from voxtide.server.batch_config import BatchConfig
from voxtide.server.connection_limits import ConnectionLimits
from voxtide.server.session import SessionLimits

DEFAULT_PORT = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """What one server is told.

    Attributes:
        host: The address to listen on; the default is reached from this machine only.
        port: The port; 0 for any that is free.
        capacity: Sessions at once.
        connection: Bounds of each connection.
        session: Bounds of each session.
        batch: Bounds of requests with files.
        keys: Secrets that let a client in; none for a server open to whoever reaches it.
        origins: Web pages, such as https://example.com, that may connect beside the server's own; "*" for any.
        requests_per_minute: From one address; None for no limit.
        sessions_per_minute: Opened from one address; None for no limit.
        tls_certificate: The certificate chain's file (PEM), for https and wss; None for http and ws.
        tls_key: The certificate's key file (PEM).
        web_dir: The static page served at /; None for none.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    capacity: int = 8
    connection: ConnectionLimits = field(default_factory=ConnectionLimits)
    session: SessionLimits = field(default_factory=SessionLimits)
    batch: BatchConfig = field(default_factory=BatchConfig)
    keys: tuple[str, ...] = field(default=(), repr=False)
    origins: tuple[str, ...] = ()
    requests_per_minute: int | None = None
    sessions_per_minute: int | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    web_dir: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port is {self.port}; it must be 0 to 65535")
        for name in ("capacity", "requests_per_minute", "sessions_per_minute"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}; it must be 1 or more")
        _check_positive(self.connection, "message_bytes", "ping_s", "pong_s", "slow_reader_s", "close_s")
        _check_positive(self.session, "audio_ahead_s", "duration_s", "idle_s", "drain_s")
        if not all(map(is_key, self.keys)):
            raise ConfigError("an API key is empty or holds a character that no header carries")  # never shows it
        for origin in self.origins:
            _check_origin(origin)
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ConfigError("TLS needs both a certificate and its key")
        for path in filter(None, (self.tls_certificate, self.tls_key)):
            if not path.is_file():
                raise ConfigError(f"{path} is not a file; TLS needs a certificate and its key")

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "http" if self.tls_certificate is None else "https"


def is_key(text: str) -> bool:
    """Whether it can be an API key: something that a header can carry."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _check_origin(origin: str) -> None:
    """Refuse what no browser calls itself, such as an address with a path: it would let nobody in, without a word."""
    parts = urlsplit(origin)
    is_one = bool(parts.scheme and parts.netloc) and origin == f"{parts.scheme}://{parts.netloc.lower()}"
    if not is_one and origin != "*":
        raise ConfigError(
            f"no browser calls its page's site {origin!r}; give scheme and host alone, such as https://example.com, "
            "or * for any"
        )


def _check_positive(limits: object, *names: str) -> None:
    for name in names:
        value = getattr(limits, name)
        if value is not None and not 0 < value < math.inf:
            raise ConfigError(f"{name} is {value}; it must be a number above 0")
