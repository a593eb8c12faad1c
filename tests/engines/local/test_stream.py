"""Local streams over recognisers that the test controls: ordering, backpressure, failures, cleanup."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from tests.support.waiting import until
from voxtide.engines.local import queues, worker_pool
from voxtide.engines.local import stream as local_stream
from voxtide.engines.local.recogniser import Recogniser
from voxtide.engines.local.stream import LocalEngine, LocalStream, Wakeups
from voxtide.engines.local.stream_worker import BEHIND_S
from voxtide.errors import CapacityError, ConfigError, CorruptAudioError, EngineFailedError, StreamClosedError
from voxtide.transcript.events import Delta, Finished, Flushed, TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, EngineInfo, Samples, StreamOptions

SECOND = np.zeros(SAMPLE_RATE_HZ, np.float32)


class FakeRecogniser:
    """Emits a delta for each `feed`. Calls `before_step` in each step and records overlapping calls."""

    def __init__(self, before_step: Callable[[], None]) -> None:
        self.num_done_samples = 0
        self.behind: list[bool] = []
        self.is_closed = False
        self.was_closed_while_stepping = False
        self._before_step = before_step
        self._is_stepping = False
        self._todo: list[list[TranscriptEvent]] = []
        self._num_fed_samples = 0
        self.fed: list[tuple[int, float]] = []

    def feed(self, samples: Samples) -> None:
        self.fed.append((len(samples), float(samples[0])))
        self._num_fed_samples += len(samples)
        self._todo.append([Delta("x", self._num_fed_samples / SAMPLE_RATE_HZ)])

    def flush(self, flush_id: int) -> None:
        self._todo.append([Flushed(flush_id, "", (), self._num_fed_samples / SAMPLE_RATE_HZ)])

    def finish(self) -> None:
        self._todo.append([Finished(self._num_fed_samples / SAMPLE_RATE_HZ)])

    def step(self, *, is_behind: bool) -> list[TranscriptEvent] | None:
        self._is_stepping = True
        self.behind.append(is_behind)
        self._before_step()
        self.num_done_samples = self._num_fed_samples
        self._is_stepping = False
        return self._todo.pop(0) if self._todo else None

    def close(self) -> None:
        self.is_closed = True
        self.was_closed_while_stepping |= self._is_stepping


class FakeEngine(LocalEngine):
    def __init__(self, before_step: Callable[[], None] = lambda: None, *, max_streams: int = 8) -> None:
        super().__init__(num_threads=1, max_streams=max_streams)
        self.before_step = before_step
        self.recognisers: list[FakeRecogniser] = []

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(name="fake", model="fake")

    def make_recogniser(self, options: StreamOptions) -> Recogniser:
        self.recognisers.append(FakeRecogniser(self.before_step))
        return self.recognisers[-1]


class Gate:
    """Blocks a worker: the test awaits its arrival, then opens the gate."""

    def __init__(self) -> None:
        self._arrived, self._open = threading.Semaphore(0), threading.Event()

    def __call__(self) -> None:
        self._arrived.release()
        assert self._open.wait(30)

    async def arrival(self) -> None:
        assert await asyncio.to_thread(self._arrived.acquire, timeout=30)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


@asynccontextmanager
async def engine_with(before_step: Callable[[], None] = lambda: None) -> AsyncIterator[FakeEngine]:
    engine = FakeEngine(before_step)
    try:
        yield engine
    finally:
        if isinstance(before_step, Gate):
            before_step.open()
        await engine.close()
        assert not any(thread.is_alive() for thread in engine.pool.threads)


async def read(stream: LocalStream) -> list[TranscriptEvent]:
    return [event async for event in stream]


async def test_close_releases_the_recogniser_after_the_running_step(gate: Gate) -> None:
    async with engine_with(gate) as engine:
        stream = await engine.open().__aenter__()
        await stream.feed(SECOND)
        await gate.arrival()
        closing = asyncio.create_task(stream.close())
        done, _ = await asyncio.wait({closing}, timeout=0.05)
        assert not done
        assert not engine.recognisers[0].is_closed
        assert engine.num_open_streams == 1
        gate.open()
        await closing
        assert engine.recognisers[0].is_closed
        assert not engine.recognisers[0].was_closed_while_stepping
        assert engine.num_open_streams == 0


async def test_close_waits_for_a_later_step_too(gate: Gate) -> None:
    """The end of an earlier step must not count as the end of this one."""
    steps = iter([lambda: None] * 4 + [gate] * 9)
    async with engine_with(lambda: next(steps)()) as engine:
        stream = await engine.open().__aenter__()
        for _ in range(2):  # each: a step with events, and one that returns None
            await stream.feed(SECOND)
            await anext(stream)
        await stream.feed(SECOND)
        await gate.arrival()
        closing = asyncio.create_task(stream.close())
        done, _ = await asyncio.wait({closing}, timeout=0.05)
        assert not done
        gate.open()
        await closing
        assert not engine.recognisers[0].was_closed_while_stepping


async def test_after_a_cancelled_close_the_worker_releases_the_recogniser(gate: Gate) -> None:
    async with engine_with(gate) as engine:
        stream = await engine.open().__aenter__()
        await stream.feed(SECOND)
        await gate.arrival()
        closing = asyncio.create_task(stream.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait({closing})
        assert not engine.recognisers[0].is_closed
        gate.open()
        await until(lambda: engine.num_open_streams == 0)
        assert engine.recognisers[0].is_closed
        await stream.close()


async def test_feed_waits_while_the_engine_is_behind(gate: Gate) -> None:
    async with engine_with(gate) as engine, engine.open() as stream:
        feeding = asyncio.create_task(stream.feed(np.zeros(60 * SAMPLE_RATE_HZ, np.float32)))
        await gate.arrival()
        done, _ = await asyncio.wait({feeding}, timeout=0.05)
        assert not done
        assert stream.lag_s <= (queues.INBOX_SAMPLES + local_stream.FEED_PIECE_SAMPLES) / SAMPLE_RATE_HZ
        gate.open()
        await feeding
        await stream.finish()
        assert (await read(stream))[-1] == Finished(60.0)


async def test_try_feed_takes_all_or_nothing(gate: Gate) -> None:
    async with engine_with(gate) as engine, engine.open() as stream:
        assert not stream.try_feed(np.zeros(local_stream.FEED_PIECE_SAMPLES + 1, np.float32))
        buffer = np.full(SAMPLE_RATE_HZ, 0.5, np.float32)
        assert stream.try_feed(buffer)
        buffer[:] = 0.0  # the stream holds a copy
        await gate.arrival()
        num_more = sum(stream.try_feed(buffer) for _ in range(2 * queues.INBOX_SAMPLES // SAMPLE_RATE_HZ))
        assert num_more == queues.INBOX_SAMPLES // SAMPLE_RATE_HZ
        gate.open()
        await stream.finish()
        assert (await read(stream))[-1] == Finished(1.0 + num_more)
        assert engine.recognisers[0].fed[0] == (SAMPLE_RATE_HZ, 0.5)


async def test_try_feed_does_not_overtake_a_waiting_feed(gate: Gate) -> None:
    """Space may become free while a long feed still waits for it."""
    async with engine_with(gate) as engine, engine.open() as stream:
        feeding = asyncio.create_task(stream.feed(np.full(30 * SAMPLE_RATE_HZ, 0.5, np.float32)))
        await gate.arrival()
        assert not stream.try_feed(SECOND[:0])
        assert not stream.try_feed(SECOND[:1])
        gate.open()
        await feeding
        assert stream.try_feed(SECOND[:0])
        assert stream.try_feed(SECOND[:1])
        await stream.finish()
        await read(stream)
        assert [value for _, value in engine.recognisers[0].fed] == [0.5] * 30 + [0.0]


async def test_try_feed_raises_like_feed() -> None:
    async with engine_with() as engine:
        stream = engine.open()
        with pytest.raises(StreamClosedError, match="not open"):
            stream.try_feed(SECOND)
        async with stream:
            with pytest.raises(CorruptAudioError):
                stream.try_feed(np.full(4, np.nan, np.float32))
            engine.fail(EngineFailedError("gone"))
            with pytest.raises(EngineFailedError, match="gone"):
                stream.try_feed(SECOND)
        with pytest.raises(StreamClosedError, match="closed"):
            stream.try_feed(SECOND)


async def test_the_number_of_tiny_chunks_is_bounded(gate: Gate) -> None:
    async with engine_with(gate) as engine, engine.open() as stream:

        async def feed_tiny_chunks() -> None:
            for _ in range(2 * queues.INBOX_COMMANDS):
                await stream.feed(SECOND[:1])

        feeding = asyncio.create_task(feed_tiny_chunks())
        await gate.arrival()
        done, _ = await asyncio.wait({feeding}, timeout=0.05)
        assert not done
        gate.open()
        reading = asyncio.create_task(read(stream))
        await feeding
        await stream.finish()
        assert (await reading)[-1] == Finished(2 * queues.INBOX_COMMANDS / SAMPLE_RATE_HZ)


async def test_step_receives_is_behind(gate: Gate) -> None:
    async with engine_with(gate) as engine, engine.open() as stream:
        await stream.feed(SECOND[: round(BEHIND_S * SAMPLE_RATE_HZ)])
        await gate.arrival()
        await stream.feed(SECOND)
        gate.open()
        await stream.finish()
        await read(stream)
        behind = engine.recognisers[0].behind
        assert behind[0] is False  # 0.4 s of lag are allowed
        assert True in behind
        assert behind[-1] is False


async def test_steps_pause_while_events_are_not_read() -> None:
    async with engine_with() as engine, engine.open() as stream:
        feeding = asyncio.create_task(stream.feed(np.zeros(400 * SAMPLE_RATE_HZ, np.float32)))
        await asyncio.wait({feeding}, timeout=0.2)
        assert not feeding.done()
        assert stream.num_unread_events <= queues.OUTBOX_EVENTS
        reading = asyncio.create_task(read(stream))
        await feeding
        await stream.finish()
        events = await reading
        assert "".join(event.text for event in events if isinstance(event, Delta)) == "x" * 400


async def test_a_busy_stream_does_not_starve_another(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "QUANTUM_S", 0.0)
    order: list[str] = []
    async with engine_with(gate) as engine, engine.open() as busy, engine.open() as other:
        for name, recogniser in zip(("busy", "other"), engine.recognisers, strict=True):
            recogniser._before_step = lambda name=name: (gate(), order.append(name))
        await busy.feed(np.zeros(9 * SAMPLE_RATE_HZ, np.float32))
        await gate.arrival()
        await other.feed(SECOND)
        gate.open()
        for stream in (busy, other):
            await stream.finish()
            await read(stream)
    assert order[:3] == ["busy", "other", "busy"]


async def test_a_failing_recogniser_fails_only_its_stream(caplog: pytest.LogCaptureFixture) -> None:
    async with engine_with() as engine, engine.open() as good, engine.open() as bad:
        engine.recognisers[1]._before_step = lambda: 1 / 0
        await bad.feed(SECOND)
        with pytest.raises(EngineFailedError, match="'fake' failed: division by zero"):
            await read(bad)
        with pytest.raises(EngineFailedError):
            await bad.flush()
        await good.feed(SECOND)
        await good.finish()
        assert await read(good) == [Delta("x", 1.0), Finished(1.0)]
    assert "ZeroDivisionError" in caplog.text


async def test_a_dying_engine_fails_every_stream(caplog: pytest.LogCaptureFixture) -> None:
    def die() -> None:
        raise EngineFailedError("out of memory")

    async with engine_with() as engine, engine.open() as other, engine.open() as stream:
        engine.recognisers[1]._before_step = die
        waiting = asyncio.create_task(read(other))
        await stream.feed(SECOND)
        for reading in (read(stream), waiting, read(stream)):
            with pytest.raises(EngineFailedError, match="out of memory"):
                await reading
        with pytest.raises(EngineFailedError, match="out of memory"):
            await engine.open().__aenter__()
    assert "engine fake died" in caplog.text


async def test_each_caller_gets_its_own_error() -> None:
    """A raised error holds its traceback's frames; a shared one would keep every stream in memory."""
    async with engine_with() as engine, engine.open() as stream:
        engine.fail(EngineFailedError("gone"))
        errors = []
        for _ in range(2):
            with pytest.raises(EngineFailedError, match="gone") as info:
                await stream.flush()
            errors.append(info.value)
    assert errors[0] is not errors[1]


async def test_a_stuck_engine_fails(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_stream, "STALL_CHECK_S", 0.01)
    monkeypatch.setattr(local_stream, "STALL_S", 0.05)
    async with engine_with(gate) as engine:
        async with engine.open() as stream, engine.open() as other:
            await stream.feed(SECOND)
            for reading in (read(stream), read(other)):
                with pytest.raises(EngineFailedError, match="stuck"):
                    await reading
        # Both closed, although the worker still holds one.
        assert engine.num_open_streams == 0
        assert not engine.recognisers[0].is_closed
        gate.open()
    assert engine.recognisers[0].is_closed
    assert not engine.recognisers[0].was_closed_while_stepping


async def test_close_returns_when_the_engine_gets_stuck(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_stream, "STALL_CHECK_S", 0.01)
    async with engine_with(gate) as engine, asyncio.timeout(30):
        stream = await engine.open().__aenter__()
        await stream.feed(SECOND)
        await gate.arrival()
        closing = asyncio.create_task(stream.close())
        await asyncio.sleep(0)
        assert not closing.done()
        monkeypatch.setattr(local_stream, "STALL_S", 0.0)
        await closing
        assert not engine.recognisers[0].is_closed


async def test_a_flush_bypasses_the_poll_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "POLL_DELAY_S", 3600.0)
    async with engine_with() as engine, engine.open() as stream, asyncio.timeout(30):
        for _ in range(3):  # the first may come before the worker idles
            await stream.feed(SECOND)
            await stream.flush()
            assert isinstance(await anext(stream), Delta)
            assert isinstance(await anext(stream), Flushed)


async def test_an_engine_whose_worker_died_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_stream, "STALL_CHECK_S", 0.01)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def die(seconds: float) -> None:
        raise SystemError

    async with engine_with() as engine:
        engine.pool.on_run = die
        async with engine.open() as stream:
            await stream.feed(SECOND)
            with pytest.raises(EngineFailedError, match="a worker thread died"):
                await read(stream)
            assert engine.pool.has_lost_worker()
    assert not engine.pool.has_lost_worker(), "it was stopped"


async def test_a_failing_make_recogniser_takes_no_stream() -> None:
    class Unmakable(FakeEngine):
        def make_recogniser(self, options: StreamOptions) -> Recogniser:
            raise MemoryError

    engine = Unmakable(max_streams=1)
    for _ in range(2):
        stream = engine.open()
        with pytest.raises(MemoryError):
            await stream.__aenter__()
        assert engine.num_open_streams == 0
        await stream.close()
    await engine.close()


async def test_an_error_of_recogniser_close_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeRecogniser, "close", lambda self: 1 / 0)
    async with engine_with() as engine:
        async with engine.open() as stream:
            await stream.feed(SECOND)
        assert engine.num_open_streams == 0
    assert "recogniser.close() raised" in caplog.text


async def test_a_closed_stream_frees_its_capacity() -> None:
    engine = FakeEngine(max_streams=1)
    async with engine.open():
        with pytest.raises(CapacityError, match="already runs 1 streams"):
            await engine.open().__aenter__()
    async with engine.open():
        pass
    await engine.close()


@pytest.mark.parametrize(("num_threads", "max_streams"), [(0, 1), (1, 0), (-1, 8)])
def test_invalid_counts(num_threads: int, max_streams: int) -> None:
    class Numbered(FakeEngine):
        def __init__(self) -> None:
            LocalEngine.__init__(self, num_threads=num_threads, max_streams=max_streams)

    with pytest.raises(ConfigError, match="must be 1 or more"):
        Numbered()


async def test_events_before_a_failure_are_read_first() -> None:
    async with engine_with() as engine, engine.open() as stream:
        await stream.feed(SECOND)
        assert await anext(stream) == Delta("x", 1.0)
        await stream.flush()
        await until(lambda: stream.num_unread_events > 0)
        engine.fail(EngineFailedError("gone"))
        assert await anext(stream) == Flushed(1, "", (), 1.0)
        with pytest.raises(EngineFailedError):
            await anext(stream)


async def test_no_event_follows_a_failure(gate: Gate) -> None:
    """A step may still be running when the engine fails."""
    async with engine_with(gate) as engine, engine.open() as stream:
        await stream.feed(SECOND)
        await gate.arrival()
        engine.fail(EngineFailedError("gone"))
        with pytest.raises(EngineFailedError):
            await anext(stream)
        gate.open()
        await until(lambda: engine.pool.longest_run_s() == 0)
        with pytest.raises(EngineFailedError):
            await anext(stream)


async def test_a_closed_stream_is_not_kept_by_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor by the loop, whose next stall check is an hour away."""
    monkeypatch.setattr(local_stream, "STALL_CHECK_S", 3600.0)
    async with engine_with() as engine, asyncio.timeout(30):
        async with engine.open() as stream:
            await stream.feed(SECOND)
        alive = weakref.ref(stream)
        del stream
        await until(lambda: gc.collect() >= 0 and alive() is None)


async def test_a_stream_whose_close_was_cancelled_is_not_kept(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_stream, "STALL_CHECK_S", 0.01)
    async with engine_with(gate) as engine, asyncio.timeout(30):
        stream = await engine.open().__aenter__()
        await stream.feed(SECOND)
        await gate.arrival()
        closing = asyncio.create_task(stream.close())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait({closing})
        assert closing.cancelled()
        gate.open()
        alive = weakref.ref(stream)
        del stream, closing
        await until(lambda: gc.collect() >= 0 and alive() is None)


async def test_a_recogniser_that_failed_its_engine_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("voxtide.engines"), "disabled", True)  # a kept record would hold frames

    def die() -> None:
        raise EngineFailedError("out of memory")

    async with engine_with(die) as engine:
        async with engine.open() as stream:
            await stream.feed(SECOND)
            with pytest.raises(EngineFailedError):
                await read(stream)
        alive = weakref.ref(engine.recognisers.pop())
        await until(lambda: gc.collect() >= 0 and alive() is None)
        assert engine.num_open_streams == 0


async def test_a_cancelled_flush_takes_no_id(gate: Gate) -> None:
    async with engine_with(gate) as engine, engine.open() as stream:
        await stream.feed(SECOND[:1])
        await gate.arrival()
        for _ in range(queues.INBOX_COMMANDS):
            await stream.feed(SECOND[:1])
        flushing = asyncio.create_task(stream.flush())
        await asyncio.sleep(0)
        flushing.cancel()
        await asyncio.wait({flushing})
        assert flushing.cancelled()
        gate.open()
        reading = asyncio.create_task(read(stream))
        assert await stream.flush() == 1
        await stream.finish()
        assert [event.flush_id for event in await reading if isinstance(event, Flushed)] == [1]


async def test_concurrent_feeds_are_not_interleaved(gate: Gate) -> None:
    async with engine_with(gate) as engine, engine.open() as stream:
        parts = [np.full(8 * SAMPLE_RATE_HZ, level, np.float32) for level in (0.1, 0.2, 0.3)]
        feeding = [asyncio.create_task(stream.feed(part)) for part in parts]
        finishing = [asyncio.create_task(stream.finish()) for _ in range(2)]
        await gate.arrival()
        gate.open()
        events = await read(stream)
        await asyncio.gather(*feeding, *finishing)
        assert [level for _, level in engine.recognisers[0].fed] == sorted(
            level for _, level in engine.recognisers[0].fed
        )
        assert sum(isinstance(event, Finished) for event in events) == 1
        assert events[-1] == Finished(24.0)


@pytest.mark.parametrize("end", ["fail", "close"])
async def test_waiting_callers_are_woken_at_once(gate: Gate, end: str) -> None:
    """Without waiting for the next stall check."""
    async with engine_with(gate) as engine, asyncio.timeout(local_stream.STALL_CHECK_S / 2):
        stream = await engine.open().__aenter__()
        await stream.feed(SECOND)
        await gate.arrival()
        reading = asyncio.create_task(read(stream))
        feeding = asyncio.create_task(stream.feed(np.zeros(60 * SAMPLE_RATE_HZ, np.float32)))
        await asyncio.sleep(0)
        if end == "fail":
            engine.fail(EngineFailedError("gone"))
            await asyncio.wait({reading, feeding})
        closing = asyncio.create_task(stream.close())
        await asyncio.wait({reading, feeding})
        assert isinstance(feeding.exception(), EngineFailedError if end == "fail" else StreamClosedError)
        assert isinstance(reading.exception(), EngineFailedError if end == "fail" else type(None))
        gate.open()
        await closing


def count_wakeups(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each wake-up of the running loop from now on."""
    loop, calls = asyncio.get_running_loop(), list[None]()
    wake = loop.call_soon_threadsafe

    def count(call: Callable[..., Any], *arguments: Any) -> asyncio.Handle:
        calls.append(None)
        return wake(call, *arguments)

    monkeypatch.setattr(loop, "call_soon_threadsafe", count)
    return calls


async def test_one_wakeup_sets_all_events(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_wakeups(monkeypatch)
    wakeups = Wakeups(asyncio.get_running_loop())
    events = [asyncio.Event() for _ in range(100)]
    for event in events:
        wakeups.set(event)
    assert not any(event.is_set() for event in events)  # only later, in the loop
    await asyncio.gather(*(event.wait() for event in events))
    assert len(calls) == 1
    events[0].clear()
    wakeups.set(events[0])
    await events[0].wait()
    assert len(calls) == 2


async def test_a_set_while_a_wakeup_ends_is_not_lost() -> None:
    wakeups = Wakeups(asyncio.get_running_loop())
    first, late = asyncio.Event(), asyncio.Event()

    class RacingDeque(deque[asyncio.Event]):
        def __len__(self) -> int:
            count = super().__len__()
            if count == 0 and first.is_set() and not has_raced:
                has_raced.append(True)
                wakeups.set(late)  # like another thread, right after the last check
            return count

    has_raced: list[bool] = []
    wakeups._events = RacingDeque()
    wakeups.set(first)
    async with asyncio.timeout(10):
        await late.wait()


async def test_an_immediate_wakeup_sets_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda call: call())
    wakeups, event = Wakeups(loop), asyncio.Event()
    wakeups.set(event)
    assert event.is_set()


async def test_no_set_is_lost_between_threads() -> None:
    wakeups = Wakeups(asyncio.get_running_loop())
    events = [asyncio.Event() for _ in range(2000)]

    def set_events(first: int) -> None:
        for event in events[first::4]:
            wakeups.set(event)

    async with asyncio.timeout(10):
        await asyncio.gather(*(asyncio.to_thread(set_events, first) for first in range(4)))
        await asyncio.gather(*(event.wait() for event in events))


def test_a_closed_loop_is_ignored() -> None:
    loop = asyncio.new_event_loop()
    wakeups, event = Wakeups(loop), asyncio.Event()
    loop.close()
    for _ in range(3):
        wakeups.set(event)
    assert not event.is_set()
    kept = weakref.ref(event)
    del event
    assert kept() is None
