"""What a stream tells: one small frozen class per kind of event. Failures are not events: iterating raises them.

`audio_s` is always the end of the audio the event covers, in seconds of the caller's own audio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from voxtide.types import Segment


@dataclass(frozen=True, slots=True)
class Delta:
    """Stable text. Append it: the deltas of a stream, joined, are its final text; none is ever taken back."""

    text: str
    audio_s: float


@dataclass(frozen=True, slots=True)
class Interim:
    """The tail after the stable text, as it looks now. It replaces the interim before it; "" clears it.

    A `Delta` leaves it as it is: where stable text took words from it, the `Interim` that follows says what is left.
    """

    text: str
    audio_s: float


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak at `audio_s`."""

    audio_s: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The speaker has paused since `audio_s`."""

    audio_s: float


@dataclass(frozen=True, slots=True)
class SegmentEnded:
    """A stretch of text is complete, with its times and words. Its text has already been told by deltas."""

    segment: Segment
    audio_s: float


@dataclass(frozen=True, slots=True)
class LanguageDetected:
    """The engine found the language, an ISO 639-1 code."""

    language: str
    audio_s: float


@dataclass(frozen=True, slots=True)
class BlankLoopDetected:
    """The model has said nothing for long to what sounds like speech, up to `audio_s`, and is pushed from now on.

    It changes no text. It is for who watches an engine: the wires and the JSON event stream leave it out.
    """

    audio_s: float


@dataclass(frozen=True, slots=True)
class Flushed:
    """The answer to one flush: `text` and `segments` are what became final since the flush before it.

    Joined deltas since that flush equal `text` up to surrounding white space.
    """

    flush_id: int
    text: str
    segments: tuple[Segment, ...]
    audio_s: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The stream has told everything; nothing follows. `audio_s` is the length of all audio fed."""

    audio_s: float


TranscriptEvent: TypeAlias = (
    Delta
    | Interim
    | SpeechStarted
    | SpeechStopped
    | SegmentEnded
    | LanguageDetected
    | BlankLoopDetected
    | Flushed
    | Finished
)
