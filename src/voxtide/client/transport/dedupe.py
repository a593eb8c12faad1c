"""What a server says of one utterance becomes events. In: what was heard. Out: transcript events, each word once.

The utterance may be transcribed again on another connection, and the server may say less or more than it should.
Whatever comes, the deltas told are never taken back and their text is never told again. Knows no sockets and no order
between utterances.
"""

from __future__ import annotations

import re

from voxtide.client.dialects.base import Done, InterimText, Language, SegmentText, ServerMessage, Speech, Text
from voxtide.transcript.events import (
    Delta,
    Interim,
    LanguageDetected,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    TranscriptEvent,
)
from voxtide.types import Segment


class UtteranceText:
    """One utterance's text so far. Times are seconds of the caller's audio."""

    def __init__(self, start_s: float) -> None:
        """Begin an utterance whose audio begins at `start_s`."""
        self._told = ""
        self._heard = ""  # on this connection, of this utterance
        self._heard_since_done = ""
        self._is_catching_up = False
        self._is_speaking_unsaid = False  # as far as was heard again
        self._open_text = ""  # told, and not yet in a segment
        self._segment_end_s = start_s
        self._exact_s = start_s  # the last place in the audio that the server named
        self._now_s = start_s
        self._origin_s = start_s

    def restart(self, origin_s: float) -> None:
        """The audio is sent from its beginning on a new connection, whose own audio began at `origin_s`."""
        self._origin_s = origin_s
        self._heard = self._heard_since_done = ""
        self._is_catching_up = bool(self._told)
        self._is_speaking_unsaid = False

    def add(self, heard: ServerMessage, fed_s: float) -> list[TranscriptEvent]:
        """The events of what was heard, when the audio sent ended at `fed_s`."""
        self._now_s = max(self._now_s, fed_s)
        match heard:
            case Text(text):
                self._heard_since_done += text
                return self._hear(text, is_complete=False)
            case InterimText(text) if not self._is_catching_up:
                return [Interim(text, self._now_s)]
            case SegmentText():
                return self._end_segment(heard)
            case Language(language) if language:
                return [LanguageDetected(language, self._exact_s)]  # not `_now_s`, which is a matter of chance
            case Speech():
                return self._note_speech(heard)
            case Done():  # unasked
                return self._take(heard, is_complete=False)
            case _:
                return []

    def finish(self, done: Done | None, end_s: float) -> list[TranscriptEvent]:
        """The last events; the utterance's audio ended at `end_s`. None where there was nothing to ask the server."""
        self._now_s = end_s
        events = self._take(done, is_complete=True) if done else []
        if self._open_text.strip():
            segment = Segment(self._open_text.strip(), self._segment_end_s, end_s)
            events.append(SegmentEnded(segment, end_s))
            self._open_text = ""
        return events

    def has_text_of(self, done: Done) -> bool:
        """Whether deltas were heard since the last `Done`, and this one can be their end."""
        return bool(self._heard_since_done.strip()) and is_text_of(self._heard_since_done, done.text)

    def _take(self, done: Done, *, is_complete: bool) -> list[TranscriptEvent]:
        missing = missing_from(self._heard_since_done, done.text)
        self._heard_since_done = ""
        events = self._hear(missing, is_complete=is_complete)
        for part in done.parts:
            events += self._end_segment(part)
        return events

    def _note_speech(self, heard: Speech) -> list[TranscriptEvent]:
        """Not told where it lies before what was told on another connection; what it comes to is told with new text."""
        place_s = self._origin_s + heard.time_s
        if self._is_catching_up and place_s <= self._exact_s:
            self._is_speaking_unsaid = heard.is_starting
            return []
        self._is_speaking_unsaid = False
        audio_s = self._exact_s = self._clamped(place_s)
        return [SpeechStarted(audio_s) if heard.is_starting else SpeechStopped(audio_s)]

    def _hear(self, text: str, *, is_complete: bool) -> list[TranscriptEvent]:
        self._heard += text
        events: list[TranscriptEvent] = []
        if self._is_catching_up:
            new = beyond(self._told, self._heard, is_complete=is_complete)
            if not new:
                return []
            self._is_catching_up = False
            text = new
            events = [SpeechStarted(self._exact_s)] if self._is_speaking_unsaid else []
        if not text:
            return []
        self._told += text
        self._open_text += text
        return [*events, Delta(text, self._now_s)]

    def _end_segment(self, part: SegmentText) -> list[TranscriptEvent]:
        """A segment whose text is what was told next; another was told before, or will be told with the rest."""
        place = begins_with(self._open_text, part.text) if part.text.strip() else None
        if place is None:
            return []
        self._open_text = self._open_text[place:]
        start_s = self._clamped(self._origin_s + part.start_s)
        end_s = max(start_s, self._clamped(self._origin_s + part.end_s))
        self._segment_end_s = self._exact_s = end_s
        return [SegmentEnded(Segment(part.text.strip(), start_s, end_s), end_s)]

    def _clamped(self, time_s: float) -> float:
        return min(max(time_s, self._segment_end_s), self._now_s)


_MARGIN_WORDS = 3
"""Where the tellings differ, so many words past the told ones must be there before a border is drawn between them."""

_PIECE = re.compile(r"\s*\S+")


def beyond(told: str, heard: str, *, is_complete: bool) -> str | None:
    """The part of `heard` that continues `told`, with the white space before it.

    None where that cannot be known yet; never None where `heard` `is_complete`.
    """
    place = _place_after(told, heard)
    if place is not None:
        return heard[place:]
    if _letters(told).startswith(_letters(heard)):
        return "" if is_complete else None
    pieces = _PIECE.findall(heard)
    told_words = told.split()
    if not is_complete and len(pieces) < len(told_words) + _MARGIN_WORDS:
        return None
    num_same = _num_told(told_words, [piece.strip() for piece in pieces])
    return _rest_of_word(told, pieces[:num_same]) + "".join(pieces[num_same:])


def missing_from(heard: str, text: str) -> str:
    """What a final `text` says beyond the deltas `heard` of it. One that also repeats older text says nothing more."""
    if heard.strip() and _letters(text).endswith(_letters(heard)):
        return ""
    return beyond(heard, text, is_complete=True) or ""


def is_text_of(heard: str, text: str) -> bool:
    """Whether a final `text` can be that of the deltas `heard`: it begins or ends with them."""
    return _letters(text).startswith(_letters(heard)) or _letters(text).endswith(_letters(heard))


def begins_with(text: str, head: str) -> int | None:
    """The place in `text` right after `head`, white space aside; None where it begins otherwise."""
    return _place_after(head, text)


def _place_after(head: str, text: str) -> int | None:
    place = 0
    for letter in _letters(head):
        while place < len(text) and text[place].isspace():
            place += 1
        if place == len(text) or text[place] != letter:
            return None
        place += 1
    return place


def _num_told(told: list[str], heard: list[str]) -> int:
    """How many of the `heard` words tell what the `told` words told: the cut with the fewest differences."""
    told, heard = [_plain(word) for word in told], [_plain(word) for word in heard]
    row = list(range(len(heard) + 1))  # differences between the told words so far and each beginning of `heard`
    for i, word in enumerate(told, 1):
        above, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            is_same = word == other or (i == len(told) and bool(word) and other.startswith(word))
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (not is_same))
    return min(range(len(row)), key=lambda j: (row[j], abs(j - len(told)), -j))


def _rest_of_word(told: str, same: list[str]) -> str:
    """What is left to tell of the last told word, if it broke off in the middle."""
    if not (told.split() and same) or told[-1].isspace():
        return ""
    begun, whole = told.split()[-1], same[-1].strip()
    return whole[len(begun) :] if whole.lower().startswith(begun.lower()) else ""


def _letters(text: str) -> str:
    return "".join(text.split())


def _plain(word: str) -> str:
    """A word as it sounds: no case, no punctuation."""
    return re.sub(r"[^\w']", "", word).lower()
