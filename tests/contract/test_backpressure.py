"""`feed` waits while events are not read. A reader that resumes gets all but superseded interims."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.engine_cases import AnyEngine, EngineCase
from tests.support.stream_runs import FLUSH, StreamResult, assert_consistent, in_chunks, perform, read, transcribe
from tests.support.waiting import until
from voxtide.types import SAMPLE_RATE_HZ

OUTBOX_EVENTS = 6
INBOX_SAMPLES = 3 * SAMPLE_RATE_HZ


@pytest.fixture
def _small_queues(case: EngineCase, engine: AnyEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queues that a few seconds of speech fill."""
    case.shrink(monkeypatch, engine, OUTBOX_EVENTS, INBOX_SAMPLES)


@pytest.mark.usefixtures("_small_queues")
async def test_feed_waits_while_events_are_not_read(case: EngineCase, engine: AnyEngine) -> None:
    chunk_ms = 100 if case.is_exact else 400  # each flush is a run of a model
    plan = [item for chunk in in_chunks(case.clip.samples, chunk_ms) for item in (chunk, FLUSH)]
    async with engine.open() as stream:
        feeding = asyncio.create_task(perform(stream, plan))
        await until(lambda: stream.num_unread_events >= OUTBOX_EVENTS)
        done, _ = await asyncio.wait({feeding}, timeout=0.5)
        assert not done, "feed must wait while no events are read"
        assert stream.num_unread_events <= OUTBOX_EVENTS + 5  # events of one step
        assert stream.lag_s <= INBOX_SAMPLES / SAMPLE_RATE_HZ + 0.1
        reading = asyncio.create_task(read(stream))
        await feeding
        await stream.finish()
        result = StreamResult(tuple(await reading))
    assert_consistent(result, case.clip.duration_s)
    assert result.invariant == (await transcribe(engine, plan)).invariant


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
        result = StreamResult((*events, *await reading))
    assert_consistent(result, case.clip.duration_s)
    assert result.invariant == (await transcribe(engine, plan)).invariant


@pytest.mark.usefixtures("_small_queues")
async def test_an_unread_stream_does_not_block_others(case: EngineCase, engine: AnyEngine) -> None:
    async with engine.open() as unread:
        feeding = asyncio.create_task(perform(unread, [case.clip.samples] * 5))
        result = await transcribe(engine, [case.clip.samples])
        assert_consistent(result, case.clip.duration_s)
        feeding.cancel()
        await asyncio.wait({feeding})
