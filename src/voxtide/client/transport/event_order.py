"""What utterances say becomes one story, in order, and waits to be read. In: events. Out: an iterator's events.

Utterances may be heard at the same time, on connections of their own; what a later one says waits for the earlier.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from copy import copy

from voxtide.client.events import ClientEvent, ConnectionLost, ConnectionReplaced
from voxtide.client.transport.replay_buffer import Ending, ReplayBuffer, Utterance
from voxtide.errors import VoxtideError
from voxtide.transcript.events import (
    Delta,
    Finished,
    Flushed,
    Interim,
    LanguageDetected,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    TranscriptEvent,
)
from voxtide.transcript.spacing import writes_spaces
from voxtide.types import Segment


class EventQueue:
    """Events told and not yet read. Whoever tells more audio waits for room first; what was sent is always told.

    Only what nobody asked for is dropped: an interim that another follows, and, before the first event is asked for,
    the oldest events past the bound.
    """

    def __init__(self, max_events: int) -> None:
        self._max_events = max_events
        self._events: deque[ClientEvent] = deque()
        self._is_over = False
        self._changed = asyncio.Event()
        self.has_reader = False

    def __len__(self) -> int:
        return len(self._events)

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be put."""
        return self._is_over

    @property
    def is_full(self) -> bool:
        """Whether no more audio should be sent until some are read."""
        return self.has_reader and len(self._events) >= self._max_events

    def put(self, event: ClientEvent) -> None:
        """Append an event; nothing after the end. An interim that follows an interim replaces it."""
        if self._is_over:
            return
        if isinstance(event, Interim) and self._events and isinstance(self._events[-1], Interim):
            self._events.pop()
        self._events.append(event)
        if not self.has_reader and len(self._events) > self._max_events:
            self._events.popleft()
        self._changed.set()

    def end(self, *, is_dropping: bool = False) -> None:
        """Nothing more will be put. What is there can still be read, unless it is dropped."""
        self._is_over = True
        if is_dropping:
            self._events.clear()
        self._changed.set()

    async def take(self) -> ClientEvent | None:
        """The oldest event; waits for one. None at the end."""
        while not self._events:
            if self._is_over:
                return None
            await self._change()
        event = self._events.popleft()
        self._changed.set()
        return event

    async def wait_for_space(self) -> None:
        """Wait until the outbox is not full."""
        while self.is_full and not self._is_over:
            await self._change()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class EventSequencer:
    """Tells a journal's utterances in order."""

    def __init__(self, replay_buffer: ReplayBuffer, outbox: EventQueue) -> None:
        self._replay_buffer = replay_buffer
        self._outbox = outbox
        self._waiting: dict[Utterance, list[TranscriptEvent]] = {}  # of utterances that are not the first
        self._text: list[str] = []  # since the last flush
        self._segments: list[Segment] = []
        self._last_letter = ""
        self._is_new_utterance = False
        self._has_interim = False
        self._language: str | None = None
        self._is_speaking = False
        self._flushes: deque[asyncio.Future[str]] = deque()
        self._num_flushes_told = 0

    def expect_flush(self, answer: asyncio.Future[str]) -> None:
        """A flush was asked for; `answer` gets its text. They are answered in order."""
        self._flushes.append(answer)

    def hear(self, utterance: Utterance, events: Iterable[TranscriptEvent]) -> None:
        """What was heard of an utterance: told now, or after those before it."""
        if utterance is not self._replay_buffer.utterances[0]:
            self._waiting.setdefault(utterance, []).extend(events)
            return
        for event in events:
            self._tell(event)

    def settle(self) -> None:
        """Tell the ends of all utterances that are answered and have none before them."""
        while self._replay_buffer.utterances and self._replay_buffer.utterances[0].is_answered:
            utterance = self._replay_buffer.utterances[0]
            self._tell_end(utterance)
            self._replay_buffer.drop(utterance)
            self._is_new_utterance = True
            if self._replay_buffer.utterances:
                self.hear(self._replay_buffer.utterances[0], self._waiting.pop(self._replay_buffer.utterances[0], ()))

    def give_up(self, error: VoxtideError) -> None:
        """Answer the flushes that are still open with an error. What was told can still be read."""
        for answer in self._flushes:
            if not answer.done():
                answer.set_exception(copy(error))
        self._flushes.clear()

    def tell_of_connection(self, event: ConnectionLost | ConnectionReplaced) -> None:
        """Told at once."""
        self._outbox.put(event)

    def _tell_end(self, utterance: Utterance) -> None:
        if self._has_interim:
            self._tell(Interim("", utterance.end_s))
        if utterance.ending is Ending.FLUSH:
            text, segments = "".join(self._text).strip(), tuple(self._segments)
            self._text, self._segments = [], []
            self._num_flushes_told += 1
            self._outbox.put(Flushed(self._num_flushes_told, text, segments, utterance.end_s))
            answer = self._flushes.popleft()
            if not answer.done():
                answer.set_result(text)
        elif utterance.ending is Ending.FINISH:
            self._outbox.put(Finished(utterance.end_s))
            self._outbox.end()

    def _tell(self, event: TranscriptEvent) -> None:
        match event:
            case Delta(text, audio_s):
                event = Delta(self._spaced(text), audio_s)
                self._text.append(event.text)
                self._last_letter = event.text[-1]
            case SegmentEnded(segment):
                self._segments.append(segment)
            case Interim(text, audio_s):
                if not (text or self._has_interim):
                    return
                self._has_interim = bool(text)
                event = Interim(self._spaced(text) if text else "", audio_s)
            case LanguageDetected(language):
                if language == self._language:
                    return
                self._language = language
            case SpeechStarted() | SpeechStopped():
                if self._is_speaking == isinstance(event, SpeechStarted):
                    return
                self._is_speaking = not self._is_speaking
            case _:
                pass
        self._is_new_utterance &= not isinstance(event, Delta)
        self._outbox.put(event)

    def _spaced(self, text: str) -> str:
        """The first text of an utterance, set off from the text before it."""
        last, first = self._last_letter, text[0]
        if not (self._is_new_utterance and last) or last.isspace() or first.isspace():
            return text
        return f" {text}" if writes_spaces(last) and writes_spaces(first) else text
