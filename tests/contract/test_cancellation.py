"""Cancellation at any point leaks no stream, task, thread, recogniser or connection."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import pytest

from tests.support.engine_cases import AnyEngine, EngineCase, threads_of
from tests.support.stream_runs import FLUSH, StreamResult, in_chunks, perform, read, transcribe
from tests.support.waiting import until
from voxtide.errors import EngineFailedError


@pytest.fixture
def held(case: EngineCase, fresh_engine: AnyEngine, monkeypatch: pytest.MonkeyPatch) -> weakref.WeakSet[Any]:
    """Recognisers or sockets of `fresh_engine` that are still in memory."""
    return case.watch(monkeypatch, fresh_engine)


async def assert_no_leaks(engine: AnyEngine, held: weakref.WeakSet[Any]) -> None:
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert engine.num_open_streams == 0
    await engine.close()
    assert not any(thread in threading.enumerate() for thread in threads_of(engine))
    gc.collect()
    assert list(held) == []


async def test_after_an_ordinary_run(case: EngineCase, fresh_engine: AnyEngine, held: weakref.WeakSet[Any]) -> None:
    await transcribe(fresh_engine, [case.clip.samples, FLUSH])
    await assert_no_leaks(fresh_engine, held)


async def test_cancelled_after_any_number_of_loop_iterations(
    case: EngineCase, fresh_engine: AnyEngine, held: weakref.WeakSet[Any]
) -> None:
    """A whole session in one task: cancels entering, feeding, flushing, iterating and closing."""
    plan = [item for chunk in in_chunks(case.clip.samples, 500) for item in (chunk, FLUSH)]
    for num_iterations in range(0, 120, 1 if case.is_exact else 12):
        session = asyncio.create_task(transcribe(fresh_engine, plan))
        for _ in range(num_iterations):
            await asyncio.sleep(0)
        session.cancel()
        await asyncio.wait({session})
        await until(lambda: fresh_engine.num_open_streams == 0)
    await assert_no_leaks(fresh_engine, held)


async def test_cancelled_again_while_closing(
    case: EngineCase, fresh_engine: AnyEngine, held: weakref.WeakSet[Any]
) -> None:
    for num_iterations in range(0, 60, 1 if case.is_exact else 12):
        session = asyncio.create_task(transcribe(fresh_engine, [case.clip.samples, FLUSH]))
        for _ in range(num_iterations):
            await asyncio.sleep(0)
        while not session.done():
            session.cancel()
            await asyncio.sleep(0)
    await fresh_engine.close()
    await assert_no_leaks(fresh_engine, held)


async def test_a_waiting_feed(case: EngineCase, fresh_engine: AnyEngine, held: weakref.WeakSet[Any]) -> None:
    async with fresh_engine.open() as stream:
        feeding = asyncio.create_task(perform(stream, [case.clip.samples] * 20))
        await asyncio.sleep(0)
        feeding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await feeding
        async with asyncio.timeout(30):
            await stream.finish()  # the lock is free again
            await read(stream)
    await assert_no_leaks(fresh_engine, held)


async def test_a_cancelled_reader_loses_no_event(case: EngineCase, engine: AnyEngine) -> None:
    events = []

    async def read_on() -> None:
        async for event in stream:
            events.append(event)  # noqa: PERF401  # cancelled in between, a comprehension would lose them

    async with engine.open() as stream:
        feeding = asyncio.create_task(perform(stream, [*in_chunks(case.clip.samples, 200), FLUSH]))
        for num_iterations in range(40):
            reading = asyncio.create_task(read_on())
            for _ in range(num_iterations % 5):
                await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait({reading})
        await feeding
        await stream.finish()
        await read_on()
    whole = await transcribe(engine, [case.clip.samples, FLUSH])
    assert StreamResult(tuple(events)).invariant == whole.invariant


async def test_closed_while_the_worker_runs(
    case: EngineCase, fresh_engine: AnyEngine, held: weakref.WeakSet[Any]
) -> None:
    for num_iterations in range(20 if case.is_exact else 3):
        async with fresh_engine.open() as stream:
            await stream.feed(case.clip.samples)
            for _ in range(num_iterations):
                await asyncio.sleep(0)
        assert fresh_engine.num_open_streams == 0
    await assert_no_leaks(fresh_engine, held)


async def test_a_cancelled_engine_close_still_ends_everything(
    case: EngineCase, fresh_engine: AnyEngine, held: weakref.WeakSet[Any]
) -> None:
    streams = [fresh_engine.open() for _ in range(4)]
    for stream in streams:
        await stream.__aenter__()
        await stream.feed(case.clip.samples)
    readers = [asyncio.create_task(read(stream)) for stream in streams]
    closing = asyncio.create_task(fresh_engine.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing})
    await asyncio.gather(*readers)
    del stream, streams, readers
    await fresh_engine.close()
    await assert_no_leaks(fresh_engine, held)


async def test_after_the_engine_died(case: EngineCase, fresh_engine: AnyEngine, held: weakref.WeakSet[Any]) -> None:
    sessions = [asyncio.create_task(transcribe(fresh_engine, [case.clip.samples] * 20)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    case.kill(fresh_engine)
    await asyncio.wait(sessions)
    for session in sessions:
        error = session.exception()
        assert isinstance(error, EngineFailedError) or (
            isinstance(error, ExceptionGroup) and error.subgroup(EngineFailedError)
        )
    del session, sessions, error
    await assert_no_leaks(fresh_engine, held)
