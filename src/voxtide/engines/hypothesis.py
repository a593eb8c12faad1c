"""What a window of audio seems to say. In: timed tokens of a model. Out: pieces: words, and the punctuation after them.

Knows nothing of streams. A model that revises its text implements `WindowModel`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from voxtide.engines.audio_buffer import AudioBuffer
from voxtide.transcript.spacing import writes_spaces
from voxtide.types import StreamOptions

_PUNCTUATION = re.compile(r"^[^\w\s]+$")
_NOT_SPOKEN = re.compile(r"[^\w]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A word (`text` begins with a space where its script has them, unless it continues the word before) or a run of
    punctuation.

    `start_s` and `end_s` are seconds from the start of the stream; `logprob` is the mean over the tokens.
    """

    text: str
    tokens: tuple[int, ...]
    start_s: float
    end_s: float
    logprob: float

    @property
    def is_punctuation(self) -> bool:
        """Whether nothing in it is spoken."""
        return _PUNCTUATION.match(self.text) is not None

    @property
    def starts_word(self) -> bool:
        """Whether it does not continue the word before it."""
        return self.text.startswith(" ") or not writes_spaces(self.text)

    @property
    def spoken(self) -> str:
        """The word as it sounds: no case, no punctuation. Hypotheses are compared by this."""
        return _NOT_SPOKEN.sub("", self.text).lower()


class WindowReader(Protocol):
    """What a model makes of one stream's audio. It may keep what it computed for as long as the audio is kept."""

    @property
    def max_window_samples(self) -> int:
        """The longest window the model takes."""

    @property
    def language(self) -> str | None:
        """The language the model found, once it has; None as well where it was told or knows one only."""

    def transcribe(self, start: int, end: int, *, prefix: list[int], guess: list[int]) -> list[Piece]:
        """What the audio from sample `start` up to `end` says after the `prefix`, which is certain.

        `guess` is what may follow it, to save work. The window is no longer than `max_window_samples`. Equal
        arguments give equal pieces.
        """

    def drop_before(self, start: int) -> None:
        """The samples before `start` are no longer needed: cut the buffer, as far as the model can spare it."""


class WindowModel(Protocol):
    """A model that transcribes windows of audio. Safe to use from several threads at once."""

    def open(self, audio: AudioBuffer, options: StreamOptions) -> WindowReader:
        """A reader of a fresh stream, whose options the engine has checked."""
