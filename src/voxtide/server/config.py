"""The settings of a server. In: values from the caller. Out: a frozen, validated `ServerConfig`. Owns all defaults."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from voxtide.errors import ConfigError
from voxtide.languages import language_code, unknown_language

_COUNTS = (
    "capacity",
    "max_message_bytes",
    "max_files",
    "max_upload_bytes",
    "requests_per_minute",
    "sessions_per_minute",
)
_DURATIONS = (
    "ping_interval_s",
    "pong_wait_s",
    "max_unread_s",
    "close_wait_s",
    "max_audio_ahead_s",
    "max_session_s",
    "max_idle_s",
    "drain_s",
    "max_upload_s",
    "max_file_audio_s",
    "max_events_unread_s",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Settings and limits of one server. None means no limit, unless an attribute defines it.

    Attributes:
        host: Address to listen on; the default accepts connections from this machine only.
        port: The port; 0 for any free one.
        capacity: Concurrent sessions.
        language: Language of sessions and files that name none: a code, a tag or a name; None for the engine's choice.
        keys: API keys; without any, every client is accepted.
        origins: Other web sites, such as https://example.com, whose pages may connect; "*" for any.
        tls_certificate: Certificate chain (PEM), for https and wss; None for http and ws.
        tls_key: The certificate's private key (PEM).
        web_dir: Directory of the web page at /; None for no page.
        requests_per_minute: HTTP requests from one address.
        sessions_per_minute: Sessions opened from one address.
        max_message_bytes: Longest WebSocket message; None for the default of the session's dialect.
        ping_interval_s: Interval between pings.
        pong_wait_s: A client that sends nothing for this long after a ping is disconnected.
        max_unread_s: How long a client may leave `connection.MAX_UNSENT_BYTES` of messages unread.
        close_wait_s: How long a client may take to answer a close frame.
        max_audio_ahead_s: How far audio may run ahead of real time.
        max_session_s: Length of a session.
        max_idle_s: A session that receives no message for this long is closed.
        drain_s: How long sessions may take to finish when the server stops.
        max_files: Concurrent file requests; each may hold a file on disk and one engine stream.
        max_upload_bytes: Size of a form with its file, or of a fetched file. An hour of CD audio is 635 MB.
        max_upload_s: How long an upload or a fetch may take.
        max_file_audio_s: Length of a file's audio; a small file can hold days of silence.
        max_events_unread_s: How long a client may leave a file's events unread.
        can_fetch: Whether `file_url` is accepted.
        can_fetch_private: Whether `file_url` may lead to non-public addresses: this machine, its network.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    capacity: int = 8
    language: str | None = None
    keys: tuple[str, ...] = field(default=(), repr=False)
    origins: tuple[str, ...] = ()
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    web_dir: Path | None = None
    requests_per_minute: int | None = None
    sessions_per_minute: int | None = None

    max_message_bytes: int | None = None
    ping_interval_s: float = 20
    pong_wait_s: float = 20
    max_unread_s: float = 10
    close_wait_s: float = 5

    max_audio_ahead_s: float | None = 3600
    max_session_s: float | None = None
    max_idle_s: float | None = 900
    drain_s: float = 20

    max_files: int = 4
    max_upload_bytes: int = 1024 * 1024 * 1024
    max_upload_s: float = 1800
    max_file_audio_s: float = 6 * 3600
    max_events_unread_s: float = 60
    can_fetch: bool = True
    can_fetch_private: bool = False

    def __post_init__(self) -> None:
        if self.language is not None:
            if language_code(self.language) is None:
                raise ConfigError(unknown_language(self.language))
            object.__setattr__(self, "language", language_code(self.language))
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port is {self.port}; it must be 0 to 65535")
        for name in _COUNTS:
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ConfigError(f"{name} is {value}; it must be 1 or more")
        for name in _DURATIONS:
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ConfigError(f"{name} is {value}; it must be a number above 0")
        if not all(map(is_key, self.keys)):
            raise ConfigError("an API key is empty or holds a character that no header can hold")  # never shows the key
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
    """Whether `text` can be an API key, which a header must be able to hold."""
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _check_origin(origin: str) -> None:
    """Reject what no browser sends as Origin, such as a URL with a path: it would silently match no page."""
    parts = urlsplit(origin)
    is_valid = bool(parts.scheme and parts.netloc) and origin == f"{parts.scheme}://{parts.netloc.lower()}"
    if not is_valid and origin != "*":
        raise ConfigError(
            f"no browser sends the origin {origin!r}; give scheme and host alone, such as https://example.com, "
            "or * for any"
        )
