"""The span of audio that is transcribed at each update. In: its end. Out: the pieces after its final words.

The window begins with final words, its prefix: they are context for the words after them and are forced on the model.
Knows no VAD, no stability rules and no interim text. Positions are samples of the stream.
"""

from __future__ import annotations

from voxtide.engines.windowed.config import WindowedConfig
from voxtide.engines.windowed.final_text import WindowedFinalText
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.stability import drop_hallucinations, repeats_last_word
from voxtide.engines.windowed.window_model import WindowReader
from voxtide.types import SAMPLE_RATE_HZ

WORDLESS_S = 12.0
"""A window that is longer than this after a cut holds speech without words, such as singing: it is cut anywhere outside
a pending word. Longer than the context plus the longest wait for a word, shorter than the models' limits."""


class Window:
    """The window's start, and its transcription up to any end."""

    def __init__(self, reader: WindowReader, final_text: WindowedFinalText, config: WindowedConfig) -> None:
        self.start = 0
        self._reader = reader
        self._final_text = final_text
        self._config = config

    def restart(self, start: int) -> None:
        """Begin a new window at `start`, without a prefix."""
        self.start = start
        self._final_text.drop_before(float("inf"))

    def duration_s(self, end: int) -> float:
        """The window's length if it ends at `end`."""
        return (end - self.start) / SAMPLE_RATE_HZ

    def transcribe(self, end: int, draft: list[Piece]) -> list[Piece]:
        """The pieces up to `end`, after the final words. Restart the window if they repeat the last final word."""
        pieces = self._transcribe(self.start, end, self._final_text.prefix_tokens, draft)
        if not repeats_last_word(pieces, self._final_text.prefix):
            return pieces
        self.restart(max(self.start, round(self._final_text.end_s * SAMPLE_RATE_HZ)))
        return self._transcribe(self.start, end, [], [])

    def transcribe_interim(self, end: int, draft: list[Piece]) -> list[Piece]:
        """The same with fewer final words as context. Changes no state, so that it may be skipped."""
        start_s = self._final_text.latest_word_start_s(self._final_text.end_s - self._config.interim_context_s)
        if start_s is None:
            return self._transcribe(self.start, end, self._final_text.prefix_tokens, draft)
        return self._transcribe(round(start_s * SAMPLE_RATE_HZ), end, self._final_text.tokens_from(start_s), draft)

    def _transcribe(self, start: int, end: int, prefix: list[int], draft: list[Piece]) -> list[Piece]:
        draft_tokens = [token for piece in draft for token in piece.tokens]
        max_samples = self._reader.max_window_samples
        if end - start > max_samples:  # no word has become final since, so the prefix lies before it
            start, prefix, draft_tokens = end - max_samples, [], []
        pieces = self._reader.transcribe(start, end, prefix=prefix, draft=draft_tokens)
        if self._final_text.ends_in_punctuation and pieces and pieces[0].is_punctuation:
            del pieces[0]
        return drop_hallucinations(pieces)

    def cut(self, end: int, pending: list[Piece]) -> None:
        """Cut a window longer than `max_window_s` at a final word. `pending` are the pieces that are not final."""
        if self.duration_s(end) <= self._config.max_window_s:
            return
        now_s = end / SAMPLE_RATE_HZ
        start_s = self._final_text.latest_word_start_s(self._final_text.end_s - self._config.context_s)
        if start_s is None or now_s - start_s > WORDLESS_S:
            start_s = self._cut_without_words_s(now_s, pending) if self.duration_s(end) > WORDLESS_S else None
        if start_s is not None and start_s > self.start / SAMPLE_RATE_HZ:
            self._final_text.drop_before(start_s)
            self.start = round(start_s * SAMPLE_RATE_HZ)
            self._reader.drop_before(self.start)

    def _cut_without_words_s(self, now_s: float, pending: list[Piece]) -> float:
        """Keep as much context as possible, and do not cut a pending word."""
        open_s = pending[0].start_s if pending else now_s
        return max(self._final_text.end_s, min(now_s - self._config.context_s, open_s))
