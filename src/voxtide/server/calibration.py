"""How many live streams this machine carries. In: an engine. Out: a number. Plays speech in real time, with no sockets.

N streams play a recording in a loop, each from another place, in chunks of 80 ms. They are carried if the p95 of lag
(audio fed and not yet transcribed) over all of them is at most 400 ms. The number is doubled until that fails, then
the gap is halved.
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
"""Not tried beyond: no machine of one socket does it with a model worth having."""

MAX_LAG_S = 0.4
TRY_S = 8.0
WARM_UP_S = 2.0
"""Of each try, left out: the first chunks meet a cold cache."""

CHUNK_SAMPLES = SAMPLE_RATE_HZ * 80 // 1000
_CHUNK_S = CHUNK_SAMPLES / SAMPLE_RATE_HZ
_RECORDING = "two_cities.wav"


async def num_carried(
    engine: Engine, *, on_tried: Callable[[str], None], max_streams: int = MAX_STREAMS, try_s: float = TRY_S
) -> int:
    """The most live streams the engine carries here, at least 1. Takes a minute or two.

    Args:
        engine: With room for `max_streams`.
        on_tried: Told of each try, in a line.
        max_streams: Not tried beyond.
        try_s: How long each number is tried, in seconds; more than `WARM_UP_S`.

    Raises:
        EngineError: The engine failed.
    """
    speech = await _speech()

    async def is_carried(count: int) -> bool:
        lag_s = await _lag_of(engine, speech, count, try_s)
        on_tried(f"{count} streams: {1000 * lag_s:.0f} ms behind at p95")
        return lag_s <= MAX_LAG_S

    low, high = 0, 1
    while high <= max_streams and await is_carried(high):
        low, high = high, min(2 * high, max_streams + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if await is_carried(middle) else (low, middle)
    return max(1, low)


async def _lag_of(engine: Engine, speech: Samples, count: int, try_s: float) -> float:
    """p95 of the lag of `count` streams, in seconds."""
    lags = await asyncio.gather(*(_play(engine, speech, index, count, try_s) for index in range(count)))
    return float(np.percentile(np.concatenate(lags), 95))


async def _play(engine: Engine, speech: Samples, index: int, count: int, try_s: float) -> list[float]:
    """One stream's lags, a look before each chunk."""
    samples = np.roll(speech, -(index * len(speech) // count))
    await asyncio.sleep(index / count * _CHUNK_S)
    lags_s = []
    async with engine.open() as stream:
        reading = asyncio.create_task(_read(stream))
        try:
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            for number in range(int(try_s / _CHUNK_S)):
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
