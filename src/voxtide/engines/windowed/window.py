"""The stretch of a stream's audio that is transcribed again and again. In: where it ends. Out: pieces after its prefix.

The window begins with words that are final, its prefix: they help the model to hear what follows, and are forced on it.
Knows nothing of speech gates, of deadlines or of what anybody is shown. Positions are samples of the stream.
"""

from __future__ import annotations

from voxtide.engines.windowed.config import WindowedConfig
from voxtide.engines.windowed.final_text import WindowedFinalText
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.stability import drop_hallucinations, repeats_last_word
from voxtide.engines.windowed.window_model import WindowReader
from voxtide.types import SAMPLE_RATE_HZ

WORDLESS_S = 12.0
"""A window still longer than this after a cut holds a voice without words, such as singing: it is cut anywhere but in a
word that may still go on. Longer than the context and the longest wait for a word, shorter than what models take."""


class Window:
    """Where the window begins, and what it says."""

    def __init__(self, reader: WindowReader, final_text: WindowedFinalText, config: WindowedConfig) -> None:
        self.start = 0
        self._reader = reader
        self._final_text = final_text
        self._config = config

    def begin(self, start: int) -> None:
        """Start anew at `start`, without any words before it."""
        self.start = start
        self._final_text.forget_before(float("inf"))

    def duration_s(self, end: int) -> float:
        """How long the window is if it ends at `end`."""
        return (end - self.start) / SAMPLE_RATE_HZ

    def transcribe(self, end: int, draft: list[Piece]) -> list[Piece]:
        """What it says up to `end`, after what is final. Where the last final word led the model astray, start anew."""
        pieces = self._read(self.start, end, self._final_text.prefix_tokens, draft)
        if not repeats_last_word(pieces, self._final_text.prefix):
            return pieces
        self.begin(max(self.start, round(self._final_text.end_s * SAMPLE_RATE_HZ)))
        return self._read(self.start, end, [], [])

    def transcribe_interim(self, end: int, draft: list[Piece]) -> list[Piece]:
        """The same from fewer final words. It changes nothing, so that it may be left out."""
        start_s = self._final_text.latest_start_s(self._final_text.end_s - self._config.interim_context_s)
        if start_s is None:
            return self._read(self.start, end, self._final_text.prefix_tokens, draft)
        return self._read(round(start_s * SAMPLE_RATE_HZ), end, self._final_text.tokens_from(start_s), draft)

    def _read(self, start: int, end: int, prefix: list[int], draft: list[Piece]) -> list[Piece]:
        drafted = [token for piece in draft for token in piece.tokens]
        longest = self._reader.max_window_samples
        if end - start > longest:  # nothing has become final for so long, so the prefix lies further back
            start, prefix, drafted = end - longest, [], []
        pieces = self._reader.transcribe(start, end, prefix=prefix, draft=drafted)
        if self._final_text.ends_in_punctuation and pieces and pieces[0].is_punctuation:
            del pieces[0]
        return drop_hallucinations(pieces)

    def cut(self, end: int, undecided: list[Piece]) -> None:
        """Shorten a window that has grown too long, at a word that is final. `undecided` is what is not."""
        if self.duration_s(end) <= self._config.max_window_s:
            return
        now_s = end / SAMPLE_RATE_HZ
        start_s = self._final_text.latest_start_s(self._final_text.end_s - self._config.context_s)
        if start_s is None or now_s - start_s > WORDLESS_S:
            start_s = self._wordless_start_s(now_s, undecided) if self.duration_s(end) > WORDLESS_S else None
        if start_s is not None and start_s > self.start / SAMPLE_RATE_HZ:
            self._final_text.forget_before(start_s)
            self.start = round(start_s * SAMPLE_RATE_HZ)
            self._reader.drop_before(self.start)

    def _wordless_start_s(self, now_s: float, undecided: list[Piece]) -> float:
        """As much context as there may be without cutting a word in two."""
        open_s = undecided[0].start_s if undecided else now_s
        return max(self._final_text.end_s, min(now_s - self._config.context_s, open_s))
