"""What a client says and hears, whatever the dialect. In: nothing. Out: types. A dialect is a `ClientDialect`; no I/O.

Text frames -> Wording.read -> Heard. What a client wants to say -> Wording -> text frames.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from voxtide.audio.pcm import PcmFormat
from voxtide.types import StreamOptions


@dataclass(frozen=True, slots=True)
class Ready:
    """The server will listen now. `model` is None where it does not name one; the others say what it can tell."""

    model: str | None = None
    has_interim: bool = False
    has_speech: bool = False


@dataclass(frozen=True, slots=True)
class Updated:
    """The server took our settings."""


@dataclass(frozen=True, slots=True)
class Text:
    """More stable text."""

    text: str


@dataclass(frozen=True, slots=True)
class InterimText:
    """How the text after the stable text looks now."""

    text: str


@dataclass(frozen=True, slots=True)
class SegmentText:
    """A stretch of the text with its times, in seconds of the audio of this connection."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Language:
    """The language that was found."""

    language: str


@dataclass(frozen=True, slots=True)
class Speech:
    """Somebody began to speak, or paused, at `time_s` of the audio of this connection."""

    is_starting: bool
    time_s: float


@dataclass(frozen=True, slots=True)
class Done:
    """The text since the one before is final. `usage` is what the server says that it cost."""

    text: str
    parts: tuple[SegmentText, ...] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServerFailure:
    """The server reports an error. `is_final`: trying again will not help. `ends_utterance`: no `Done` will come."""

    message: str
    is_final: bool
    ends_utterance: bool = False


ServerMessage: TypeAlias = Ready | Updated | Text | InterimText | SegmentText | Language | Speech | Done | ServerFailure


class ClientDialect(Protocol):
    """One dialect, as a client speaks it. No state: all of it is the connection's."""

    path: str
    """The endpoint's path, as servers serve it."""

    can_end: bool
    """Whether the end of the audio can be said, and has an answer of its own that holds all text not yet told."""

    def query(self) -> dict[str, str]:
        """What stands in the address behind the path."""

    def configure(self, ready: Ready) -> list[str]:
        """What to say once the server is ready."""

    def is_confirmed(self, ready: Ready) -> bool:
        """Whether the server confirms what `configure` says."""

    def begin(self) -> list[str]:
        """What to say before an utterance's audio."""

    def append(self, payload: bytes) -> str:
        """Audio, at most `MAX_APPEND_BYTES`."""

    def flush(self) -> str:
        """Make the utterance final."""

    def end(self) -> str:
        """No more audio comes."""

    def read(self, frame: str | bytes) -> ServerMessage | None:
        """What a frame says; None where it says nothing to us. Never raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DialectOptions:
    """What the caller asked for, in whatever dialect."""

    model: str | None = None
    pcm: PcmFormat = PcmFormat()
    options: StreamOptions = StreamOptions()


MAX_APPEND_BYTES = 32_768
"""Audio of one message: a second of 16-bit speech. Servers of the Mistral dialect take up to 262144 bytes."""


_MAX_NUMBER = 1e9
"""As seconds, 30 years: no audio is so long, and no sum with it loses a millisecond."""


def read_object(frame: str | bytes) -> Mapping[str, Any]:
    """The JSON object in a frame; an empty one where there is none."""
    try:
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def text_of(message: Mapping[str, Any], name: str) -> str:
    """A field that should be a string; "" where it is none."""
    value = message.get(name)
    return value if isinstance(value, str) else ""


def number_of(message: Mapping[str, Any], name: str) -> float | None:
    """A field that should be a number; None where it is none, or larger than any time or count in earnest."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MAX_NUMBER:
        return None
    return float(value)


def base64_of(payload: bytes) -> str:
    """Audio as the messages carry it."""
    return binascii.b2a_base64(payload, newline=False).decode("ascii")


def write_message(kind: str, **fields: object) -> str:
    """A message of the type `kind`."""
    return json.dumps({"type": kind, **fields})
