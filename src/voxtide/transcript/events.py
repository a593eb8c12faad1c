"""Events of a stream. In: text, segments, times. Out: one frozen class per kind. Failures are raised, not events.

`audio_s` is always the end of the audio covered by the event, in seconds of the caller's audio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from voxtide.types import Segment


@dataclass(frozen=True, slots=True)
class Delta:
    """Stable text to append: the concatenated deltas of a stream are its final text. Never revised."""

    text: str
    audio_s: float


@dataclass(frozen=True, slots=True)
class Interim:
    """Text after the stable text that may still change. Replaces the previous `Interim`; "" clears it.

    A `Delta` does not change it: if words of it became stable, another `Interim` with the rest follows.
    """

    text: str
    audio_s: float


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech started at `audio_s`."""

    audio_s: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Speech stopped at `audio_s`."""

    audio_s: float


@dataclass(frozen=True, slots=True)
class SpeechUntranscribed:
    """Speech from `start_s` to `audio_s`, a second or more, ended without any text: the model found no words in it."""

    start_s: float
    audio_s: float


@dataclass(frozen=True, slots=True)
class SegmentEnded:
    """A segment of text is complete, with its times and words. Deltas with its text precede it."""

    segment: Segment
    audio_s: float


@dataclass(frozen=True, slots=True)
class LanguageDetected:
    """The engine detected the language, an ISO 639-1 code."""

    language: str
    audio_s: float


@dataclass(frozen=True, slots=True)
class LanguageDoubted:
    """The speech is probably not in `language`, the model's only one, an ISO 639-1 code. Emitted once."""

    language: str
    audio_s: float


@dataclass(frozen=True, slots=True)
class BlankLoopDetected:
    """The model emitted no text during speech for long, up to `audio_s`; its blank token is now biased against.

    Changes no text. For monitoring an engine: it is not sent to clients and not in the JSON event stream.
    """

    audio_s: float


@dataclass(frozen=True, slots=True)
class Flushed:
    """The answer to a flush: `text` and `segments` became final since the previous flush.

    The concatenated deltas since that flush equal `text` except for surrounding white space.
    """

    flush_id: int
    text: str
    segments: tuple[Segment, ...]
    audio_s: float


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a stream. `audio_s` is the length of all audio fed."""

    audio_s: float


TranscriptEvent: TypeAlias = (
    Delta
    | Interim
    | SpeechStarted
    | SpeechStopped
    | SpeechUntranscribed
    | SegmentEnded
    | LanguageDetected
    | LanguageDoubted
    | BlankLoopDetected
    | Flushed
    | Finished
)
