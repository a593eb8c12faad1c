"""A stream's final and interim text. In: the text of tokens, frame by frame. Out: deltas, segments, flush answers.

The model only marks groups of words, so word times are estimates: a group ends with its frame, and its words share the
time since the previous group in proportion to their length. Knows no model and no look-ahead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from voxtide.engines.final_text import FinalText
from voxtide.transcript.events import Delta, Interim, SegmentEnded, TranscriptEvent
from voxtide.types import Word
from voxtide.voxtral.config import TOKEN_MS, WORD

VOXTRAL_FRAME_S = TOKEN_MS / 1000

SEGMENT_GAP_FRAMES = 10
"""Frames without text that end a segment: 0.8 s, a pause between sentences."""

MAX_SEGMENT_S = 30.0
"""Upper bound of a segment, which bounds the memory for speech without a pause."""

MIN_WORD_S = 0.12
LETTER_S = 0.065
"""Estimated duration of a word: at least the first, and the second per letter, about 15 letters a second."""

_PARTS = re.compile(r"\S+")


@dataclass(slots=True)
class _GroupWord:
    """A word, and the end time of its group."""

    text: str
    end_s: float


class VoxtralFinalText:
    """The text and words of the open segment, and the interim text shown after them."""

    def __init__(self) -> None:
        self._final = FinalText()
        self._words: list[_GroupWord] = []  # of the open segment
        self._ends_in_space = True
        self._last_end_s = 0.0  # of the previous segment
        self._group_frame: int | None = None  # of a marker that no text follows yet
        self._group_end_s = 0.0
        self._text_frame = 0
        self._interim = ""

    def push(self, frame: int, token: int, text: str, audio_s: float) -> list[TranscriptEvent]:
        """Take the next token; `audio_s` is the length of the caller's audio so far."""
        now_s = min((frame + 1) * VOXTRAL_FRAME_S, audio_s)
        if token == WORD:
            self._group_frame = frame
        if not text:
            return [*self.end_segment(now_s)] if frame - self._text_frame >= SEGMENT_GAP_FRAMES else []
        begins_group, self._group_frame = self._group_frame is not None or not self._words, None
        if begins_group:
            self._group_end_s = now_s
        events: list[TranscriptEvent] = []
        if self._words and now_s - self._words[0].end_s > MAX_SEGMENT_S and text[0].isspace():
            events += self.end_segment(now_s)
        self._add(text, begins_group=begins_group)
        self._text_frame = frame
        return [*events, Delta(text, now_s), *self._shorten(text, now_s)]

    def _add(self, text: str, *, begins_group: bool) -> None:
        """Words begin after white space, and where a group begins with a letter, for languages without spaces."""
        for part in _PARTS.finditer(text):
            is_first = part.start() == 0
            begins_word = self._ends_in_space or not is_first or (begins_group and part[0][0].isalnum())
            if begins_word or not self._words:
                self._words.append(_GroupWord(part[0], self._group_end_s))
            else:
                self._words[-1].text += part[0]
        self._ends_in_space = text[-1].isspace()
        self._final.add(text)

    def end_segment(self, audio_s: float) -> list[SegmentEnded]:
        """Close the segment if it has words. They end at `audio_s` at the latest."""
        words = _timed(self._words, self._last_end_s, audio_s)
        self._words, self._ends_in_space = [], True
        self._last_end_s = words[-1].end_s if words else self._last_end_s
        return self._final.end_segment(words, audio_s)

    def answer(self, flush_id: int, audio_s: float) -> list[TranscriptEvent]:
        """Answer a flush with the text since the previous one. Ends the segment."""
        return [*self.end_segment(audio_s), *self.show("", audio_s), self._final.answer(flush_id, audio_s)]

    def show(self, interim: str, audio_s: float) -> list[Interim]:
        """Replace the interim text; no event if it is unchanged."""
        if interim == self._interim:
            return []
        self._interim = interim
        return [Interim(interim, audio_s)]

    def _shorten(self, text: str, now_s: float) -> list[Interim]:
        """Remove text that became final from the interim text."""
        rest = self._interim.removeprefix(text)
        return self.show(rest if len(rest) < len(self._interim) else "", now_s)


def _timed(words: list[_GroupWord], since_s: float, until_s: float) -> tuple[Word, ...]:
    """Give each word a time before the end of its group and after all words before it."""
    timed: list[Word] = []
    position = 0
    while position < len(words):
        end_s = words[position].end_s
        group = [word for word in words[position:] if word.end_s == end_s]
        timed += _shared(group, since_s, max(since_s, min(end_s, until_s)))
        since_s = timed[-1].end_s
        position += len(group)
    return tuple(timed)


def _shared(group: list[_GroupWord], since_s: float, end_s: float) -> list[Word]:
    """Place a group's words one after another, ending at the group's end; shorten them if the time is too short."""
    lengths_s = [max(MIN_WORD_S, LETTER_S * len(word.text)) for word in group]
    scale = min(1.0, (end_s - since_s) / sum(lengths_s))
    edges_s = [max(since_s, end_s - scale * sum(lengths_s[number:])) for number in range(len(group))] + [end_s]
    return [
        Word(word.text, edges_s[number], edges_s[number + 1], is_estimated=True) for number, word in enumerate(group)
    ]
