"""The dialect interface, its message types, and JSON helpers. In: nothing. Out: types. No I/O.

text frame -> ClientDialect.parse -> ServerMessage. Request -> ClientDialect -> text frames.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from voxtide.audio.pcm import PcmFormat
from voxtide.types import StreamOptions

MAX_APPEND_BYTES = 32_768
"""Audio bytes per message: about a second of 16-bit speech. Servers of the Mistral dialect accept up to 262144."""

_MAX_NUMBER = 1e9
"""Sanity limit of times and counts: 30 years in seconds. Sums below it keep millisecond precision."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The server accepts audio. `model` may be unnamed; the flags name the events it can send."""

    model: str | None = None
    has_interim: bool = False
    has_speech_events: bool = False


@dataclass(frozen=True, slots=True)
class Updated:
    """The server accepted the settings."""


@dataclass(frozen=True, slots=True)
class Text:
    """Appended stable text."""

    text: str


@dataclass(frozen=True, slots=True)
class InterimText:
    """Interim text after the stable text; replaces the previous one."""

    text: str


@dataclass(frozen=True, slots=True)
class SegmentText:
    """A timed piece of the text. Times are seconds of this connection's audio."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Language:
    """The detected language."""

    language: str


@dataclass(frozen=True, slots=True)
class Speech:
    """Speech started or stopped at `time_s` of this connection's audio."""

    is_starting: bool
    time_s: float


@dataclass(frozen=True, slots=True)
class Done:
    """The final text since the previous `Done`. `usage` is the server's accounting."""

    text: str
    segments: tuple[SegmentText, ...] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServerFailure:
    """A server error. `is_permanent`: a retry would fail again. `ends_utterance`: no `Done` will follow."""

    message: str
    is_permanent: bool
    ends_utterance: bool = False


ServerMessage: TypeAlias = Ready | Updated | Text | InterimText | SegmentText | Language | Speech | Done | ServerFailure


class ClientDialect(Protocol):
    """The client side of one vendor's protocol. Immutable; the connection holds all state."""

    path: str
    """The endpoint's path."""

    can_end: bool
    """Whether `end` has its own message, answered by a `Done` with all remaining text."""

    def query(self) -> dict[str, str]:
        """Query parameters of the address."""

    def configure(self, ready: Ready) -> list[str]:
        """The messages that send the settings, after `Ready`."""

    def is_confirmed(self, ready: Ready) -> bool:
        """Whether the server answers `configure` with `Updated`."""

    def begin(self) -> list[str]:
        """The messages before an utterance's audio."""

    def append(self, payload: bytes) -> str:
        """Audio, at most `MAX_APPEND_BYTES`."""

    def flush(self) -> str:
        """Request the utterance's final text."""

    def end(self) -> str:
        """End the audio."""

    def parse(self, frame: str | bytes) -> ServerMessage | None:
        """The message in a frame; None if unknown or invalid. Never raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectOptions:
    """The caller's options, independent of the dialect."""

    model: str | None = None
    pcm: PcmFormat = PcmFormat()
    options: StreamOptions = StreamOptions()


def parse_object(frame: str | bytes) -> Mapping[str, Any]:
    """The JSON object in a frame; empty if it holds none."""
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def text_field(message: Mapping[str, Any], name: str) -> str:
    """A string field; "" if it is missing or of another type."""
    value = message.get(name)
    return value if isinstance(value, str) else ""


def number_field(message: Mapping[str, Any], name: str) -> float | None:
    """A number field; None if it is missing, of another type or out of range."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MAX_NUMBER:
        return None
    return float(value)


def encode_base64(payload: bytes) -> str:
    """Audio in base64."""
    return binascii.b2a_base64(payload, newline=False).decode("ascii")


def write_message(kind: str, **fields: object) -> str:
    """A JSON message of type `kind`."""
    return json.dumps({"type": kind, **fields})
