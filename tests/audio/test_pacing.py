"""Recordings in real time, with a clock controlled by the test."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.support.media_files import joined, tone
from voxtide.audio import paced
from voxtide.audio.source import AudioSource, Chunker
from voxtide.errors import CorruptAudioError
from voxtide.types import Samples


class Clock:
    """A clock that advances only in `sleep` or when the test sets it."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.slept_s: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, duration_s: float) -> None:
        self.slept_s.append(duration_s)
        self.now_s += duration_s


class Recording(AudioSource):
    def __init__(self, samples: Samples, *, chunk_ms: int, error: Exception | None = None) -> None:
        super().__init__("recording", chunk_ms=chunk_ms)
        chunker = Chunker(chunk_ms)
        self.chunks = [*chunker.feed(samples), chunker.finish()]
        self.is_open = False
        self._error = error

    async def open(self) -> None:
        self.is_open = True
        self.duration_s = 12.5

    async def read(self) -> Samples | None:
        if not self.chunks and self._error is not None:
            raise self._error
        return self.chunks.pop(0) if self.chunks else None

    async def close(self) -> None:
        self.is_open = False


def live(recording: Recording, clock: Clock) -> AudioSource:
    return paced(recording, clock=clock, sleep=clock.sleep)


async def test_each_chunk_is_delivered_at_its_end_time() -> None:
    clock = Clock()
    async with live(Recording(tone(0.25), chunk_ms=100), clock) as source:
        times_s = [clock.now_s - 1_000.0 async for _ in source]
    assert times_s == pytest.approx([0.1, 0.2, 0.25])


async def test_long_recordings_do_not_drift() -> None:
    clock = Clock()
    async with live(Recording(np.zeros(16_000 * 600, np.float32), chunk_ms=30), clock) as source:
        async for _ in source:
            clock.now_s += 0.001  # the reader's processing time
    assert clock.now_s - 1_000.0 == pytest.approx(600.0, abs=0.002)


async def test_a_late_reader_gets_overdue_chunks_at_once() -> None:
    clock = Clock()
    times_s = []
    async with live(Recording(tone(1.0), chunk_ms=100), clock) as source:
        async for _ in source:
            times_s.append(round(clock.now_s - 1_000.0, 6))
            if len(times_s) == 2:
                clock.now_s += 0.45
    assert times_s[:10] == [0.1, 0.2, 0.65, 0.65, 0.65, 0.65, 0.7, 0.8, 0.9, 1.0]


async def test_nothing_is_dropped_and_attributes_are_passed_on() -> None:
    recording = Recording(tone(1.03), chunk_ms=100)
    async with live(recording, Clock()) as source:
        assert recording.is_open
        assert (source.name, source.chunk_ms, source.duration_s) == ("recording", 100, 12.5)
        np.testing.assert_array_equal(joined([chunk async for chunk in source]), tone(1.03))
        assert await source.read() is None
    assert not recording.is_open


async def test_an_error_is_passed_on() -> None:
    recording = Recording(tone(0.1), chunk_ms=100, error=CorruptAudioError("broke off"))
    async with live(recording, Clock()) as source:
        with pytest.raises(CorruptAudioError, match="broke off"):
            async for _ in source:
                pass


async def test_a_cancelled_read_loses_no_chunk() -> None:
    clock, is_blocked = Clock(), True

    async def sleep(duration_s: float) -> None:
        if is_blocked:
            await asyncio.Event().wait()
        await clock.sleep(duration_s)

    recording = Recording(tone(0.3), chunk_ms=100)
    source = paced(recording, clock=clock, sleep=sleep)
    reading = asyncio.create_task(source.read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    is_blocked = False
    np.testing.assert_array_equal(joined([chunk async for chunk in source]), tone(0.3))


class Pipe(Recording):
    """A recording in a pipe, all of which was received."""

    def end(self) -> bool:
        return True


async def test_an_ended_live_source_delivers_at_once_what_it_received() -> None:
    async def sleep(duration_s: float) -> None:
        await asyncio.Event().wait()

    source = paced(Pipe(tone(0.3), chunk_ms=100), clock=Clock(), sleep=sleep)
    reading = asyncio.create_task(source.read())
    await asyncio.sleep(0)
    assert source.end()
    first = await reading
    assert first is not None
    np.testing.assert_array_equal(joined([first, *[chunk async for chunk in source]]), tone(0.3))


async def test_a_recording_keeps_its_pace_when_it_cannot_end() -> None:
    clock = Clock()
    source = live(Recording(tone(0.2), chunk_ms=100), clock)
    assert not source.end()
    np.testing.assert_array_equal(joined([chunk async for chunk in source]), tone(0.2))
    assert clock.slept_s == pytest.approx([0.1, 0.1])


async def test_the_default_clock_is_real_time() -> None:
    loop = asyncio.get_running_loop()
    async with paced(Recording(tone(0.05), chunk_ms=10)) as source:
        start_s = loop.time()
        async for _ in source:
            pass
    assert 0.045 <= loop.time() - start_s < 5.0
