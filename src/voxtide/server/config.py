"""A server's settings. In: values, from whoever starts it. Out: a frozen, checked `ServerConfig`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from voxtide.errors import ConfigError

DEFAULT_PORT = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Bounds of one connection.

    Attributes:
        message_bytes: The longest message; None for what the session's wire needs.
        ping_s: A ping is sent this often.
        pong_s: A client of which nothing was heard for so long after a ping is gone.
        slow_reader_s: How long a client may leave `UNSENT_BYTES` of answers lying.
        close_s: How long a client may take to answer a close; a round trip and a busy moment, many times over.
    """

    message_bytes: int | None = None
    ping_s: float = 20.0
    pong_s: float = 20.0
    slow_reader_s: float = 10.0
    close_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """Bounds of one session; None for no bound.

    Attributes:
        audio_ahead_s: Audio may come so much earlier than it can have been spoken.
        duration_s: What was said is finished and the session closed after this.
        idle_s: The session is closed after so long without any message.
        drain_s: How long finishing may take when the server or the session must end.
    """

    audio_ahead_s: float | None = 3600.0
    duration_s: float | None = None
    idle_s: float | None = 900.0
    drain_s: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """What one server allows those who post files.

    Attributes:
        capacity: Requests at once; each may hold a file on disk, and one stream of the engine.
        upload_bytes: Of a request with its file, or of a file that is fetched: an hour of CD sound is 635 MB.
        upload_s: How long the upload, or the fetching, may take.
        audio_s: Length of the audio. A small file can hold days of silence.
        reader_s: How long a client of a streamed answer may leave it unread.
        can_fetch: Whether `file_url` is heeded at all.
        can_fetch_private: Whether it may lead to addresses that are not public: this machine, the network around it.
    """

    capacity: int = 4
    upload_bytes: int = 1024 * 1024 * 1024
    upload_s: float = 1800.0
    audio_s: float = 6 * 3600.0
    reader_s: float = 60.0
    can_fetch: bool = True
    can_fetch_private: bool = False

    def __post_init__(self) -> None:
        for name in ("capacity", "upload_bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        for name in ("upload_s", "audio_s", "reader_s"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be a number above 0")


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
    batch: FileLimits = field(default_factory=FileLimits)
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
