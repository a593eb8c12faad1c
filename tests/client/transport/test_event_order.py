"""One story out of utterances that are heard at the same time, and the box where it waits to be read."""

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


class Story:
    """A teller with what is around it."""

    def __init__(self) -> None:
        self.replay_buffer = ReplayBuffer(PcmFormat(), 60.0)
        self.outbox = EventQueue(100)
        self.sequencer = EventSequencer(self.replay_buffer, self.outbox)

    def flush(self) -> asyncio.Future[str]:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.sequencer.expect_flush(answer)
        self.replay_buffer.close_last(Ending.FLUSH)
        return answer

    def hear(self, number: int, *events: TranscriptEvent) -> None:
        self.sequencer.hear(self.replay_buffer.utterances[number], events)

    def answer(self, number: int) -> None:
        self.replay_buffer.utterances[number].is_answered = True
        self.sequencer.settle()

    async def told(self) -> list[ClientEvent]:
        events = []
        while len(self.outbox):
            events.append(await self.outbox.take())
        return [event for event in events if event is not None]


async def test_what_a_later_utterance_says_waits_for_the_earlier() -> None:
    story = Story()
    first, second = story.flush(), story.flush()
    story.hear(1, Delta("and this", 2.0))
    story.hear(0, Delta("this", 1.0))
    story.answer(1)
    assert not first.done() and not second.done()
    assert await story.told() == [Delta("this", 1.0)]
    story.answer(0)
    assert (await first, await second) == ("this", "and this")
    assert await story.told() == [
        Flushed(1, "this", (), 0.0), Delta(" and this", 2.0), Flushed(2, "and this", (), 0.0)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("to", "be", "to be"),
        ("to", " be", "to be"),
        ("to ", "be", "to be"),
        ("\u662f", "\u4e0d\u662f", "\u662f\u4e0d\u662f"),
        ("\ub098\ub294", "\uac04\ub2e4", "\ub098\ub294 \uac04\ub2e4"),  # Korean parts its words
        ("\u043d\u0435", "\u0434\u0430", "\u043d\u0435 \u0434\u0430"),
    ],
)
async def test_words_of_two_utterances_do_not_run_together(first: str, second: str, told: str) -> None:
    story = Story()
    story.flush()
    story.hear(0, Delta(first, 1.0))
    story.answer(0)
    story.hear(0, Delta(second, 2.0))
    assert "".join(event.text for event in await story.told() if isinstance(event, Delta)) == told


async def test_nothing_is_on_show_where_everything_is_final() -> None:
    story = Story()
    story.hear(0, Interim("", 0.5), Interim("to b", 1.0))
    story.replay_buffer.close_last(Ending.FINISH)
    story.answer(0)
    assert await story.told() == [Interim("", 0.0), Finished(0.0)]  # the newer replaces the one nobody has read
    assert story.outbox.is_over


async def test_what_another_connection_says_again_is_told_once() -> None:
    story = Story()
    story.hear(0, SpeechStarted(0.5), LanguageDetected("en", 0.5))
    story.hear(0, SpeechStarted(0.5), LanguageDetected("en", 0.5), SpeechStopped(0.9), LanguageDetected("fr", 0.9))
    assert await story.told() == [
        SpeechStarted(0.5), LanguageDetected("en", 0.5), SpeechStopped(0.9), LanguageDetected("fr", 0.9)
    ]  # fmt: skip


async def test_our_own_cuts_are_not_told() -> None:
    story = Story()
    story.hear(0, Delta("to", 1.0))
    story.replay_buffer.close_last(Ending.CUT)
    story.answer(0)
    answer = story.flush()
    story.hear(0, Delta("be", 2.0))
    story.answer(0)
    assert await answer == "to be"
    assert [event for event in await story.told() if isinstance(event, Flushed)] == [Flushed(1, "to be", (), 0.0)]


async def test_the_outbox_keeps_the_newest_for_nobody_and_everything_for_a_reader() -> None:
    outbox = EventQueue(2)
    for number in range(4):
        outbox.put(Delta(str(number), 0.0))
    assert not outbox.is_full
    outbox.has_reader = True
    assert outbox.is_full
    waiting = asyncio.create_task(outbox.wait_for_space())
    outbox.put(Delta("4", 0.0))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert [await outbox.take() for _ in range(3)] == [Delta("2", 0.0), Delta("3", 0.0), Delta("4", 0.0)]
    await waiting
    outbox.end()
    outbox.put(Delta("5", 0.0))
    assert await outbox.take() is None
