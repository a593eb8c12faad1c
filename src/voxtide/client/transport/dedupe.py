"""Deduplicates the text of one utterance. In: server messages. Out: transcript events, each word once.

A replayed utterance is transcribed again on another connection, perhaps differently. Emitted deltas are never revised:
the new transcript is aligned with them, and only its continuation is emitted. Servers may also omit or repeat text.
Knows no sockets and no other utterances.
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

_MIN_EXTRA_WORDS = 3
"""If a replayed transcript differs, it must exceed the emitted words by this many before the two are aligned."""

_WORD = re.compile(r"\s*\S+")


class UtteranceText:
    """One utterance's text so far. Times are in seconds of the caller's audio."""

    def __init__(self, start_s: float) -> None:
        """An utterance whose audio starts at `start_s`."""
        self._emitted = ""
        self._received = ""  # on this connection
        self._received_since_done = ""
        self._is_replaying = False
        self._has_pending_speech = False  # speech started during the replay, not emitted
        self._unsegmented = ""  # emitted, not yet in a segment
        self._segment_end_s = start_s
        self._server_time_s = start_s  # the latest time in the server's messages
        self._sent_to_s = start_s
        self._origin_s = start_s

    def restart(self, origin_s: float) -> None:
        """Start a replay from the beginning on a connection whose own audio started at `origin_s`."""
        self._origin_s = origin_s
        self._received = self._received_since_done = ""
        self._is_replaying = bool(self._emitted)
        self._has_pending_speech = False

    def add(self, message: ServerMessage, sent_to_s: float) -> list[TranscriptEvent]:
        """The events of a message, received when the audio up to `sent_to_s` had been sent."""
        self._sent_to_s = max(self._sent_to_s, sent_to_s)
        match message:
            case Text(text):
                self._received_since_done += text
                return self._add_text(text, is_complete=False)
            case InterimText(text) if not self._is_replaying:
                return [Interim(text, self._sent_to_s)]
            case SegmentText():
                return self._add_segment(message)
            case Language(language) if language:
                return [LanguageDetected(language, self._server_time_s)]  # unlike `_sent_to_s`, independent of timing
            case Speech():
                return self._add_speech(message)
            case Done():  # unsolicited
                return self._add_done(message, is_complete=False)
            case _:
                return []

    def finish(self, done: Done | None, end_s: float) -> list[TranscriptEvent]:
        """The last events of the utterance, whose audio ended at `end_s`. `done` is None if there was no request."""
        self._sent_to_s = end_s
        events = self._add_done(done, is_complete=True) if done else []
        if self._unsegmented.strip():
            segment = Segment(self._unsegmented.strip(), self._segment_end_s, end_s)
            events.append(SegmentEnded(segment, end_s))
            self._unsegmented = ""
        return events

    def has_deltas_of(self, done: Done) -> bool:
        """Whether deltas arrived since the last `Done`, and this one can be their final text."""
        return bool(self._received_since_done.strip()) and matches_deltas(self._received_since_done, done.text)

    def _add_done(self, done: Done, *, is_complete: bool) -> list[TranscriptEvent]:
        missing = missing_text(self._received_since_done, done.text)
        self._received_since_done = ""
        events = self._add_text(missing, is_complete=is_complete)
        for segment in done.segments:
            events += self._add_segment(segment)
        return events

    def _add_speech(self, speech: Speech) -> list[TranscriptEvent]:
        """During replay, drop events older than the last one emitted; emit the resulting state with new text."""
        time_s = self._origin_s + speech.time_s
        if self._is_replaying and time_s <= self._server_time_s:
            self._has_pending_speech = speech.is_starting
            return []
        self._has_pending_speech = False
        audio_s = self._server_time_s = self._clamped(time_s)
        return [SpeechStarted(audio_s) if speech.is_starting else SpeechStopped(audio_s)]

    def _add_text(self, text: str, *, is_complete: bool) -> list[TranscriptEvent]:
        self._received += text
        events: list[TranscriptEvent] = []
        if self._is_replaying:
            new = continuation(self._emitted, self._received, is_complete=is_complete)
            if not new:
                return []
            self._is_replaying = False
            text = new
            events = [SpeechStarted(self._server_time_s)] if self._has_pending_speech else []
        if not text:
            return []
        self._emitted += text
        self._unsegmented += text
        return [*events, Delta(text, self._sent_to_s)]

    def _add_segment(self, segment: SegmentText) -> list[TranscriptEvent]:
        """Emit a segment if it matches the next emitted text. Otherwise it is a repeat, or `finish` covers its text."""
        end = end_of_prefix(self._unsegmented, segment.text) if segment.text.strip() else None
        if end is None:
            return []
        self._unsegmented = self._unsegmented[end:]
        start_s = self._clamped(self._origin_s + segment.start_s)
        end_s = max(start_s, self._clamped(self._origin_s + segment.end_s))
        self._segment_end_s = self._server_time_s = end_s
        return [SegmentEnded(Segment(segment.text.strip(), start_s, end_s), end_s)]

    def _clamped(self, time_s: float) -> float:
        return min(max(time_s, self._segment_end_s), self._sent_to_s)


def continuation(emitted: str, received: str, *, is_complete: bool) -> str | None:
    """The part of `received` that continues `emitted`, with its leading white space.

    None if more text is needed to decide; never None if `received` `is_complete`.
    """
    end = end_of_prefix(received, emitted)
    if end is not None:
        return received[end:]
    if _without_spaces(emitted).startswith(_without_spaces(received)):
        return "" if is_complete else None
    words, emitted_words = _WORD.findall(received), emitted.split()
    if not is_complete and len(words) < len(emitted_words) + _MIN_EXTRA_WORDS:
        return None
    num_emitted = _num_emitted_words(emitted_words, [word.strip() for word in words])
    return _rest_of_word(emitted, words[:num_emitted]) + "".join(words[num_emitted:])


def missing_text(received: str, text: str) -> str:
    """What a final `text` adds to its deltas `received`; nothing if it repeats earlier text and ends with them."""
    if received.strip() and _without_spaces(text).endswith(_without_spaces(received)):
        return ""
    return continuation(received, text, is_complete=True) or ""


def matches_deltas(received: str, text: str) -> bool:
    """Whether a final `text` begins or ends with the deltas `received`."""
    deltas, final = _without_spaces(received), _without_spaces(text)
    return final.startswith(deltas) or final.endswith(deltas)


def end_of_prefix(text: str, prefix: str) -> int | None:
    """Index in `text` after `prefix`, ignoring white space; None if `text` starts differently."""
    index = 0
    for letter in _without_spaces(prefix):
        while index < len(text) and text[index].isspace():
            index += 1
        if index == len(text) or text[index] != letter:
            return None
        index += 1
    return index


def _num_emitted_words(emitted: list[str], received: list[str]) -> int:
    """How many `received` words correspond to the `emitted` ones: the prefix with the smallest edit distance."""
    emitted, received = [_normalized(word) for word in emitted], [_normalized(word) for word in received]
    distances = list(range(len(received) + 1))  # from the emitted words so far to each prefix of `received`
    for i, word in enumerate(emitted, 1):
        diagonal, distances[0] = distances[0], i
        for j, other in enumerate(received, 1):
            is_same = word == other or (i == len(emitted) and bool(word) and other.startswith(word))
            substituted = diagonal + (not is_same)
            diagonal, distances[j] = distances[j], min(distances[j] + 1, distances[j - 1] + 1, substituted)
    return min(range(len(distances)), key=lambda j: (distances[j], abs(j - len(emitted)), -j))


def _rest_of_word(emitted: str, words: list[str]) -> str:
    """The rest of the last emitted word, if it was emitted in part; `words` are the received words up to it."""
    if not (emitted.split() and words) or emitted[-1].isspace():
        return ""
    partial, whole = emitted.split()[-1], words[-1].strip()
    return whole[len(partial) :] if whole.lower().startswith(partial.lower()) else ""


def _without_spaces(text: str) -> str:
    return "".join(text.split())


def _normalized(word: str) -> str:
    """The word without case and punctuation."""
    return re.sub(r"[^\w']", "", word).lower()
