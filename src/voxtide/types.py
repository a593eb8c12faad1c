"""Types shared by all packages: samples, words, segments, stream options, engine capabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxtide.errors import UnsupportedOptionError
from voxtide.languages import language_code, nearest_languages, unknown_language

SAMPLE_RATE_HZ = 16_000
"""The rate of all audio inside voxtide; `audio/` converts to it."""

Samples: TypeAlias = NDArray[np.float32]
"""Mono audio at `SAMPLE_RATE_HZ`, shape [n], values in [-1, 1]."""

_MAX_SHOWN_CHARS = 80
"""Maximum length of a client's string in an error message."""

_MAX_LISTED_LANGUAGES = 15
"""More are not listed in an error message, only the nearest."""

Pace: TypeAlias = Literal["live", "fast"]
"""`live`: lowest latency. `fast`: lowest cost, for audio that is already complete."""

Task: TypeAlias = Literal["transcribe", "translate"]
"""`transcribe`: text in the language of the speech. `translate`: text in English."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its times in the caller's audio. `text` has no surrounding space.

    `is_estimated`: the times were interpolated, not given by the model.
    """

    text: str
    start_s: float
    end_s: float
    is_estimated: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """Final text between two pauses or flushes, with its times in the caller's audio."""

    text: str
    start_s: float
    end_s: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about a source that its user should know, but no failure.

    `code` is its stable name; `message`, one sentence, names the source and the remedy.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Transcript:
    """The result of one source: the final text, the audio's length `audio_s`, and what the user should know."""

    text: str
    segments: tuple[Segment, ...]
    language: str | None
    audio_s: float
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """Options of one stream. An engine raises `UnsupportedOptionError` for options that it does not support.

    Attributes:
        language: Language of the speech: a code, a tag or a name, kept as its ISO 639-1 code; None for the engine's
            choice.
        delay_ms: The model's look-ahead, for engines that have one; None for the engine's default.
        interim: Whether to emit text that may still change.
        vocabulary: Words to expect, for engines that can use them.
        pace: `live` for the lowest latency, `fast` for the lowest cost.
        task: `transcribe`, or `translate` into English for engines that can.

    Raises:
        UnsupportedOptionError: There is no such language.
    """

    language: str | None = None
    delay_ms: int | None = None
    interim: bool = True
    vocabulary: tuple[str, ...] = ()
    pace: Pace = "live"
    task: Task = "transcribe"

    def __post_init__(self) -> None:
        object.__setattr__(self, "language", parse_language(self.language))


def parse_language(name: str | None) -> str | None:
    """The ISO 639-1 code of a language given by code, tag or name; None for None.

    Raises:
        UnsupportedOptionError: There is no such language; the message has the nearest.
    """
    if name is None:
        return None
    code = language_code(name)
    if code is None:
        raise UnsupportedOptionError(unknown_language(name))
    return code


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """Name, model and capabilities of an engine. The methods return why an option is not supported.

    Attributes:
        name: The engine's name, as given to `open_engine`.
        model: Name of its model or of the model's directory. Visible to clients.
        models: Model names that clients may request. Empty accepts any name, so that programs for a hosted service
            run unmodified.
        languages: ISO 639-1 codes of the supported languages; empty for any.
        is_revising: Whether it emits interim text that may change.
        word_times: `read` from the model, `estimated`, or `none`.
        delays_ms: Selectable look-aheads, ascending; empty if the delay is fixed.
        can_use_vocabulary: Whether `StreamOptions.vocabulary` has an effect.
        can_translate: Whether it can translate into English.
        can_detect_turns: Whether turns can be detected on its streams. A server without a VAD model clears it.
        default_language: Language of a session that requests none, as a server's operator set it; None for the
            engine's choice.
    """

    name: str
    model: str
    models: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    is_revising: bool = False
    word_times: Literal["read", "estimated", "none"] = "none"
    delays_ms: tuple[int, ...] = ()
    can_use_vocabulary: bool = False
    can_translate: bool = False
    can_detect_turns: bool = True
    default_language: str | None = None

    def check(self, options: StreamOptions) -> None:
        """Raise if an option is not supported.

        Raises:
            UnsupportedOptionError: Names the option, its value and the accepted values.
        """
        if options.language is not None and (reason := self.language_refusal(options.language)):
            raise UnsupportedOptionError(
                f"engine {self.name!r}: {reason}; choose another engine (voxtide doctor --all lists them)"
            )
        if options.delay_ms is not None and (reason := self.delay_refusal(options.delay_ms)):
            raise UnsupportedOptionError(f"engine {self.name!r}: {reason}")
        if options.vocabulary and (reason := self.vocabulary_refusal()):
            raise UnsupportedOptionError(f"engine {self.name!r}: vocabulary: {reason}, or choose another engine")
        if options.task == "translate" and (reason := self.translation_refusal()):
            raise UnsupportedOptionError(f"engine {self.name!r}: {reason}")

    def has_model(self, name: str) -> bool:
        """Whether clients may request this model."""
        return not self.models or name in self.models or name == self.model

    def model_refusal(self, name: str) -> str | None:
        """Why the model cannot be used, or None."""
        if self.has_model(name):
            return None
        shown = name if len(name) <= _MAX_SHOWN_CHARS else f"{name[:_MAX_SHOWN_CHARS]}..."
        return f"Invalid model: {shown!r}; this server has {', '.join(self.models)}"

    def language_refusal(self, language: str) -> str | None:
        """Why speech in `language`, an ISO 639-1 code, cannot be transcribed, or None."""
        if not self.languages or language in self.languages:
            return None
        if len(self.languages) <= _MAX_LISTED_LANGUAGES:
            known = ", ".join(self.languages)
        else:
            nearest = ", ".join(nearest_languages(language, self.languages))
            known = f"{len(self.languages)} languages, the nearest of which are {nearest}"
        return f"{self._label} cannot transcribe {language!r}: it knows {known}"

    def delay_refusal(self, delay_ms: int) -> str | None:
        """Why the delay is not available, or None."""
        if delay_ms in self.delays_ms:
            return None
        known = ", ".join(map(str, self.delays_ms)) or "none: its delay is not adjustable"
        return f"{self._label} has no delay of {delay_ms} ms; it has {known}"

    def vocabulary_refusal(self) -> str | None:
        """Why words to expect cannot be used, or None."""
        return None if self.can_use_vocabulary else f"{self._label} cannot use words to expect; leave them out"

    def translation_refusal(self) -> str | None:
        """Why speech cannot be translated, or None."""
        if self.can_translate:
            return None
        return f"{self._label} cannot translate; engine whisper can, with a model of many languages"

    def turns_refusal(self) -> str | None:
        """Why turns cannot be detected, or None."""
        return None if self.can_detect_turns else "this server has no speech detection; leave turn detection out"

    @property
    def _label(self) -> str:
        return self.model or self.name
