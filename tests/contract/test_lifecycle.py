"""From open to close, of a stream and of an engine: valid calls, errors and cleanup."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.support.engine_cases import AnyEngine, EngineCase, threads_of
from tests.support.stream_runs import FLUSH, StreamResult, assert_consistent, perform, read, read_until, silence
from tests.support.waiting import until
from voxtide.errors import CapacityError, EngineFailedError, StreamClosedError
from voxtide.transcript.events import Finished, Flushed
from voxtide.types import SAMPLE_RATE_HZ


async def test_used_before_it_is_entered(engine: AnyEngine) -> None:
    stream = engine.open()
    for use in (stream.feed(silence(0.1)), stream.flush(), stream.finish(), anext(aiter(stream))):
        with pytest.raises(StreamClosedError, match="not open"):
            await use
    assert engine.num_open_streams == 0
    await stream.close()


async def test_entered_twice(engine: AnyEngine) -> None:
    stream = engine.open()
    async with stream:
        with pytest.raises(StreamClosedError, match="once"):
            await stream.__aenter__()
        assert engine.num_open_streams == 1
    with pytest.raises(StreamClosedError, match="once"):
        await stream.__aenter__()


async def test_used_after_finish(engine: AnyEngine) -> None:
    async with engine.open() as stream:
        await stream.finish()
        for use in (stream.feed(silence(0.1)), stream.flush()):
            with pytest.raises(StreamClosedError, match="finished"):
                await use
        assert isinstance((await read(stream))[-1], Finished)
        assert await read(stream) == []


async def test_used_after_close(engine: AnyEngine) -> None:
    async with engine.open() as stream:
        await stream.feed(silence(1.0))
    for use in (stream.feed(silence(0.1)), stream.flush(), stream.finish()):
        with pytest.raises(StreamClosedError, match="closed"):
            await use
    assert await read(stream) == []
    assert stream.lag_s == 0


async def test_finish_and_close_are_idempotent(case: EngineCase, engine: AnyEngine) -> None:
    async with engine.open() as stream:
        await stream.feed(case.clip.samples)
        await asyncio.gather(*(stream.finish() for _ in range(5)))
        await stream.finish()
        result = StreamResult(tuple(await read(stream)))
        await stream.finish()
        await asyncio.gather(stream.close(), stream.close())
    await stream.close()
    assert_consistent(result, case.clip.duration_s)


async def test_finish_from_two_tasks_behind_a_waiting_feed(
    case: EngineCase, engine: AnyEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    case.shrink(monkeypatch, engine, 256, 2 * SAMPLE_RATE_HZ)
    async with engine.open() as stream:
        feeding = asyncio.create_task(stream.feed(case.clip.samples))
        await asyncio.sleep(0)
        finishing = [asyncio.create_task(stream.finish()) for _ in range(2)]
        result = StreamResult(tuple(await read(stream)))
        await asyncio.gather(feeding, *finishing)
    assert_consistent(result, case.clip.duration_s)


async def test_lag_returns_to_zero(case: EngineCase, engine: AnyEngine) -> None:
    async with engine.open() as stream:
        assert stream.lag_s == 0
        await stream.feed(case.clip.samples)
        assert 0 < stream.lag_s <= case.clip.duration_s
        await stream.flush()
        await read_until(stream, Flushed)
        assert stream.lag_s <= 0.1  # less than a frame may remain
        await stream.finish()
        await read(stream)
        assert stream.lag_s == 0


async def test_two_readers_share_the_events(case: EngineCase, engine: AnyEngine) -> None:
    async with engine.open() as stream:
        readers = [asyncio.create_task(read(stream)) for _ in range(3)]
        await perform(stream, [case.clip.samples, FLUSH])
        await stream.finish()
        events_by_reader = await asyncio.gather(*readers)
    flushes = [event for events in events_by_reader for event in events if isinstance(event, Flushed)]
    assert [flushed.flush_id for flushed in flushes] == [1]


async def test_close_wakes_all_waiting_callers(case: EngineCase, fresh_engine: AnyEngine) -> None:
    async with fresh_engine.open() as stream:
        readers = [asyncio.create_task(read(stream)) for _ in range(3)]
        feeding = asyncio.create_task(perform(stream, [case.clip.samples] * 20))
        await asyncio.sleep(0)
        await stream.close()
        await asyncio.gather(*readers)
        with pytest.raises(StreamClosedError, match="closed"):
            await feeding


async def test_max_streams(fresh_engine: AnyEngine) -> None:
    streams = [fresh_engine.open() for _ in range(65)]
    for stream in streams[:64]:
        await stream.__aenter__()
    with pytest.raises(CapacityError, match="64 streams"):
        await streams[64].__aenter__()
    await streams[0].close()
    async with fresh_engine.open():
        assert fresh_engine.num_open_streams == 64
    for stream in streams:
        await stream.close()
    assert fresh_engine.num_open_streams == 0


async def test_a_closed_engine_ends_its_streams_and_its_threads(case: EngineCase, fresh_engine: AnyEngine) -> None:
    streams = [fresh_engine.open() for _ in range(4)]
    for stream in streams:
        await stream.__aenter__()
        await stream.feed(case.clip.samples)
    readers = [asyncio.create_task(read(stream)) for stream in streams]
    await asyncio.sleep(0)
    await asyncio.gather(fresh_engine.close(), fresh_engine.close())
    await asyncio.gather(*readers)
    assert fresh_engine.num_open_streams == 0
    assert not any(thread in threading.enumerate() for thread in threads_of(fresh_engine))
    with pytest.raises(StreamClosedError):
        await streams[0].feed(silence(0.1))
    with pytest.raises(EngineFailedError, match="closed"):
        await fresh_engine.open().__aenter__()


async def test_a_dead_engine_fails_every_stream(case: EngineCase, fresh_engine: AnyEngine) -> None:
    """Every waiting and every later call fails within a bounded time."""
    streams = [fresh_engine.open() for _ in range(4)]
    for stream in streams:
        await stream.__aenter__()
    waiting = [asyncio.create_task(read(stream)) for stream in streams]
    waiting += [asyncio.create_task(perform(stream, [case.clip.samples] * 20)) for stream in streams]
    await asyncio.sleep(0)
    message = case.kill(fresh_engine)
    for task in waiting:
        with pytest.raises(EngineFailedError, match=message):
            await task
    for stream in streams:
        for use in (stream.feed(silence(0.1)), stream.flush(), stream.finish(), anext(aiter(stream))):
            with pytest.raises(EngineFailedError, match=message):
                await use
    with pytest.raises(EngineFailedError, match=message):
        await fresh_engine.open().__aenter__()
    for stream in streams:
        await stream.close()


async def test_events_before_the_death_can_still_be_read(case: EngineCase, fresh_engine: AnyEngine) -> None:
    async with fresh_engine.open() as stream:
        await perform(stream, [FLUSH, FLUSH])
        await read_until(stream, Flushed)
        await until(lambda: stream.num_unread_events > 0)
        case.kill(fresh_engine)
        assert await anext(aiter(stream)) == Flushed(2, "", (), 0.0)
        with pytest.raises(EngineFailedError):
            await anext(aiter(stream))
