"""A reader that stops bounds memory: `feed` waits. A reader that comes back gets all but superseded interims."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.engine_cases import AnyEngine, EngineCase
from tests.support.stream_runs import FLUSH, Told, assert_lawful, in_chunks, perform, read, transcribe
from tests.support.waiting import until
from voxtide.types import SAMPLE_RATE_HZ

OUTBOX_EVENTS = 6
INBOX_SAMPLES = 3 * SAMPLE_RATE_HZ


@pytest.fixture
def _small_queues(case: EngineCase, engine: AnyEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queues that a few seconds of speech fill."""
    case.shrink(monkeypatch, engine, OUTBOX_EVENTS, INBOX_SAMPLES)


@pytest.mark.usefixtures("_small_queues")
async def test_nobody_reads(case: EngineCase, engine: AnyEngine) -> None:
    chunk_ms = 100 if case.is_exact else 400  # each flush is a run of a model
    plan = [item for chunk in in_chunks(case.clip.samples, chunk_ms) for item in (chunk, FLUSH)]
    async with engine.open() as stream:
        feeding = asyncio.create_task(perform(stream, plan))
        await until(lambda: stream.num_unread_events >= OUTBOX_EVENTS)
        done, _ = await asyncio.wait({feeding}, timeout=0.5)
        assert not done, "feed must wait when nothing is read"
        assert stream.num_unread_events <= OUTBOX_EVENTS + 5  # what one step tells
        assert stream.lag_s <= INBOX_SAMPLES / SAMPLE_RATE_HZ + 0.1
        reading = asyncio.create_task(read(stream))
        await feeding
        await stream.finish()
        told = Told(tuple(await reading))
    assert_lawful(told, case.clip.duration_s)
    assert told.lasting == (await transcribe(engine, plan)).lasting


@pytest.mark.usefixtures("_small_queues")
async def test_a_slow_reader_gets_everything(case: EngineCase, engine: AnyEngine) -> None:
    plan = [*in_chunks(case.clip.samples, 80), FLUSH]
    async with engine.open() as stream:
        feeding = asyncio.create_task(perform(stream, plan))
        events = []
        for _ in range(10):
            await until(lambda: feeding.done() or stream.num_unread_events >= OUTBOX_EVENTS)
            events.append(await anext(aiter(stream)))
        reading = asyncio.create_task(read(stream))
        await feeding
        await stream.finish()
        told = Told((*events, *await reading))
    assert_lawful(told, case.clip.duration_s)
    assert told.lasting == (await transcribe(engine, plan)).lasting


@pytest.mark.usefixtures("_small_queues")
async def test_one_that_nobody_reads_does_not_hold_up_the_others(case: EngineCase, engine: AnyEngine) -> None:
    async with engine.open() as unread:
        feeding = asyncio.create_task(perform(unread, [case.clip.samples] * 5))
        told = await transcribe(engine, [case.clip.samples])
        assert_lawful(told, case.clip.duration_s)
        feeding.cancel()
        await asyncio.wait({feeding})
