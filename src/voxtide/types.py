"""The few nouns that cross rooms: samples, words, segments, and what one stream may choose. No behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
"""The rate of all audio inside voxtide; `audio/` converts to it, wires and files convert from it."""

Samples: TypeAlias = NDArray[np.float32]
"""Mono audio at `SAMPLE_RATE_HZ`, shape [n], values in [-1, 1]."""

Pace: TypeAlias = Literal["live", "fast"]
"""`live`: words as early as possible. `fast`: as cheaply as possible, for audio that is already there."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its place on the caller's audio. `text` carries no surrounding space.

    `is_estimated` is true where the times were interpolated and not read off the model.
    """

    text: str
    start_s: float
    end_s: float
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of final text between two pauses or flushes, with its times on the caller's audio."""

    text: str
    start_s: float
    end_s: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """The whole result of one source: `text` is the final text, `audio_s` the audio's length."""

    text: str
    segments: tuple[Segment, ...]
    language: str | None
    audio_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """What one stream may choose. An engine refuses what it cannot do (`UnsupportedOptionError`).

    Attributes:
        language: ISO 639-1 code of the speech, or None to let the engine decide.
        delay_ms: The model's look-ahead, for engines that have one; None for the engine's default.
        interim: Whether events carry text that may still change.
        vocabulary: Words to expect, for engines that can use them.
        pace: `live` for the earliest words, `fast` for the cheapest path to the final text.
    """

    language: str | None = None
    delay_ms: int | None = None
    interim: bool = True
    vocabulary: tuple[str, ...] = ()
    pace: Pace = "live"
