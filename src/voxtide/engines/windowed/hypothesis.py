"""What a window of audio seems to say. In: timed tokens of a model. Out: pieces: words, and the punctuation after them.

Knows nothing of streams. A model that revises its text implements `WindowModel`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from voxtide.transcript.spacing import writes_spaces

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
    def normalised(self) -> str:
        """The word as it sounds: no case, no punctuation. Hypotheses are compared by this."""
        return _NOT_SPOKEN.sub("", self.text).lower()
