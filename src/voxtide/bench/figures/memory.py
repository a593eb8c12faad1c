"""Memory of streams. In: a fresh process with one live stream, then more. Out: megabytes of a million bytes.

Memory is the resident set of a process that does nothing else: Python, the engine with its models, and the streams.
Audio is fed as fast as the engine takes it, so the inboxes are full, which in real time they are not.

- one stream: after a live stream has transcribed a minute, still open.
- each further stream: more live streams are opened, four at a time, each fed a minute, all kept open; the least-squares
  slope through the sizes from the first four on.
- parallel runs: what the first four cost more than that. Then the model runs on all cores at once for the first time;
  the memory it works in is kept, and serves all streams.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from contextlib import AsyncExitStack

import numpy as np

from voxtide.bench.figure import Figure, Line, Measure, Plot, Target
from voxtide.bench.load.process import in_fresh_process, resident_mb
from voxtide.bench.load.recordings import load_recordings
from voxtide.bench.load.session import LIVE_OPTIONS, BenchEngine, BenchSession
from voxtide.bench.load.variants import with_pauses
from voxtide.engines.base import EngineStream
from voxtide.types import SAMPLE_RATE_HZ, Samples

NUM_MORE, NUM_MORE_QUICK = 16, 12
NUM_AT_ONCE = 4
FEED_S, QUICK_FEED_S = 60.0, 15.0
PAUSE_S = 0.8
CHUNK_SAMPLES = SAMPLE_RATE_HZ // 10
MAX_LEFT_S = 0.1
"""A stream with less lag has transcribed its audio, except an unfinished frame."""
POLL_S = 0.02

ONE, FURTHER = Target("<=", 300), Target("<=", 5)


async def measure(session: BenchSession) -> Figure:
    """Measure in a fresh process."""
    num_more, feed_s = (NUM_MORE_QUICK, QUICK_FEED_S) if session.is_quick else (NUM_MORE, FEED_S)
    session.progress(f"filling {1 + num_more} streams, {feed_s:.0f} s each")
    sizes = await in_fresh_process(_sizes, session.choice, num_more, feed_s)
    counts, megabytes = [count for count, _ in sizes], [size for _, size in sizes]
    return Figure(
        name="memory",
        measures=measures(counts, megabytes, feed_s),
        details={"sizes": sizes},
        plots=(_plot(counts, megabytes),),
    )


def measures(counts: Sequence[int], megabytes: Sequence[float], feed_s: float) -> tuple[Measure, ...]:
    """The measures of numbers of open streams, which begin with 0, 1 and the first parallel ones, and their MB."""
    further = slope(counts[2:], megabytes[2:])
    feeding = f"{feed_s:.0f} s of audio each"
    return (
        Measure(
            name="memory with one stream",
            value=megabytes[1],
            unit="MB",
            target=ONE,
            method=f"resident set of a fresh process with the engine and one live stream, after {feed_s:.0f} s",
        ),
        Measure(
            name="memory of a further stream",
            value=further,
            unit="MB",
            target=FURTHER,
            method=f"slope of the resident set from {counts[2]} to {counts[-1]} open streams, {feeding}",
        ),
        Measure(
            name="memory of parallel runs",
            value=megabytes[2] - megabytes[1] - (counts[2] - counts[1]) * further,
            unit="MB",
            method=f"once: what {counts[1]} to {counts[2]} open streams cost more than that, as all cores run at once",
        ),
        Measure(
            name="memory before any stream",
            value=megabytes[0],
            unit="MB",
            method="resident set of the same process right after the engine was opened",
        ),
    )


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """The least-squares slope."""
    return float(np.polyfit(x, y, 1)[0])


async def _sizes(choice: BenchEngine, num_more: int, feed_s: float) -> list[tuple[int, float]]:
    """Open streams and megabytes, with none, one and more; runs in its own process."""
    loop = with_pauses([recording.samples for recording in load_recordings()], pause_s=PAUSE_S)
    samples = np.resize(loop, round(feed_s * SAMPLE_RATE_HZ))
    async with choice.open() as engine, AsyncExitStack() as stack:
        sizes = [(0, resident_mb())]
        num_open = 0
        while num_open <= num_more:
            num_new = min(NUM_AT_ONCE, 1 + num_more - num_open) if num_open else 1
            streams = [await stack.enter_async_context(engine.open(LIVE_OPTIONS)) for _ in range(num_new)]
            await asyncio.gather(*(_fill(stream, samples) for stream in streams))
            num_open += num_new
            sizes.append((num_open, resident_mb()))
    return sizes


async def _fill(stream: EngineStream, samples: Samples) -> None:
    """Have the stream transcribe the samples, and keep it open."""
    reading = asyncio.create_task(_read(stream))
    for start in range(0, len(samples), CHUNK_SAMPLES):
        await stream.feed(samples[start : start + CHUNK_SAMPLES])
    while stream.lag_s > MAX_LEFT_S and not reading.done():
        await asyncio.wait({reading}, timeout=POLL_S)
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading  # raises the error that ended it early


async def _read(stream: EngineStream) -> None:
    async for _ in stream:
        pass


def _plot(counts: Sequence[int], megabytes: Sequence[float]) -> Plot:
    return Plot(
        name="memory",
        title="Resident memory",
        x_label="open streams",
        y_label="MB",
        lines=(Line("resident set", counts, megabytes),),
        y_limits=(ONE.limit,),
    )
