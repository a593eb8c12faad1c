"""A windowed stream's final text. In: pieces that became final. Out: deltas, segments, flush answers, the prefix.

Knows no audio and no model. Positions are seconds of the stream.
"""

from __future__ import annotations

from dataclasses import replace

from voxtide.engines.final_text import FinalText
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.transcript.events import Delta, Flushed, SegmentEnded
from voxtide.types import Word

MAX_STRETCH_S = 0.6
"""A segment's last word is extended to the end of speech if that is at most this later: models end it too early."""


class WindowedFinalText:
    """The final text of the current flush, the open segment and the current window."""

    def __init__(self) -> None:
        self.prefix: list[Piece] = []
        """The final pieces inside the window. Every hypothesis begins with them, except for a last punctuation."""
        self._final = FinalText()
        self._words: list[Word] = []  # of the open segment
        self._speech_start_s = 0.0  # the segment's first word begins after the last word and after the onset of speech

    @property
    def end_s(self) -> float:
        """The end of the window's last final word; 0 if it has none."""
        return self.prefix[-1].end_s if self.prefix else 0.0

    @property
    def segment_pieces(self) -> list[Piece]:
        """The final pieces of the open segment that the window holds."""
        return [piece for piece in self.prefix if self._words and piece.end_s > self._words[0].start_s]

    @property
    def open_start_s(self) -> float:
        """No later word begins much before this: the end of the last final word, or the onset of speech after it."""
        return max(self.end_s, self._speech_start_s)

    @property
    def prefix_tokens(self) -> list[int]:
        """The tokens that every hypothesis of the window begins with."""
        return self.tokens_from(0.0)

    def tokens_from(self, start_s: float) -> list[int]:
        """The same from `start_s` on. Without the last punctuation: a full stop at a flush may not end the sentence."""
        pieces = self.prefix[:-1] if self.ends_in_punctuation else self.prefix
        return [token for piece in pieces if piece.start_s >= start_s for token in piece.tokens]

    @property
    def ends_in_punctuation(self) -> bool:
        """Whether the prefix ends in punctuation, which a hypothesis that begins with punctuation repeats."""
        return bool(self.prefix) and self.prefix[-1].is_punctuation

    @property
    def ends_before_speech(self) -> bool:
        """Whether all final words of the window belong to earlier utterances."""
        return self.end_s <= self._speech_start_s

    def begin_speech(self, onset_s: float) -> None:
        """Speech begins: no later word may begin before `onset_s`."""
        self._speech_start_s = max(self._speech_start_s, onset_s)

    def add(self, pieces: list[Piece], audio_s: float) -> list[Delta]:
        """Append pieces from the audio up to `audio_s`."""
        text = ""
        for piece in pieces:
            written = self._capitalise(replace(piece, end_s=min(piece.end_s, audio_s)))
            self.prefix.append(written)
            if self._words or not written.is_punctuation:  # punctuation of the ended segment comes too late
                self._add_word(written)
                text += written.text
        deltas = [Delta(self._strip_at_start(text), audio_s)] if text else []
        self._final.add(text)
        return deltas

    def interim_text(self, pieces: list[Piece]) -> str:
        """The interim text of pieces: as it would follow the final text."""
        if not self._words and pieces and pieces[0].is_punctuation:
            pieces = pieces[1:]
        return self._strip_at_start("".join(piece.text for piece in pieces))

    def _strip_at_start(self, text: str) -> str:
        """Remove the space before the stream's first word."""
        return text if self._final.has_text else text.lstrip()

    def _capitalise(self, piece: Piece) -> Piece:
        """Capitalise a piece that begins a sentence: the model may have preferred other punctuation before it."""
        begins_sentence = bool(self.prefix) and self.prefix[-1].ends_sentence
        if begins_sentence and piece.text.startswith(" "):
            return replace(piece, text=" " + piece.text[1:2].upper() + piece.text[2:])
        return piece

    def _add_word(self, piece: Piece) -> None:
        starts_word = piece.starts_word or not self._words
        if starts_word and not piece.is_punctuation:
            start_s = max(piece.start_s, self._words[-1].end_s if self._words else self._speech_start_s)
            self._words.append(Word(piece.text.strip(), start_s, max(start_s, piece.end_s)))
        elif self._words:
            last = self._words[-1]
            end_s = last.end_s if piece.is_punctuation else max(last.end_s, piece.end_s)
            self._words[-1] = Word(last.text + piece.text, last.start_s, end_s)

    def end_segment(self, speech_end_s: float, audio_s: float) -> list[SegmentEnded]:
        """Close the segment, if it has words. Its speech ended at `speech_end_s`."""
        if self._words and 0 < speech_end_s - self._words[-1].end_s <= MAX_STRETCH_S:
            self._words[-1] = replace(self._words[-1], end_s=speech_end_s)
        words, self._words = self._words, []
        self._speech_start_s = words[-1].end_s if words else self._speech_start_s
        return self._final.end_segment(words, audio_s)

    def answer(self, flush_id: int, audio_s: float) -> Flushed:
        """Answer a flush with the final text since the previous flush."""
        return self._final.answer(flush_id, audio_s)

    def latest_word_start_s(self, before_s: float) -> float | None:
        """The start of the last whole word that begins at or before `before_s`; the window may be cut there."""
        starts = [p.start_s for p in self.prefix if p.starts_word and p.start_s <= before_s]
        return starts[-1] if starts else None

    def drop_before(self, start_s: float) -> None:
        """Drop the prefix's pieces before `start_s`, the new start of the window."""
        while self.prefix and (self.prefix[0].start_s < start_s or self.prefix[0].is_punctuation):
            del self.prefix[0]
