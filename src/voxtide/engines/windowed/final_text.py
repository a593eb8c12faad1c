"""What has been said for good. In: pieces that became final. Out: deltas, segments, flush answers, the forced prefix.

Knows no audio and no model; positions are seconds of the caller's audio.
"""

from __future__ import annotations

from dataclasses import replace

from voxtide.engines.final_text import FinalText
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.transcript.events import Delta, Flushed, SegmentEnded
from voxtide.types import Word

MAX_STRETCH_S = 0.6
"""A segment's last word reaches to the end of speech if that is no further away: models find the end of it early."""

SENTENCE_ENDS = (".", "?", "!")


class WindowedFinalText:
    """The final text of one stream, as far as it is still of use: this flush's, this segment's, this window's."""

    def __init__(self) -> None:
        self.prefix: list[Piece] = []
        """Final pieces inside the window, times counted from the start of the audio: what a hypothesis begins with."""
        self._final = FinalText()
        self._words: list[Word] = []  # of the open segment
        self._earliest_s = 0.0  # where the segment's first word can begin: after the one before it, and in its speech

    @property
    def end_s(self) -> float:
        """Where the last final word of the window ends; 0 when there is none."""
        return self.prefix[-1].end_s if self.prefix else 0.0

    @property
    def prefix_tokens(self) -> list[int]:
        """The tokens of the prefix."""
        return self.tokens_from(0.0)

    def tokens_from(self, start_s: float) -> list[int]:
        """The tokens of the prefix's pieces that begin at `start_s` or later."""
        return [token for piece in self.prefix if piece.start_s >= start_s for token in piece.tokens]

    @property
    def ends_in_punctuation(self) -> bool:
        """Whether the window's final text ends so; a hypothesis that begins with punctuation repeats it."""
        return bool(self.prefix) and self.prefix[-1].is_punctuation

    def begin_speech(self, onset_s: float) -> None:
        """Speech begins: no word of it lies before `onset_s`, whatever a model finds in the pause."""
        self._earliest_s = max(self._earliest_s, onset_s)

    def add(self, pieces: list[Piece], audio_s: float) -> list[Delta]:
        """Make pieces final, found in the audio up to `audio_s`."""
        text = ""
        for piece in pieces:
            written = self._in_sentence(replace(piece, end_s=min(piece.end_s, audio_s)))
            self.prefix.append(written)
            if self._words or not written.is_punctuation:  # what ends the segment before comes too late to be told
                self._add_word(written)
                text += written.text
        deltas = [Delta(self._after_silence(text), audio_s)] if text else []
        self._final.add(text)
        return deltas

    def as_shown(self, pieces: list[Piece]) -> str:
        """The text of pieces as it would follow what the stream has told so far."""
        if not self._words and pieces and pieces[0].is_punctuation:
            pieces = pieces[1:]
        return self._after_silence("".join(piece.text for piece in pieces))

    def _after_silence(self, text: str) -> str:
        """Nothing precedes the first word of a stream, so no space does."""
        return text if self._final.has_text else text.lstrip()

    def _in_sentence(self, piece: Piece) -> Piece:
        """A piece that begins a sentence begins with a capital: the model may have meant another punctuation."""
        begins_sentence = bool(self.prefix) and self.prefix[-1].text.endswith(SENTENCE_ENDS)
        if begins_sentence and piece.text.startswith(" "):
            return replace(piece, text=" " + piece.text[1:2].upper() + piece.text[2:])
        return piece

    def _add_word(self, piece: Piece) -> None:
        starts_word = piece.starts_word or not self._words
        if starts_word and not piece.is_punctuation:
            start_s = max(piece.start_s, self._words[-1].end_s if self._words else self._earliest_s)
            self._words.append(Word(piece.text.strip(), start_s, max(start_s, piece.end_s)))
        elif self._words:
            last = self._words[-1]
            end_s = last.end_s if piece.is_punctuation else max(last.end_s, piece.end_s)
            self._words[-1] = Word(last.text + piece.text, last.start_s, end_s)

    def end_segment(self, speech_end_s: float, audio_s: float) -> list[SegmentEnded]:
        """Close the segment, if anything was said in it. Its speech ended at `speech_end_s`."""
        if self._words and 0 < speech_end_s - self._words[-1].end_s <= MAX_STRETCH_S:
            self._words[-1] = replace(self._words[-1], end_s=speech_end_s)
        words, self._words = self._words, []
        self._earliest_s = words[-1].end_s if words else self._earliest_s
        return self._final.end_segment(words, audio_s)

    def answer(self, flush_id: int, audio_s: float) -> Flushed:
        """Answer a flush with what became final since the one before."""
        return self._final.answer(flush_id, audio_s)

    def latest_start_s(self, before_s: float) -> float | None:
        """Where the window may be cut: the start of the last whole word that begins by `before_s`."""
        starts = [p.start_s for p in self.prefix if p.starts_word and p.start_s <= before_s]
        return starts[-1] if starts else None

    def forget_before(self, start_s: float) -> None:
        """The window now starts at `start_s`: drop the prefix's pieces that begin before it."""
        while self.prefix and (self.prefix[0].start_s < start_s or self.prefix[0].is_punctuation):
            del self.prefix[0]
