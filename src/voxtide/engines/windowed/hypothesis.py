"""A window's hypotheses. In: timed tokens of a model. Out: pieces: words, and the punctuation after them.

Knows no audio and no stability rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from voxtide.transcript.spacing import writes_spaces

_PUNCTUATION = re.compile(r"^[^\w\s]+$")
_NON_WORD = re.compile(r"[^\w]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A word or a run of punctuation.

    The text of a word begins with a space if its script has spaces, unless the piece continues the word before it.
    `start_s` and `end_s` are seconds from the start of the stream; `logprob` is the mean over the tokens.
    """

    text: str
    tokens: tuple[int, ...]
    start_s: float
    end_s: float
    logprob: float

    @property
    def is_punctuation(self) -> bool:
        """Whether it has no letters or digits."""
        return _PUNCTUATION.match(self.text) is not None

    @property
    def starts_word(self) -> bool:
        """Whether it does not continue the word before it."""
        return self.text.startswith(" ") or not writes_spaces(self.text)

    @property
    def normalised(self) -> str:
        """The word in lower case and without punctuation. Hypotheses are compared by this."""
        return _NON_WORD.sub("", self.text).lower()
