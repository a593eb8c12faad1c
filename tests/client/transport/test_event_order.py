"""The order of events of concurrent utterances, and the bounded event queue."""

from __future__ import annotations

import asyncio

import pytest

from voxtide.audio.pcm import PcmFormat
from voxtide.client.events import ClientEvent
from voxtide.client.transport.event_order import EventQueue, EventSequencer
from voxtide.client.transport.replay_buffer import Ending, ReplayBuffer
from voxtide.transcript.events import (
    Delta,
    Finished,
    Flushed,
    Interim,
    LanguageDetected,
    SpeechStarted,
    SpeechStopped,
    TranscriptEvent,
)


class Case:
    """A sequencer with its replay buffer and event queue."""

    def __init__(self) -> None:
        self.replay_buffer = ReplayBuffer(PcmFormat(), 60.0)
        self.event_queue = EventQueue(100)
        self.sequencer = EventSequencer(self.replay_buffer, self.event_queue)

    def flush(self) -> asyncio.Future[str]:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.sequencer.expect_flush(answer)
        self.replay_buffer.close_last(Ending.FLUSH)
        return answer

    def add(self, number: int, *events: TranscriptEvent) -> None:
        self.sequencer.add(self.replay_buffer.utterances[number], events)

    def answer(self, number: int) -> None:
        self.replay_buffer.utterances[number].is_answered = True
        self.sequencer.emit_answered()

    async def emitted(self) -> list[ClientEvent]:
        events = []
        while len(self.event_queue):
            events.append(await self.event_queue.take())
        return [event for event in events if event is not None]


async def test_events_of_a_later_utterance_wait_for_the_earlier_one() -> None:
    case = Case()
    first, second = case.flush(), case.flush()
    case.add(1, Delta("and this", 2.0))
    case.add(0, Delta("this", 1.0))
    case.answer(1)
    assert not first.done() and not second.done()
    assert await case.emitted() == [Delta("this", 1.0)]
    case.answer(0)
    assert (await first, await second) == ("this", "and this")
    assert await case.emitted() == [
        Flushed(1, "this", (), 0.0),
        Delta(" and this", 2.0),
        Flushed(2, "and this", (), 0.0),
    ]


@pytest.mark.parametrize(
    ("first", "second", "emitted"),
    [
        ("to", "be", "to be"),
        ("to", " be", "to be"),
        ("to ", "be", "to be"),
        ("\u662f", "\u4e0d\u662f", "\u662f\u4e0d\u662f"),
        ("\ub098\ub294", "\uac04\ub2e4", "\ub098\ub294 \uac04\ub2e4"),  # Korean separates words by spaces
        ("\u043d\u0435", "\u0434\u0430", "\u043d\u0435 \u0434\u0430"),
    ],
)
async def test_words_of_two_utterances_are_separated(first: str, second: str, emitted: str) -> None:
    case = Case()
    case.flush()
    case.add(0, Delta(first, 1.0))
    case.answer(0)
    case.add(0, Delta(second, 2.0))
    assert "".join(event.text for event in await case.emitted() if isinstance(event, Delta)) == emitted


async def test_the_interim_text_is_cleared_at_the_end() -> None:
    case = Case()
    case.add(0, Interim("", 0.5), Interim("to b", 1.0))
    case.replay_buffer.close_last(Ending.FINISH)
    case.answer(0)
    assert await case.emitted() == [Interim("", 0.0), Finished(0.0)]  # the newer replaces the unread one
    assert case.event_queue.is_over


async def test_repeated_speech_and_language_events_are_emitted_once() -> None:
    case = Case()
    case.add(0, SpeechStarted(0.5), LanguageDetected("en", 0.5))
    case.add(0, SpeechStarted(0.5), LanguageDetected("en", 0.5), SpeechStopped(0.9), LanguageDetected("fr", 0.9))
    assert await case.emitted() == [
        SpeechStarted(0.5),
        LanguageDetected("en", 0.5),
        SpeechStopped(0.9),
        LanguageDetected("fr", 0.9),
    ]


async def test_a_cut_has_no_flush_event() -> None:
    case = Case()
    case.add(0, Delta("to", 1.0))
    case.replay_buffer.close_last(Ending.CUT)
    case.answer(0)
    answer = case.flush()
    case.add(0, Delta("be", 2.0))
    case.answer(0)
    assert await answer == "to be"
    assert [event for event in await case.emitted() if isinstance(event, Flushed)] == [Flushed(1, "to be", (), 0.0)]


async def test_the_queue_drops_the_oldest_events_only_without_a_reader() -> None:
    event_queue = EventQueue(2)
    for number in range(4):
        event_queue.put(Delta(str(number), 0.0))
    assert not event_queue.is_full
    event_queue.has_reader = True
    assert event_queue.is_full
    waiting = asyncio.create_task(event_queue.wait_for_space())
    event_queue.put(Delta("4", 0.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert [await event_queue.take() for _ in range(3)] == [Delta("2", 0.0), Delta("3", 0.0), Delta("4", 0.0)]
    await waiting
    event_queue.end()
    event_queue.put(Delta("5", 0.0))
    assert await event_queue.take() is None
