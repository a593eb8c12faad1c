"""Processor cost of a stream. In: live streams in real time, fast streams on one thread. Out: cores, real-time factor.

- live stream: processor time of this process, all threads (engine, event loop, feeding), from the first chunk to the
  end of the stream, divided by the length of the recordings. The trailing second of quiet counts as cost, not as
  length.
- cost of an audio hour: the price of the machine per hour (`--price`), times the share of its cores that one live
  stream keeps busy, or that a second of audio takes at pace `fast`. It assumes that the machine does nothing else and
  is always full; one that is half idle costs twice as much per audio hour. Prices of hosted services, from
  data/hosted_prices.json, are what their vendors published on the date given.
- real-time factor, fast: the same quotient at pace `fast` in an engine with one thread, fed as fast as possible; the
  median of several passes over the set.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

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
        target=Target("<=", 0.12),
        method="processor time of the process, all threads, over audio length; one stream in real time",
    )
    fast = _fast(passes)
    details: dict[str, Any] = {"live": {it.name: played.cpu_s / it.duration_s for it, played in paced}}
    if session.price_eur_per_hour is None:
        note = "give the machine's price with --price EUR_PER_HOUR to get the cost per audio hour"
        return Figure(name="cost", measures=(live, *fast), notes=(note,), details=details)
    priced = prices(session.price_eur_per_hour, os.cpu_count() or 1, live=cores, fast=fast[0].value)
    hosted = hosted_prices()
    details |= {"price_eur_per_hour": session.price_eur_per_hour, "hosted_prices": hosted}
    return Figure(name="cost", measures=(live, *fast, *priced), notes=tuple(map(_hosted_note, hosted)), details=details)


def prices(eur_per_hour: float, num_cores: int, *, live: float, fast: float) -> tuple[Measure, ...]:
    """The cost of an audio hour, from the processor seconds that a second of audio takes live and fast."""
    method = f"{eur_per_hour:g} EUR/h for this machine of {num_cores} cores, always full, times the share of them used"
    return tuple(
        Measure(
            name=f"cost of an audio hour, {pace}", value=eur_per_hour * cpu_s / num_cores, unit="EUR/h", method=method
        )
        for pace, cpu_s in {"live": live, "fast": fast}.items()
    )


def hosted_prices() -> list[dict[str, Any]]:
    """What vendors publish, with date and source."""
    found: list[dict[str, Any]] = json.loads(
        (files("voxtide") / "bench" / "data" / "hosted_prices.json").read_text("utf-8")
    )
    return found


def _hosted_note(hosted: dict[str, Any]) -> str:
    per_hour = 60 * hosted["price_per_minute"]
    return (
        f"hosted: {hosted['service']}: {per_hour:.2f} {hosted['currency']}/h on {hosted['date']} ({hosted['source']})"
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
