"""The asyncio side of a local stream. In: the five verbs. Out: events. Knows no model.

feed, flush, finish -> StreamWorker, on a worker thread -> async iterator

Backpressure: `feed` waits while the inbox is full. A full outbox (events are not read) stops the steps, which fills the
inbox. Only interim events are dropped: a newer one replaces an unread one.
"""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable
from copy import copy

import numpy as np

from voxtide.engines.base import Engine, EngineStream, check_samples
from voxtide.engines.local.queues import Command, FinishCommand, FlushCommand
from voxtide.engines.local.recogniser import Recogniser
from voxtide.engines.local.stream_worker import StreamWorker
from voxtide.engines.local.worker_pool import WorkerPool
from voxtide.engines.open_streams import OpenStreams
from voxtide.errors import ConfigError, EngineFailedError, StreamClosedError
from voxtide.transcript.events import Finished, TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions

_log = logging.getLogger("voxtide.engines")

FEED_PIECE_SAMPLES = SAMPLE_RATE_HZ
"""Longest piece of audio that is put into the inbox at once, so that a large array cannot overfill it."""

STALL_S = 60.0
"""A step that takes longer means a hung model: the engine is failed."""

STALL_CHECK_S = 5.0
"""Interval at which a stream checks whether the engine is stuck."""


class LocalEngine(Engine):
    """An engine whose recognisers run on a worker pool. Subclasses implement `make_recogniser`.

    Attributes:
        merge_samples: Queued chunks are merged up to this length before `feed`; 0: never.
    """

    merge_samples = 0

    def __init__(self, *, num_threads: int, max_streams: int, pool: WorkerPool | None = None) -> None:
        if num_threads < 1:
            raise ConfigError(f"num_threads is {num_threads}; it must be 1 or more")
        self.open_streams = OpenStreams[LocalStream](max_streams)
        self.pool = pool or WorkerPool(num_threads, name="voxtide-engine")
        self._wakeups: Wakeups | None = None

    @abstractmethod
    def make_recogniser(self, options: StreamOptions) -> Recogniser:
        """Make a new stream's state."""

    @property
    def num_open_streams(self) -> int:
        """Streams that are entered and not closed."""
        return len(self.open_streams)

    @property
    def is_stuck(self) -> bool:
        """Whether a worker thread has died, or has been in one step longer than `STALL_S`."""
        return self.pool.has_lost_worker() or self.pool.longest_run_s() > STALL_S

    def observe_steps(self, observer: Callable[[float], None]) -> None:
        self.pool.on_run = observer

    def open(self, options: StreamOptions | None = None) -> LocalStream:
        options = options or StreamOptions()
        self.info.check(options)
        return LocalStream(self, options)

    async def close(self) -> None:
        streams = self.open_streams.close()
        self.pool.stop()
        for stream in streams:
            stream.shut()  # all, before the first await: a cancelled close leaves none open
        for stream in streams:
            await stream.close()
        await asyncio.to_thread(self.pool.join)

    def fail(self, error: EngineFailedError) -> None:
        """Fail the engine: all its streams fail and no new one opens. Thread-safe."""
        for stream in self.open_streams.fail(error):
            stream.fail(error)

    def wakeups(self) -> Wakeups:
        """The wake-ups of the running event loop, shared by its streams."""
        loop = asyncio.get_running_loop()
        if self._wakeups is None or self._wakeups.loop is not loop:
            self._wakeups = Wakeups(loop)
        return self._wakeups


class LocalStream(EngineStream):
    """One stream: a `StreamWorker` and the asyncio events that its callers wait on."""

    def __init__(self, engine: LocalEngine, options: StreamOptions) -> None:
        self._engine = engine
        self._options = options
        self._worker = StreamWorker(self, engine.pool, merge_samples=engine.merge_samples)
        self._is_closed = False
        self._error: EngineFailedError | None = None
        self._num_flushes = 0
        self._is_finishing = False
        self._is_finished = False
        self._feed_lock = asyncio.Lock()  # keeps the pieces of one feed together
        self._wakeups: Wakeups | None = None  # None until entered
        self._stall_check: asyncio.TimerHandle | None = None
        self._has_events = asyncio.Event()
        self._has_space = asyncio.Event()
        self._is_released = asyncio.Event()

    # The five verbs.

    async def __aenter__(self) -> LocalStream:
        if self._wakeups is not None or self._is_closed:
            raise StreamClosedError("a stream is entered once; open a new one")
        self._engine.open_streams.enter(self, engine=self._engine.info.name)
        try:
            self._worker.begin(self._engine.make_recogniser(self._options))
        except BaseException:
            self._engine.open_streams.leave(self)
            raise
        self._wakeups = self._engine.wakeups()
        self._check_engine()
        return self

    async def feed(self, samples: Samples) -> None:
        if self.try_feed(samples):
            return
        async with self._feed_lock:
            for start in range(0, len(samples), FEED_PIECE_SAMPLES):
                await self._put(_copy(samples[start : start + FEED_PIECE_SAMPLES]))

    def try_feed(self, samples: Samples) -> bool:
        self._check_usable()
        check_samples(samples)
        if len(samples) > FEED_PIECE_SAMPLES or self._feed_lock.locked():
            return False
        return not len(samples) or self._worker.put(_copy(samples))

    async def flush(self) -> int:
        self._check_usable()
        async with self._feed_lock:
            flush_id = self._num_flushes + 1
            await self._put(FlushCommand(flush_id))
            self._num_flushes = flush_id  # only now: a cancelled flush leaves no gap
        return flush_id

    async def finish(self) -> None:
        if self._is_finishing:
            return
        self._check_usable()
        async with self._feed_lock:
            if not self._is_finishing:
                await self._put(FinishCommand())
                self._is_finishing = True

    async def close(self) -> None:
        self.shut()
        while self._wakeups is not None and not (self._worker.is_released or self._engine.is_stuck):
            self._is_released.clear()
            await self._is_released.wait()
        if self._stall_check is not None:
            self._stall_check.cancel()
        self._engine.open_streams.leave(self)  # even if a stuck worker still holds the recogniser

    def shut(self) -> None:
        """Close without waiting."""
        self._is_closed = True
        self._worker.close()
        self._wake(self._has_events, self._has_space)

    def __aiter__(self) -> AsyncIterator[TranscriptEvent]:
        return self

    async def __anext__(self) -> TranscriptEvent:
        while True:
            self._has_events.clear()  # before `take`, so that no later event is missed
            event = self._worker.take()
            if event is not None:
                self._is_finished |= isinstance(event, Finished)
                return event
            if self._is_closed or self._is_finished:
                raise StopAsyncIteration
            self._check_alive()
            await self._has_events.wait()

    @property
    def lag_s(self) -> float:
        return self._worker.lag_samples / SAMPLE_RATE_HZ

    @property
    def num_unread_events(self) -> int:
        """Unread events."""
        return self._worker.num_events

    def _check_usable(self) -> None:
        if self._is_closed or self._is_finishing:
            verb = "closed" if self._is_closed else "finished"
            raise StreamClosedError(f"the stream was {verb}; open a new one")
        self._check_alive()

    def _check_alive(self) -> None:
        if self._wakeups is None:
            raise StreamClosedError("the stream is not open; enter it with `async with engine.open() as stream`")
        if self._error is not None:
            raise copy(self._error)  # raising adds traceback frames, so each caller gets its own copy

    async def _put(self, command: Command) -> None:
        self._check_usable()
        while not self._worker.put(command):
            self._has_space.clear()
            self._worker.request_space()
            if self._worker.put(command):  # space may have become free before the request
                break
            await self._has_space.wait()
            self._check_usable()

    def _check_engine(self) -> None:
        """Check every `STALL_CHECK_S` whether the engine is stuck; if so, fail it and end a waiting `close`."""
        if self._is_closed and self._worker.is_released:  # its `close` was cancelled
            return
        if self._engine.is_stuck:
            reason = f"a worker thread died or was busy for {STALL_S:.0f} s"
            self._engine.fail(EngineFailedError(f"engine {self._engine.info.name!r} is stuck: {reason}"))
            self._is_released.set()
        assert self._wakeups is not None
        self._stall_check = self._wakeups.loop.call_later(STALL_CHECK_S, self._check_engine)

    # Called by the worker, on any thread.

    def on_events(self) -> None:
        self._wake(self._has_events)

    def on_space(self) -> None:
        self._wake(self._has_space)

    def on_error(self, error: Exception) -> None:
        name = self._engine.info.name
        if isinstance(error, EngineFailedError):
            _log.exception("engine %s died", name)
            self._engine.fail(copy(error))  # a copy: the raised error holds its traceback's frames
        else:
            _log.exception("a stream of engine %s failed", name)
            self.fail(EngineFailedError(f"engine {name!r} failed: {error}"))

    def on_released(self) -> None:
        self._engine.open_streams.leave(self)
        self._wake(self._is_released)

    def fail(self, error: EngineFailedError) -> None:
        """End the stream with an error, after its queued events. Thread-safe."""
        self._worker.halt()  # before the error: a reader that has seen the error must see no event after it
        self._error = self._error or error
        self._wake(self._has_events, self._has_space)

    def _wake(self, *events: asyncio.Event) -> None:
        if self._wakeups is not None:
            for event in events:
                self._wakeups.set(event)


def _copy(samples: Samples) -> Samples:
    """A copy, so that the caller may reuse its buffer."""
    return np.array(samples, dtype=np.float32)


class Wakeups:
    """Sets asyncio events of one loop from other threads. A wake-up costs more than most steps of a small model, so
    one wake-up sets all events requested until it runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._events: deque[asyncio.Event] = deque()  # bounded: a wake-up is scheduled whenever it is not empty
        self._is_scheduled = False

    def set(self, event: asyncio.Event) -> None:
        """Set an event soon. Thread-safe; a no-op if the loop is closed."""
        self._events.append(event)  # before the check: a running wake-up sets it, or another is scheduled
        if not self._is_scheduled:
            self._is_scheduled = True
            try:
                self.loop.call_soon_threadsafe(self._set_all)
            except RuntimeError:  # closed
                self._events.clear()
                self._is_scheduled = False

    def _set_all(self) -> None:
        self._is_scheduled = False  # before the first check, for the same reason
        while self._events:
            self._events.popleft().set()
