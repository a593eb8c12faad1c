"""Streams never see each other's text, in any interleaving and after any end of other streams."""

from __future__ import annotations

import asyncio
import random
from itertools import zip_longest

from tests.support.engine_cases import AnyEngine, EngineCase
from tests.support.stream_runs import FLUSH, Plan, StreamResult, assert_consistent, in_chunks, read, transcribe
from tests.support.waiting import until
from voxtide.types import SAMPLE_RATE_HZ


async def test_eight_in_lockstep(case: EngineCase, engine: AnyEngine) -> None:
    alone = [await transcribe(engine, [samples]) for samples in case.others]
    streams = [engine.open() for _ in case.others]
    async with asyncio.TaskGroup() as tasks:
        for stream in streams:
            await stream.__aenter__()
        reading = [tasks.create_task(read(stream)) for stream in streams]
        for chunks in zip_longest(*(in_chunks(samples, 100) for samples in case.others)):
            for stream, chunk in zip(streams, chunks, strict=True):
                if chunk is not None:
                    await stream.feed(chunk)
        for stream in streams:
            await stream.finish()
    for stream in streams:
        await stream.close()
    together = [StreamResult(tuple(task.result())) for task in reading]
    assert [result.invariant for result in together] == [result.invariant for result in alone]
    assert len({result.text for result in together}) == len(case.others)


async def test_side_by_side_with_flushes(case: EngineCase, engine: AnyEngine) -> None:
    plans = [[*in_chunks(samples, 400), FLUSH, samples, FLUSH] for samples in case.others[:4]]
    alone = [await transcribe(engine, plan) for plan in plans]
    together = await asyncio.gather(*(transcribe(engine, plan) for plan in plans))
    assert [result.invariant for result in together] == [result.invariant for result in alone]
    for result, samples in zip(together, case.others, strict=False):
        assert_consistent(result, 2 * len(samples) / SAMPLE_RATE_HZ)


async def test_after_closed_streams(case: EngineCase, engine: AnyEngine, whole: StreamResult) -> None:
    """Slots and buffers of closed streams are reused; no state of theirs may remain."""
    for other in case.others[:3]:
        async with engine.open() as stream:
            await stream.feed(other)
    assert (await transcribe(engine, [case.clip.samples])).invariant == whole.invariant


async def test_many_streams_flush_and_close_at_random(case: EngineCase, engine: AnyEngine) -> None:
    """Many streams at once, a third of them cancelled: the others give the same text as alone."""
    rng = random.Random(7)
    size = case.num_crowd
    plans = [_random_plan(case, rng) for _ in range(size)]
    tasks = [asyncio.create_task(transcribe(engine, plan)) for plan in plans]
    for task in tasks[::3]:
        for _ in range(rng.randrange(20)):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait(tasks)
    for plan, task in zip(plans, tasks, strict=True):
        if not task.cancelled():
            assert task.result().invariant == (await transcribe(engine, plan)).invariant
    await until(lambda: engine.num_open_streams == 0)


def _random_plan(case: EngineCase, rng: random.Random) -> Plan:
    chunks = in_chunks(rng.choice(case.others), rng.choice((20, 50, 130)))
    return [item for chunk in chunks for item in ((chunk, FLUSH) if rng.random() < 0.05 else (chunk,))]
