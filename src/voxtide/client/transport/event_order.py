"""Orders the events of concurrent utterances. In: events per utterance. Out: one ordered, bounded event queue.

Utterances may be transcribed at the same time on different sockets. Events of a later one wait for the earlier ones.
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
    """Bounded event queue with backpressure: audio is sent only while it is not full, so `put` never waits.

    Only superseded interims are dropped, and, until the caller starts to iterate, the oldest events above the limit.
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
        """Whether the queue has ended."""
        return self._is_over

    @property
    def is_full(self) -> bool:
        """Whether sending audio has to wait until events are read."""
        return self.has_reader and len(self._events) >= self._max_events

    def put(self, event: ClientEvent) -> None:
        """Append an event; a no-op after the end. An interim replaces an interim just before it."""
        if self._is_over:
            return
        if isinstance(event, Interim) and self._events and isinstance(self._events[-1], Interim):
            self._events.pop()
        self._events.append(event)
        if not self.has_reader and len(self._events) > self._max_events:
            self._events.popleft()
        self._changed.set()

    def end(self, *, is_dropping: bool = False) -> None:
        """End the queue. Queued events can still be read unless `is_dropping`."""
        self._is_over = True
        if is_dropping:
            self._events.clear()
        self._changed.set()

    async def take(self) -> ClientEvent | None:
        """Wait for the oldest event and remove it. None at the end."""
        while not self._events:
            if self._is_over:
                return None
            await self._wait_for_change()
        event = self._events.popleft()
        self._changed.set()
        return event

    async def wait_for_space(self) -> None:
        """Wait until the queue is not full or has ended."""
        while self.is_full and not self._is_over:
            await self._wait_for_change()

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()


class EventSequencer:
    """Emits the events of the replay buffer's utterances in order."""

    def __init__(self, replay_buffer: ReplayBuffer, event_queue: EventQueue) -> None:
        self._replay_buffer = replay_buffer
        self._event_queue = event_queue
        self._waiting: dict[Utterance, list[TranscriptEvent]] = {}  # of all utterances but the first
        self._text: list[str] = []  # since the last flush
        self._segments: list[Segment] = []
        self._last_letter = ""
        self._is_new_utterance = False
        self._has_interim = False
        self._language: str | None = None
        self._is_speaking = False
        self._flushes: deque[asyncio.Future[str]] = deque()
        self._num_flushes = 0

    def expect_flush(self, answer: asyncio.Future[str]) -> None:
        """Register a flush; `answer` gets its text. Flushes are answered in order."""
        self._flushes.append(answer)

    def add(self, utterance: Utterance, events: Iterable[TranscriptEvent]) -> None:
        """Emit an utterance's events now, or after the utterances before it."""
        if utterance is not self._replay_buffer.utterances[0]:
            self._waiting.setdefault(utterance, []).extend(events)
            return
        for event in events:
            self._emit(event)

    def emit_answered(self) -> None:
        """Emit the ends of all answered utterances up to the first unanswered one, and drop them."""
        utterances = self._replay_buffer.utterances
        while utterances and utterances[0].is_answered:
            self._emit_end(utterances[0])
            self._replay_buffer.drop(utterances[0])
            self._is_new_utterance = True
            if utterances:
                self.add(utterances[0], self._waiting.pop(utterances[0], ()))

    def fail_flushes(self, error: VoxtideError) -> None:
        """Fail the pending flushes with an error. Queued events can still be read."""
        for answer in self._flushes:
            if not answer.done():
                answer.set_exception(copy(error))
        self._flushes.clear()

    def emit_connection_event(self, event: ConnectionLost | ConnectionReplaced) -> None:
        """Emit a connection event at once."""
        self._event_queue.put(event)

    def _emit_end(self, utterance: Utterance) -> None:
        if self._has_interim:
            self._emit(Interim("", utterance.end_s))
        if utterance.ending is Ending.FLUSH:
            text, segments = "".join(self._text).strip(), tuple(self._segments)
            self._text, self._segments = [], []
            self._num_flushes += 1
            self._event_queue.put(Flushed(self._num_flushes, text, segments, utterance.end_s))
            answer = self._flushes.popleft()
            if not answer.done():
                answer.set_result(text)
        elif utterance.ending is Ending.FINISH:
            self._event_queue.put(Finished(utterance.end_s))
            self._event_queue.end()

    def _emit(self, event: TranscriptEvent) -> None:
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
        self._event_queue.put(event)

    def _spaced(self, text: str) -> str:
        """The text, with a space before it if it starts an utterance and the script uses spaces."""
        last, first = self._last_letter, text[0]
        if not (self._is_new_utterance and last) or last.isspace() or first.isspace():
            return text
        return f" {text}" if writes_spaces(last) and writes_spaces(first) else text
