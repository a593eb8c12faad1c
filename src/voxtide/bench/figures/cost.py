"""Processor cost of a stream. In: live streams in real time, fast streams on one thread. Out: cores, real-time factor.

- live stream: processor time of this process, all threads (engine, event loop, feeding), from the first chunk to the
  end of the stream, divided by the length of the recordings. The trailing second of quiet counts as cost, not as
  length.
- real-time factor, fast: the same quotient at pace `fast` in an engine with one thread, fed as fast as possible; the
  median of several passes over the set.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from voxtide.bench.figure import Figure, Measure, Target
from voxtide.bench.load.play import play
from voxtide.bench.load.session import FAST_OPTIONS, BenchSession
from voxtide.engines.base import Engine

NUM_PASSES = 3
NUM_QUICK_PASSES = 1


async def measure(session: BenchSession) -> Figure:
    """Measure both."""
    paced = await session.paced()
    cores = sum(played.cpu_s for _, played in paced) / sum(recording.duration_s for recording, _ in paced)
    num_passes = NUM_QUICK_PASSES if session.is_quick else NUM_PASSES
    session.progress(f"transcribing the set fast on one thread, {num_passes} times")
    async with session.choice.open(num_threads=1) as engine:
        await _pass(session, engine)  # warms caches
        passes = [await _pass(session, engine) for _ in range(num_passes)]
    live = Measure(
        name="CPU of one live stream",
        value=cores,
        unit="cores",
        target=Target("<=", 0.10),
        method="processor time of the process, all threads, over audio length; one stream in real time",
    )
    return Figure(
        name="cost",
        measures=(live, *_fast(passes)),
        details={"live": {recording.name: played.cpu_s / recording.duration_s for recording, played in paced}},
    )


def _fast(passes: Sequence[tuple[float, float]]) -> tuple[Measure, ...]:
    return (
        Measure(
            name="real-time factor, fast, one thread",
            value=statistics.median(cpu for cpu, _ in passes),
            unit="",
            target=Target("<=", 0.03),
            method=f"processor time of the process, all threads, over audio length; median of {len(passes)}",
        ),
        Measure(
            name="wall time, fast, one thread",
            value=statistics.median(wall for _, wall in passes),
            unit="",
            method=f"wall time over audio length; median of {len(passes)}",
        ),
    )


async def _pass(session: BenchSession, engine: Engine) -> tuple[float, float]:
    """Processor time and wall time over audio length."""
    cpu_s, started_s = 0.0, time.monotonic()
    for recording in session.recordings:
        async with engine.open(FAST_OPTIONS) as stream:
            cpu_s += (await play(stream, recording.samples, is_paced=False)).cpu_s
    audio_s = sum(recording.duration_s for recording in session.recordings)
    return cpu_s / audio_s, (time.monotonic() - started_s) / audio_s
