"""A blocking reader as a source: equal chunks, errors in order, and no endless waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.media_files import joined, read_all, read_until_error, tone
from tests.support.waiting import until
from voxtide.audio.bytestream import ReadInterruptedError
from voxtide.audio.source import Chunker
from voxtide.audio.threaded import MAX_QUEUED_MS, ThreadedSource
from voxtide.errors import ConfigError, CorruptAudioError, NotAudioError, StreamClosedError
from voxtide.types import Notice, Samples


class FakeReader:
    """Yields `pieces`, then raises `error`; `open` may block on `open_gate`."""

    def __init__(self, pieces: list[Samples], *, error: Exception | None = None) -> None:
        self.notices: list[Notice] = []
        self.open_error: Exception | None = None
        self.open_gate: threading.Event | None = None
        self.duration_s: float | None = 12.5
        self.num_yielded = 0
        self.is_closed = threading.Event()
        self.thread: threading.Thread | None = None
        self._pieces = pieces
        self._error = error
        self._is_interrupted = False

    def open(self) -> float | None:
        self.thread = threading.current_thread()
        if self.open_gate is not None:
            self.open_gate.wait()
            if self._is_interrupted:
                raise ReadInterruptedError
        if self.open_error is not None:
            raise self.open_error
        return self.duration_s

    def read(self) -> Iterator[Samples]:
        for piece in self._pieces:
            self.num_yielded += 1
            yield piece
        if self._error is not None:
            raise self._error

    def end(self) -> bool:
        return False

    def interrupt(self) -> None:
        self._is_interrupted = True
        if self.open_gate is not None:
            self.open_gate.set()

    def close(self) -> None:
        self.is_closed.set()


@given(st.lists(st.integers(0, 2_000), max_size=30), st.integers(10, 200))
def test_the_chunker_returns_equal_chunks_without_loss(sizes: list[int], chunk_ms: int) -> None:
    samples = np.arange(sum(sizes), dtype=np.float32)
    chunker = Chunker(chunk_ms)
    chunks = [
        chunk for piece in np.split(samples, np.cumsum(sizes)[:-1] if sizes else []) for chunk in chunker.feed(piece)
    ]
    assert {chunk.size for chunk in chunks} <= {chunk_ms * 16}
    rest = chunker.finish()
    assert rest.size < chunk_ms * 16
    np.testing.assert_array_equal(joined([*chunks, rest]), samples)
    assert chunker.finish().size == 0


async def test_chunks_have_the_requested_length() -> None:
    samples = tone(1.0)
    async with ThreadedSource("fake", FakeReader(np.split(samples, [100, 3_000, 3_001])), chunk_ms=30) as source:
        assert source.duration_s == 12.5
        chunks = [chunk async for chunk in source]
    assert [chunk.size for chunk in chunks[:-1]] == [480] * 33
    np.testing.assert_array_equal(joined(chunks), samples)


async def test_an_error_is_raised_after_all_audio() -> None:
    reader = FakeReader([tone(0.1), tone(0.015)], error=CorruptAudioError("broke off"))
    async with ThreadedSource("fake", reader, chunk_ms=100) as source:
        chunks, error = await read_until_error(source)
    assert [chunk.size for chunk in chunks] == [1_600, 240]
    assert isinstance(error, CorruptAudioError)


async def test_an_error_of_open_is_raised_by_open() -> None:
    reader = FakeReader([])
    reader.open_error = NotAudioError("a picture")
    with pytest.raises(NotAudioError, match="a picture"):
        async with ThreadedSource("fake", reader, chunk_ms=100):
            raise AssertionError("it must not open")
    assert reader.is_closed.is_set()


async def test_an_unexpected_error_is_raised() -> None:
    async with ThreadedSource("fake", FakeReader([], error=ZeroDivisionError("a bug")), chunk_ms=100) as source:
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await source.read()


async def test_the_thread_stops_at_the_queue_bound() -> None:
    reader = FakeReader([tone(0.1)] * 10_000)
    async with ThreadedSource("fake", reader, chunk_ms=100) as source:
        for _ in range(50):
            await source.read()
            assert reader.num_yielded <= 50 + MAX_QUEUED_MS // 100 + 2
    assert reader.is_closed.is_set()


async def test_closing_early_ends_the_thread() -> None:
    reader = FakeReader([tone(0.1)] * 10_000)
    async with ThreadedSource("fake", reader, chunk_ms=100) as source:
        await source.read()
    assert reader.thread is not None
    assert not reader.thread.is_alive()
    assert await source.read() is None
    await source.close()


async def test_open_can_be_cancelled() -> None:
    reader = FakeReader([])
    reader.open_gate = threading.Event()
    source = ThreadedSource("fake", reader, chunk_ms=100)
    opening = asyncio.create_task(source.__aenter__())
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert reader.is_closed.is_set()


async def test_closing_during_open_raises_in_open() -> None:
    reader = FakeReader([])
    reader.open_gate = threading.Event()
    source = ThreadedSource("fake", reader, chunk_ms=100)
    opening = asyncio.create_task(source.open())
    await asyncio.sleep(0)
    await source.close()
    with pytest.raises(StreamClosedError, match="fake was closed"):
        await opening


async def test_a_cancelled_read_loses_no_audio() -> None:
    samples = tone(1.0)
    async with ThreadedSource("fake", FakeReader(np.split(samples, 10)), chunk_ms=20) as source:
        decoded = []
        while True:
            try:
                async with asyncio.timeout(0):
                    chunk = await source.read()
            except TimeoutError:
                chunk = await source.read()
            if chunk is None:
                break
            decoded.append(chunk)
    np.testing.assert_array_equal(joined(decoded), samples)


async def test_a_source_is_opened_once_and_read_only_while_open() -> None:
    source = ThreadedSource("fake", FakeReader([]), chunk_ms=100)
    with pytest.raises(StreamClosedError, match="fake is not open"):
        await source.read()
    await source.close()
    async with source:
        assert (await read_all(source)).size == 0
        assert await source.read() is None
        with pytest.raises(StreamClosedError, match="can be read only once"):
            await source.open()


async def test_reading_does_not_starve_other_tasks() -> None:
    num_runs = 0

    async def count() -> None:
        nonlocal num_runs
        while True:
            num_runs += 1
            await asyncio.sleep(0)

    async with ThreadedSource("fake", FakeReader([tone(10.0)]), chunk_ms=10) as source:
        other = asyncio.create_task(count())
        await read_all(source)
        other.cancel()
    with pytest.raises(asyncio.CancelledError):
        await other
    assert num_runs >= 1_000


@pytest.mark.parametrize("chunk_ms", [-1, 0, 9, 10_001])
def test_a_chunk_length_out_of_range_is_refused(chunk_ms: int) -> None:
    with pytest.raises(ConfigError, match=f"chunk_ms must be 10 to 10000, not {chunk_ms}"):
        ThreadedSource("fake", FakeReader([]), chunk_ms=chunk_ms)


async def test_a_live_input_that_cannot_end_delivers_what_is_queued() -> None:
    reader = FakeReader([tone(0.1)] * 1_000)
    reader.duration_s = None
    async with ThreadedSource("fake", reader, chunk_ms=100) as source:
        await until(lambda: reader.num_yielded > MAX_QUEUED_MS // 100)  # the queue is full
        assert source.end()
        assert joined([chunk async for chunk in source]).size == MAX_QUEUED_MS * 16


async def test_an_input_of_known_length_does_not_end_early() -> None:
    async with ThreadedSource("fake", FakeReader([tone(0.5)]), chunk_ms=30) as source:
        assert not source.end()
        assert joined([chunk async for chunk in source]).size == tone(0.5).size
