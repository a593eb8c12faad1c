"""The span of audio that is transcribed at each update. In: its end, speech frames. Out: pieces after final words.

The window begins with final words, its prefix: they are context for the words after them and are forced on the model.
If the model leaves speech without words, the window is transcribed once more without them.

Knows no stability rules and no interim text. Positions are samples of the stream.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

from voxtide.audio.vad import VAD_FRAME_S, VAD_FRAME_SAMPLES
from voxtide.engines.windowed.config import WindowedConfig
from voxtide.engines.windowed.final_text import WindowedFinalText
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.stability import (
    drop_hallucinations,
    drop_repeated_end,
    is_misplaced,
    mean_logprob,
    repeats_last_word,
)
from voxtide.engines.windowed.window_model import WindowReader, WindowRequest
from voxtide.types import SAMPLE_RATE_HZ

WORDLESS_S = 12.0
"""A window that is longer than this after a cut holds speech without words, such as singing: it is cut anywhere outside
a pending word. Longer than the context plus the longest wait for a word, shorter than the models' limits."""

UNTRANSCRIBED_S = 1.0
"""This much speech without a word is transcribed again when speech ends, and reported if that fails. Three short words
last as long."""

ONE_WORD_S = 0.25
"""From this much speech on, doubtful text is kept: a short word said alone, such as a number, is less probable than
words in a sentence. The VAD takes no breath, click or tone of this length for speech."""

RETRY_EVERY_S = 2.0
"""Least audio between two retries during speech: bounds their cost for singing, which never gets words."""


class SpeechRecord:
    """Which frames the VAD took for speech, from the start of the window on."""

    def __init__(self) -> None:
        self._frames: deque[bool] = deque()  # bounded by `drop_before`, like the audio
        self._first = 0

    def append(self, is_speech: bool) -> None:
        """Add the next frame."""
        self._frames.append(is_speech)

    def drop_before(self, start: int) -> None:
        """Forget the frames before sample `start`."""
        while self._frames and (self._first + 1) * VAD_FRAME_SAMPLES <= start:
            self._frames.popleft()
            self._first += 1

    def speech_s(self, start_s: float, end_s: float) -> float:
        """How much speech lies between two times of the stream."""
        first = max(0, round(start_s / VAD_FRAME_S) - self._first)
        last = max(first, round(end_s / VAD_FRAME_S) - self._first)
        return VAD_FRAME_S * sum(islice(self._frames, first, last))


class Window:
    """The window's start, and its transcription up to any end."""

    def __init__(self, reader: WindowReader, final_text: WindowedFinalText, config: WindowedConfig) -> None:
        self.start = 0
        self.speech = SpeechRecord()
        self._reader = reader
        self._final_text = final_text
        self._config = config
        self._next_retry_s = 0.0

    def restart(self, start: int) -> None:
        """Begin a new window at `start`, without a prefix."""
        self.start = start
        self._final_text.drop_before(float("inf"))

    @property
    def _open_start(self) -> int:
        """The start of the audio whose words may still come: speech that got none at its end has been judged."""
        return max(self.start, round(self._final_text.open_start_s * SAMPLE_RATE_HZ))

    def duration_s(self, end: int) -> float:
        """The window's length if it ends at `end`."""
        return (end - self.start) / SAMPLE_RATE_HZ

    def transcribe(self, end: int, draft: list[Piece], *, is_last: bool = False) -> list[Piece]:
        """The pieces up to `end`, after the final words.

        Restart the window after the final words if the model repeats the last of them, follows other audio than the
        open speech, or leaves speech without words: it may be stuck at the forced prefix.

        `is_last`: speech seems to end here. Otherwise a later update, with more audio, usually finds the words, and
        with the prefix finds better ones: the window is transcribed again only if much speech has none.
        """
        pieces = self._transcribe(self.start, end, self._final_text.prefix_tokens, draft, is_last=is_last)
        if not self._final_text.prefix:
            return self._with_rest(pieces, end) if is_last else pieces
        open_start = self._open_start
        if repeats_last_word(pieces, self._final_text.prefix) or is_misplaced(pieces, self._final_text.open_start_s):
            self.restart(open_start)
            return self._transcribe(self.start, end, [], [], is_last=is_last)
        is_due = is_last or end / SAMPLE_RATE_HZ >= self._next_retry_s
        if is_due and self._untranscribed_s(pieces, end) >= (UNTRANSCRIBED_S if is_last else self._config.stuck_s):
            self._next_retry_s = end / SAMPLE_RATE_HZ + RETRY_EVERY_S
            again = self._transcribe(open_start, end, [], [], is_last=is_last)
            if self._is_probable(again) and self._untranscribed_s(again, end) < UNTRANSCRIBED_S:
                self.restart(open_start)
                return again
        return pieces

    def without_context(self, pieces: list[Piece], end: int, *, is_last: bool = False) -> list[Piece]:
        """The pieces, or those of the utterance by itself if they are more probable; the window then restarts with it.

        The words of an earlier utterance are context that usually helps. But the model sometimes continues them instead
        of transcribing what follows. If it finds no words in context, there are none: by itself, it makes words of a
        breath.
        """
        has_context = bool(self._final_text.prefix) and self._final_text.ends_before_speech
        if not self._config.checks_context or not has_context or not _words(pieces):
            return pieces
        start = self._open_start
        alone = self._transcribe(start, end, [], pieces, is_last=is_last)
        if _words(alone) == _words(pieces) or _logprob(alone) <= _logprob(pieces):
            return pieces
        self.restart(start)
        return alone

    def _with_rest(self, pieces: list[Piece], end: int) -> list[Piece]:
        """The pieces of a window without a prefix, and those of the speech after its last word, if there is much."""
        words = [piece for piece in pieces if not piece.is_punctuation]
        if not words or not self.has_speech(words[-1].end_s, end / SAMPLE_RATE_HZ):
            return pieces
        rest = self._transcribe(round(words[-1].end_s * SAMPLE_RATE_HZ), end, [], [], is_last=True)
        return [*pieces, *rest] if self._is_probable(rest) else pieces

    def _is_probable(self, pieces: list[Piece]) -> bool:
        words = [piece for piece in pieces if not piece.is_punctuation]
        return bool(words) and mean_logprob(words) >= self._config.stability.min_logprob

    def _untranscribed_s(self, pieces: list[Piece], end: int) -> float:
        """The longest open speech that has no word."""
        words = [piece for piece in pieces if not piece.is_punctuation]
        starts_s = [self._open_start / SAMPLE_RATE_HZ, *(word.end_s for word in words)]
        ends_s = [*(word.start_s for word in words), end / SAMPLE_RATE_HZ]
        return max(self.speech.speech_s(start_s, end_s) for start_s, end_s in zip(starts_s, ends_s, strict=True))

    def has_speech(self, start_s: float, end_s: float) -> bool:
        """Whether the VAD is sure of speech between two times of the stream."""
        return self.speech.speech_s(start_s, end_s) >= UNTRANSCRIBED_S

    def has_word(self, start_s: float, end_s: float) -> bool:
        """Whether the VAD detected enough speech for a word between two times of the stream."""
        return self.speech.speech_s(start_s, end_s) >= ONE_WORD_S

    def transcribe_interim(self, end: int, draft: list[Piece]) -> list[Piece]:
        """The same with fewer final words as context. Changes no state, so that it may be skipped."""
        if self._config.confirm_words is not None and self._final_text.ends_before_speech:
            return self._transcribe(self._open_start, end, [], draft)
        start_s = self._final_text.latest_word_start_s(self._final_text.end_s - self._config.interim_context_s)
        if start_s is None:
            return self._transcribe(self.start, end, self._final_text.prefix_tokens, draft)
        return self._transcribe(round(start_s * SAMPLE_RATE_HZ), end, self._final_text.tokens_from(start_s), draft)

    def _transcribe(
        self, start: int, end: int, prefix: list[int], draft: list[Piece], *, is_last: bool = False
    ) -> list[Piece]:
        draft_tokens = [token for piece in draft for token in piece.tokens]
        max_samples = self._reader.max_window_samples
        if end - start > max_samples:  # no word has become final since, so the prefix lies before it
            start, prefix, draft_tokens = end - max_samples, [], []
        open_s = max(start / SAMPLE_RATE_HZ, self._final_text.open_start_s)
        is_speech = self.has_word(open_s, end / SAMPLE_RATE_HZ)
        pieces = self._reader.transcribe(WindowRequest(start, end, prefix, draft_tokens, is_speech, is_last))
        if self._final_text.ends_in_punctuation and pieces and pieces[0].is_punctuation:
            del pieces[0]
        final = self._final_text.prefix if prefix else []
        return drop_repeated_end(drop_hallucinations(pieces, is_last=is_last), final)

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
            self.drop_before(self.start)

    def drop_before(self, start: int) -> None:
        """Release the audio before `start`, as far as the model does not need it."""
        self._reader.drop_before(start)
        self.speech.drop_before(start)

    def _cut_without_words_s(self, now_s: float, pending: list[Piece]) -> float:
        """Keep as much context as possible, and do not cut a pending word."""
        open_s = pending[0].start_s if pending else now_s
        return max(self._final_text.end_s, min(now_s - self._config.context_s, open_s))


def _words(pieces: list[Piece]) -> list[str]:
    return [piece.normalised for piece in pieces if not piece.is_punctuation]


def _logprob(pieces: list[Piece]) -> float:
    """The mean over the words' tokens; minus infinity without words."""
    words = [piece for piece in pieces if not piece.is_punctuation]
    return mean_logprob(words) if words else float("-inf")
