"""Types shared by all rooms: samples, words, segments, stream options, and what an engine can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxtide.errors import UnsupportedOptionError

SAMPLE_RATE_HZ = 16_000
"""The rate of all audio inside voxtide; `audio/` converts to it, wires and files convert from it."""

Samples: TypeAlias = NDArray[np.float32]
"""Mono audio at `SAMPLE_RATE_HZ`, shape [n], values in [-1, 1]."""

_MAX_SHOWN_CHARS = 80
"""Of a client's own string in an error message."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """What an engine is and what it can do. The methods give the reason of a refusal, for users and clients alike.

    Attributes:
        name: The engine's name, as given to `open_engine`.
        model: The model it runs, by name or by its directory's name. Clients see it.
        models: Names a client may ask for. Empty accepts any name, so programs written for a hosted service run as is.
        languages: ISO 639-1 codes it transcribes; empty when it takes any.
        is_revising: Whether it emits interim text that may change.
        word_times: `read` off the model, `estimated`, or `none`.
        delays_ms: Look-aheads a stream may choose, ascending; empty when it has no such choice.
        can_use_vocabulary: Whether `StreamOptions.vocabulary` has an effect.
        can_detect_turns: Whether turns can be detected on its streams. A server without a VAD model clears it.
    """

    name: str
    model: str
    models: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    is_revising: bool = False
    word_times: Literal["read", "estimated", "none"] = "none"
    delays_ms: tuple[int, ...] = ()
    can_use_vocabulary: bool = False
    can_detect_turns: bool = True

    def check(self, options: StreamOptions) -> None:
        """Refuse options that this engine does not have.

        Raises:
            UnsupportedOptionError: Names the option, its value and the accepted values.
        """
        if options.language is not None and (reason := self.language_refusal(options.language)):
            raise UnsupportedOptionError(
                f"engine {self.name!r}: {reason}; choose another engine (voxtide doctor lists them)"
            )
        if options.delay_ms is not None and (reason := self.delay_refusal(options.delay_ms)):
            raise UnsupportedOptionError(f"engine {self.name!r}: {reason}")
        if options.vocabulary and (reason := self.vocabulary_refusal()):
            raise UnsupportedOptionError(f"engine {self.name!r}: vocabulary: {reason}, or choose another engine")

    def has_model(self, name: str) -> bool:
        """Whether a client may ask for the model of that name."""
        return not self.models or name in self.models or name == self.model

    def model_refusal(self, name: str) -> str | None:
        """Why there is no model of that name, or None."""
        if self.has_model(name):
            return None
        shown = name if len(name) <= _MAX_SHOWN_CHARS else f"{name[:_MAX_SHOWN_CHARS]}..."
        return f"Invalid model: {shown!r}; this server has {', '.join(self.models)}"

    def language_refusal(self, language: str) -> str | None:
        """Why speech in `language`, an ISO 639-1 code, cannot be transcribed, or None."""
        if not self.languages or language in self.languages:
            return None
        return f"{self._label} cannot transcribe {language!r}: it knows {', '.join(self.languages)}"

    def delay_refusal(self, delay_ms: int) -> str | None:
        """Why the delay is not available, or None."""
        if delay_ms in self.delays_ms:
            return None
        known = ", ".join(map(str, self.delays_ms)) or "none: its delay is not adjustable"
        return f"{self._label} has no delay of {delay_ms} ms; it has {known}"

    def vocabulary_refusal(self) -> str | None:
        """Why words to expect cannot be used, or None."""
        return None if self.can_use_vocabulary else f"{self._label} cannot use words to expect; leave them out"

    def turns_refusal(self) -> str | None:
        """Why turns cannot be detected, or None."""
        return None if self.can_detect_turns else "this server has no speech detection; leave turn detection out"

    @property
    def _label(self) -> str:
        return self.model or self.name
