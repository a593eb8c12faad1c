"""A window's hypotheses. In: timed tokens of a model. Out: pieces: words, and the punctuation after them.

Knows no audio and no stability rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from voxtide.transcript.spacing import writes_spaces

_PUNCTUATION = re.compile(r"^[^\w\s]+$")
_NON_WORD = re.compile(r"[^\w]+")
_SENTENCE_ENDS = (".", "?", "!")


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
    def ends_sentence(self) -> bool:
        """Whether it is, or ends in, the punctuation after a sentence."""
        return self.text.endswith(_SENTENCE_ENDS)

    @property
    def starts_word(self) -> bool:
        """Whether it does not continue the word before it."""
        return self.text.startswith(" ") or not writes_spaces(self.text)

    @property
    def normalised(self) -> str:
        """The word in lower case and without punctuation. Hypotheses are compared by this."""
        return _NON_WORD.sub("", self.text).lower()


@dataclass(slots=True)
class WindowHypotheses:
    """The pieces that the latest updates of a window found after its final words."""

    pending: list[Piece] = field(default_factory=list)
    """What the last decision left non-final: the draft of the next one."""
    latest: list[Piece] = field(default_factory=list)
    """What the last update of any kind left non-final: the draft of the next interim update."""
    shown: list[Piece] = field(default_factory=list)
    """The beginning of `latest` that the interim text shows."""
    _speculation: list[Piece] | None = None
    _silence_start: int | None = None
    _speculation_end: int = 0

    def reset(self) -> None:
        """Forget all hypotheses."""
        self.pending, self.latest, self.shown = [], [], []
        self._speculation = None

    def speculate(self, pieces: list[Piece], *, silence_start: int | None, end: int) -> None:
        """Keep `pieces` as what the window has up to `end`, in the silence from `silence_start` on; None: in speech."""
        self._speculation, self._silence_start, self._speculation_end = pieces, silence_start, end

    def end_speculation(self) -> None:
        """Speech continues: drop the speculative hypothesis."""
        self._speculation = None

    def speculation(self, *, silence_start: int | None, end: int) -> list[Piece] | None:
        """The speculative hypothesis, if any; valid at its own end, and later as long as the silence lasts."""
        is_same_silence = silence_start is not None and silence_start == self._silence_start
        return self._speculation if is_same_silence or end == self._speculation_end else None
