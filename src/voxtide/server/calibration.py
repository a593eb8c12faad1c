"""How many live streams this machine sustains. In: an engine. Out: a number. Plays speech in real time; no sockets.

N streams play a recording in a loop, each from another position, in chunks of 80 ms. They are sustained if the p95 of
their lag (audio fed and not yet transcribed) is at most 400 ms. N is doubled until that fails, then bisected.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from importlib.resources import files

import numpy as np

from voxtide.audio.opening import open_source
from voxtide.engines.base import Engine, EngineStream
from voxtide.types import SAMPLE_RATE_HZ, Samples

MAX_STREAMS = 1024
"""Upper bound: no machine of one socket sustains it with a useful model."""

MAX_LAG_S = 0.4
TRIAL_S = 8.0
WARM_UP_S = 2.0
"""Excluded from each trial: the first chunks meet a cold cache."""

CHUNK_SAMPLES = SAMPLE_RATE_HZ * 80 // 1000
_CHUNK_S = CHUNK_SAMPLES / SAMPLE_RATE_HZ
_RECORDING = "two_cities.wav"


async def max_sustained_streams(
    engine: Engine, *, on_trial: Callable[[str], None], max_streams: int = MAX_STREAMS, trial_s: float = TRIAL_S
) -> int:
    """The most live streams the engine sustains here, at least 1. Takes a minute or two.

    Args:
        engine: An engine that can open `max_streams` streams.
        on_trial: Called with the result of each trial, one line of text.
        max_streams: The most streams to try.
        trial_s: Length of each trial in seconds; more than `WARM_UP_S`.

    Raises:
        EngineError: The engine failed.
    """
    speech = await _speech()

    async def is_sustained(num_streams: int) -> bool:
        lag_s = await _lag_of(engine, speech, num_streams, trial_s)
        on_trial(f"{num_streams} streams: {1000 * lag_s:.0f} ms behind at p95")
        return lag_s <= MAX_LAG_S

    low, high = 0, 1
    while high <= max_streams and await is_sustained(high):
        low, high = high, min(2 * high, max_streams + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if await is_sustained(middle) else (low, middle)
    return max(1, low)


async def _lag_of(engine: Engine, speech: Samples, num_streams: int, trial_s: float) -> float:
    """p95 of the lag over all streams, in seconds."""
    lags = await asyncio.gather(*(_play(engine, speech, index, num_streams, trial_s) for index in range(num_streams)))
    return float(np.percentile(np.concatenate(lags), 95))


async def _play(engine: Engine, speech: Samples, index: int, num_streams: int, trial_s: float) -> list[float]:
    """One stream's lag in seconds, sampled before each chunk."""
    samples = np.roll(speech, -(index * len(speech) // num_streams))
    await asyncio.sleep(index / num_streams * _CHUNK_S)
    lags_s = []
    async with engine.open() as stream:
        reading = asyncio.create_task(_read(stream))
        try:
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            for number in range(int(trial_s / _CHUNK_S)):
                await asyncio.sleep(max(0.0, began_s + number * _CHUNK_S - loop.time()))
                if number * _CHUNK_S >= WARM_UP_S:
                    lags_s.append(stream.lag_s)
                start = number * CHUNK_SAMPLES % (len(samples) - CHUNK_SAMPLES)
                await stream.feed(samples[start : start + CHUNK_SAMPLES])
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
    return lags_s


async def _read(stream: EngineStream) -> None:
    async for _ in stream:
        pass


async def _speech() -> Samples:
    async with open_source(str(files("voxtide") / "data" / _RECORDING)) as source:
        return np.concatenate([chunk async for chunk in source])
