"""The asyncio face of a recogniser. In: the five verbs. Out: events. Knows nothing of models.

feed, flush, finish -> [queue 1: inbox] -> worker thread: recogniser.step -> [queue 2: outbox] -> async iterator

Both queues are bounded. A full inbox makes `feed` wait. A full outbox (nobody reads) stops the stream's work, which
fills the inbox, which makes `feed` wait. Only interim events are ever dropped: a newer one replaces one not yet read.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import threading
from abc import abstractmethod
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np

from voxtide.engines.base import Engine, EngineStream
from voxtide.engines.pool import Job, WorkerPool
from voxtide.engines.recogniser import Recogniser
from voxtide.errors import CapacityError, EngineFailedError, StreamClosedError
from voxtide.transcript.events import Finished, Interim, TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions

_log = logging.getLogger("voxtide.engines")

INBOX_SAMPLES = 10 * SAMPLE_RATE_HZ
"""Audio a stream may be ahead of its engine: enough to ride out a slow moment, 640 kB at most."""

SLICE_SAMPLES = SAMPLE_RATE_HZ
"""Fed audio enters the inbox in pieces of at most this, so that one huge array cannot overfill it."""

INBOX_COMMANDS = 1024
"""Pieces in the inbox at once. Chunks of 10 ms fill `INBOX_SAMPLES` with 1000."""

OUTBOX_EVENTS = 256
"""Events not yet read. Speech makes about five a second, so a reader may sleep for most of a minute."""

BEHIND_S = 0.4
"""Lag past which interim work is left out; the promise for a machine under load is a lag of 400 ms."""

STALL_S = 60.0
"""A single piece of work that takes longer means a hung model: the engine is declared dead."""

WATCH_S = 5.0
"""How often a wait looks whether the engine has stalled."""


@dataclass(frozen=True, slots=True)
class _Flush:
    flush_id: int


@dataclass(frozen=True, slots=True)
class _Finish:
    pass


class PooledEngine(Engine):
    """An engine whose streams are recognisers run by a worker pool. Subclasses make the recognisers."""

    def __init__(self, *, num_threads: int, max_streams: int) -> None:
        self.pool = WorkerPool(num_threads, name="voxtide-engine")
        self._max_streams = max_streams
        self._streams: set[PooledStream] = set()
        self._failure: EngineFailedError | None = None
        self._is_closed = False

    @abstractmethod
    def make_recogniser(self, options: StreamOptions) -> Recogniser:
        """A fresh stream's state."""

    @property
    def num_open_streams(self) -> int:
        """Streams entered and not yet closed."""
        return len(self._streams)

    def open(self, options: StreamOptions | None = None) -> PooledStream:
        options = options or StreamOptions()
        self.info.check(options)
        return PooledStream(self, options)

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        for stream in list(self._streams):
            await stream.close()
        await asyncio.to_thread(self.pool.close)

    def fail(self, error: EngineFailedError) -> None:
        """Declare the engine dead: every stream is told, no new one opens. Callable from any thread."""
        self._failure = self._failure or error
        for stream in list(self._streams):
            stream.fail(self._failure)

    def enter(self, stream: PooledStream) -> None:
        """Admit a stream, or say why not."""
        if self._failure is not None:
            raise self._failure
        if self._is_closed:
            raise EngineFailedError(f"engine {self.info.name!r} is closed; open a new engine")
        if len(self._streams) >= self._max_streams:
            raise CapacityError(
                f"engine {self.info.name!r} already runs {self._max_streams} streams, its limit; "
                "close one first or raise max_streams"
            )
        self._streams.add(stream)

    def leave(self, stream: PooledStream) -> None:
        """Forget a stream that is closed."""
        self._streams.discard(stream)


class PooledStream(EngineStream, Job):
    """One recogniser between two bounded queues."""

    def __init__(self, engine: PooledEngine, options: StreamOptions) -> None:
        self._engine = engine
        self._options = options
        self._lock = threading.Lock()  # guards all below that the worker also touches
        self._inbox: deque[Samples | _Flush | _Finish] = deque()
        self._inbox_samples = 0
        self._outbox: deque[TranscriptEvent] = deque()
        self._recogniser: Recogniser | None = None
        self._is_running = False
        self._is_stepping = False
        self._error: EngineFailedError | None = None
        self._flush_ids = itertools.count(1)
        self._num_fed_samples = 0
        self._is_finishing = False
        self._is_finished = False
        self._is_closed = False
        self._feed_turn = asyncio.Lock()  # keeps the slices of one feed together
        self._loop: asyncio.AbstractEventLoop | None = None
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._is_free = asyncio.Event()

    # The five verbs, on the event loop.

    async def __aenter__(self) -> PooledStream:
        self._loop = asyncio.get_running_loop()
        self._engine.enter(self)
        try:
            self._recogniser = self._engine.make_recogniser(self._options)
        except BaseException:
            self._engine.leave(self)
            raise
        return self

    async def feed(self, samples: Samples) -> None:
        self._check_usable()
        samples = np.array(samples, dtype=np.float32)  # a copy: the caller may reuse its buffer
        if samples.ndim != 1:
            raise ValueError(f"feed takes mono samples of shape [n], not {samples.shape}")
        async with self._feed_turn:
            for start in range(0, len(samples), SLICE_SAMPLES):
                await self._put(samples[start : start + SLICE_SAMPLES])

    async def flush(self) -> int:
        self._check_usable()
        async with self._feed_turn:
            flush_id = next(self._flush_ids)
            await self._put(_Flush(flush_id))
        return flush_id

    async def finish(self) -> None:
        if self._is_finishing or self._is_closed:
            return
        self._check_usable()
        async with self._feed_turn:
            if not self._is_finishing:
                await self._put(_Finish())
                self._is_finishing = True

    async def close(self) -> None:
        self._is_closed = True
        with self._lock:
            self._inbox.clear()
            self._outbox.clear()
            is_running = self._is_running
        self._signal_all()
        if is_running:
            await self._watched(self._is_free)
        self._release()
        self._engine.leave(self)

    def __aiter__(self) -> AsyncIterator[TranscriptEvent]:
        return self

    async def __anext__(self) -> TranscriptEvent:
        while True:
            with self._lock:
                was_full = len(self._outbox) >= OUTBOX_EVENTS
                event = self._outbox.popleft() if self._outbox else None
                self._has_news.clear()
            if event is not None:
                if was_full:
                    self._engine.pool.wake(self)
                self._is_finished |= isinstance(event, Finished)
                return event
            if self._is_closed or self._is_finished:
                raise StopAsyncIteration
            if self._error is not None:
                raise self._error
            await self._watched(self._has_news)

    @property
    def lag_s(self) -> float:
        recogniser = self._recogniser
        num_done = recogniser.num_done_samples if recogniser else self._num_fed_samples
        return max(0, self._num_fed_samples - num_done) / SAMPLE_RATE_HZ

    def _check_usable(self) -> None:
        if self._error is not None:
            raise self._error
        if self._is_closed or self._is_finishing:
            verb = "closed" if self._is_closed else "finished"
            raise StreamClosedError(f"the stream was {verb}; open a new one")
        if self._loop is None:
            raise StreamClosedError("the stream is not open; enter it with `async with engine.open() as stream`")

    async def _put(self, command: Samples | _Flush | _Finish) -> None:
        num_samples = len(command) if isinstance(command, np.ndarray) else 0
        while True:
            self._check_usable()
            with self._lock:
                if self._inbox_samples + num_samples <= INBOX_SAMPLES and len(self._inbox) < INBOX_COMMANDS:
                    self._inbox.append(command)
                    self._inbox_samples += num_samples
                    self._num_fed_samples += num_samples
                    break
                self._has_room.clear()
            await self._watched(self._has_room)
        self._engine.pool.wake(self)

    async def _watched(self, event: asyncio.Event) -> None:
        """Wait for the event, and declare the engine dead if a worker has been stuck for too long meanwhile."""
        while not event.is_set():
            try:
                async with asyncio.timeout(WATCH_S):
                    await event.wait()
            except TimeoutError:
                stuck_s = self._engine.pool.longest_run_s()
                if stuck_s > STALL_S:
                    name = self._engine.info.name
                    self._engine.fail(EngineFailedError(f"engine {name!r} has been stuck for {stuck_s:.0f} s"))
                    if self._is_closed:
                        return

    # The worker's side.

    def run_once(self) -> bool:
        with self._lock:
            if self._is_closed or self._error is not None or self._recogniser is None:
                return False
            if len(self._outbox) >= OUTBOX_EVENTS:
                return False  # __anext__ wakes us when there is room
            self._is_running = True
            recogniser = self._recogniser
        try:
            return self._run(recogniser)
        except EngineFailedError as error:
            self._engine.fail(error)
        except Exception as error:
            _log.exception("a stream of engine %s failed", self._engine.info.name)
            self.fail(EngineFailedError(f"engine {self._engine.info.name!r} failed: {error}"))
        finally:
            with self._lock:
                self._is_running = False
            self._signal(self._is_free)
        return False

    def _run(self, recogniser: Recogniser) -> bool:
        if not self._is_stepping and not self._hand_over(recogniser):
            return False
        events = recogniser.step(is_behind=self.lag_s > BEHIND_S)
        self._is_stepping = events is not None
        if events:
            self._publish(events)
        with self._lock:
            return self._is_stepping or bool(self._inbox)

    def _hand_over(self, recogniser: Recogniser) -> bool:
        """Give the recogniser the next command; False when there is none."""
        with self._lock:
            if not self._inbox:
                return False
            command = self._inbox.popleft()
            if isinstance(command, np.ndarray):
                self._inbox_samples -= len(command)
        self._signal(self._has_room)
        match command:
            case _Flush(flush_id):
                recogniser.flush(flush_id)
            case _Finish():
                recogniser.finish()
            case samples:
                recogniser.feed(samples)
        return True

    def _publish(self, events: list[TranscriptEvent]) -> None:
        with self._lock:
            if self._is_closed:
                return
            for event in events:
                if isinstance(event, Interim) and self._outbox and isinstance(self._outbox[-1], Interim):
                    self._outbox.pop()
                self._outbox.append(event)
        self._signal(self._has_news)

    def fail(self, error: EngineFailedError) -> None:
        """End the stream with an error, after the events that were already told. Callable from any thread."""
        self._error = self._error or error
        self._signal_all()

    def _release(self) -> None:
        recogniser, self._recogniser = self._recogniser, None
        if recogniser is not None:
            recogniser.close()

    def _signal(self, event: asyncio.Event) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits
                self._loop.call_soon_threadsafe(event.set)

    def _signal_all(self) -> None:
        for event in (self._has_news, self._has_room):
            self._signal(event)
