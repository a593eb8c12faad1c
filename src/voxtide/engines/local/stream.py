"""The asyncio face of a recogniser. In: the five verbs. Out: events. Knows nothing of models.

feed, flush, finish -> StreamJob, on a worker's thread (stream_job.py) -> async iterator

The job's two queues are bounded. A full inbox makes `feed` wait. A full outbox (nobody reads) stops the work, which
fills the inbox, which makes `feed` wait. Only interim events are ever dropped: a newer one replaces one not yet read.
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

SLICE_SAMPLES = SAMPLE_RATE_HZ
"""Fed audio enters the inbox in pieces of at most this, so that one huge array cannot overfill it."""

STALL_S = 60.0
"""A single piece of work that takes longer means a hung model: the engine is declared dead."""

WATCH_S = 5.0
"""How often a stream looks whether the engine has stalled."""


class LocalEngine(Engine):
    """An engine whose streams are recognisers run by a worker pool. Subclasses make the recognisers.

    Attributes:
        merge_samples: Audio that waits in chunks is handed over together, up to so much; 0 for chunk by chunk.
    """

    merge_samples = 0

    def __init__(self, *, num_threads: int, max_streams: int, pool: WorkerPool | None = None) -> None:
        if num_threads < 1:
            raise ConfigError(f"num_threads is {num_threads}; it must be 1 or more")
        self._open_streams = OpenStreams[LocalStream](max_streams)
        self.pool = pool or WorkerPool(num_threads, name="voxtide-engine")
        self._wakeups: Wakeups | None = None

    @abstractmethod
    def make_recogniser(self, options: StreamOptions) -> Recogniser:
        """A fresh stream's state."""

    @property
    def num_open_streams(self) -> int:
        """Streams entered and not yet closed."""
        return len(self._open_streams)

    @property
    def is_stuck(self) -> bool:
        """Whether a worker has been at one piece of work for longer than any model needs, or is gone."""
        return self.pool.has_lost_worker() or self.pool.longest_run_s() > STALL_S

    def observe_steps(self, observer: Callable[[float], None]) -> None:
        self.pool.on_run = observer

    def open(self, options: StreamOptions | None = None) -> LocalStream:
        options = options or StreamOptions()
        self.info.check(options)
        return LocalStream(self, options)

    async def close(self) -> None:
        streams = self._open_streams.close()
        self.pool.stop()
        for stream in streams:
            stream.shut()  # all of them before the first wait, so that a cancelled close leaves none open
        for stream in streams:
            await stream.close()
        await asyncio.to_thread(self.pool.join)

    def fail(self, error: EngineFailedError) -> None:
        """Declare the engine dead: every stream is told, no new one opens. Callable from any thread."""
        for stream in self._open_streams.fail(error):
            stream.fail(error)

    def enter(self, stream: LocalStream) -> None:
        """Admit a stream, or say why not."""
        self._open_streams.enter(stream, engine=self.info.name)

    def wakeups(self) -> Wakeups:
        """What wakes the running event loop, shared by its streams; where several loops take turns, not by all."""
        loop = asyncio.get_running_loop()
        if self._wakeups is None or self._wakeups.loop is not loop:
            self._wakeups = Wakeups(loop)
        return self._wakeups

    def leave(self, stream: LocalStream) -> None:
        """Forget a stream that is closed. Callable from any thread."""
        self._open_streams.leave(stream)


class LocalStream(EngineStream):
    """A `StreamWorker`, and those who wait for it."""

    def __init__(self, engine: LocalEngine, options: StreamOptions) -> None:
        self._engine = engine
        self._options = options
        self._job = StreamWorker(self, engine.pool, merge_samples=engine.merge_samples)
        self._is_closed = False
        self._error: EngineFailedError | None = None
        self._num_flushes = 0
        self._is_finishing = False
        self._is_finished = False
        self._feed_turn = asyncio.Lock()  # keeps the slices of one feed together
        self._wakeups: Wakeups | None = None  # there from entering on
        self._watch: asyncio.TimerHandle | None = None
        self._has_news = asyncio.Event()
        self._has_room = asyncio.Event()
        self._is_released = asyncio.Event()

    # The five verbs.

    async def __aenter__(self) -> LocalStream:
        if self._wakeups is not None or self._is_closed:
            raise StreamClosedError("a stream is entered once; open a new one")
        self._engine.enter(self)
        try:
            self._job.begin(self._engine.make_recogniser(self._options))
        except BaseException:
            self._engine.leave(self)
            raise
        self._wakeups = self._engine.wakeups()
        self._watch_engine()
        return self

    async def feed(self, samples: Samples) -> None:
        if self.try_feed(samples):
            return
        async with self._feed_turn:
            for start in range(0, len(samples), SLICE_SAMPLES):
                await self._put(_copy(samples[start : start + SLICE_SAMPLES]))

    def try_feed(self, samples: Samples) -> bool:
        self._check_usable()
        check_samples(samples)
        if len(samples) > SLICE_SAMPLES or self._feed_turn.locked():
            return False
        return not len(samples) or self._job.put(_copy(samples))

    async def flush(self) -> int:
        self._check_usable()
        async with self._feed_turn:
            flush_id = self._num_flushes + 1
            await self._put(FlushCommand(flush_id))
            self._num_flushes = flush_id  # only now: a cancelled flush leaves no gap
        return flush_id

    async def finish(self) -> None:
        if self._is_finishing:
            return
        self._check_usable()
        async with self._feed_turn:
            if not self._is_finishing:
                await self._put(FinishCommand())
                self._is_finishing = True

    async def close(self) -> None:
        self.shut()
        while self._wakeups is not None and not (self._job.is_released or self._engine.is_stuck):
            self._is_released.clear()
            await self._is_released.wait()
        if self._watch is not None:
            self._watch.cancel()
        self._engine.leave(self)  # also where a stuck worker still holds the recogniser

    def shut(self) -> None:
        """Close without waiting."""
        self._is_closed = True
        self._job.close()
        self._wake(self._has_news, self._has_room)

    def __aiter__(self) -> AsyncIterator[TranscriptEvent]:
        return self

    async def __anext__(self) -> TranscriptEvent:
        while True:
            self._has_news.clear()  # before the look: news that comes after it sets the event again
            event = self._job.take()
            if event is not None:
                self._is_finished |= isinstance(event, Finished)
                return event
            if self._is_closed or self._is_finished:
                raise StopAsyncIteration
            self._check_alive()
            await self._has_news.wait()

    @property
    def lag_s(self) -> float:
        return self._job.lag_samples / SAMPLE_RATE_HZ

    @property
    def num_unread_events(self) -> int:
        """Events told and not yet read."""
        return self._job.num_events

    def _check_usable(self) -> None:
        if self._is_closed or self._is_finishing:
            verb = "closed" if self._is_closed else "finished"
            raise StreamClosedError(f"the stream was {verb}; open a new one")
        self._check_alive()

    def _check_alive(self) -> None:
        if self._wakeups is None:
            raise StreamClosedError("the stream is not open; enter it with `async with engine.open() as stream`")
        if self._error is not None:
            raise copy(self._error)  # a raised error collects frames: each reader and writer gets its own

    async def _put(self, command: Command) -> None:
        self._check_usable()
        while not self._job.put(command):
            self._has_room.clear()
            self._job.want_room()
            if self._job.put(command):  # room may have come before we asked to be told
                break
            await self._has_room.wait()
            self._check_usable()

    def _watch_engine(self) -> None:
        """See every `WATCH_S` whether the engine is stuck. Who waits for it is woken, and looks again."""
        if self._is_closed and self._job.is_released:  # and whoever closed it did not wait to the end
            return
        if self._engine.is_stuck:
            reason = f"a worker ended, or gave no answer for {STALL_S:.0f} s"
            self._engine.fail(EngineFailedError(f"engine {self._engine.info.name!r} is stuck: {reason}"))
            self._is_released.set()
        assert self._wakeups is not None
        self._watch = self._wakeups.loop.call_later(WATCH_S, self._watch_engine)

    # Told by the job, from any thread.

    def on_events(self) -> None:
        self._wake(self._has_news)

    def on_room(self) -> None:
        self._wake(self._has_room)

    def on_error(self, error: Exception) -> None:
        name = self._engine.info.name
        if isinstance(error, EngineFailedError):
            _log.exception("engine %s died", name)
            self._engine.fail(copy(error))  # a copy, for the error that was raised holds the frames it came through
        else:
            _log.exception("a stream of engine %s failed", name)
            self.fail(EngineFailedError(f"engine {name!r} failed: {error}"))

    def on_released(self) -> None:
        self._engine.leave(self)
        self._wake(self._is_released)

    def fail(self, error: EngineFailedError) -> None:
        """End the stream with an error, after the events that were already told. Callable from any thread."""
        self._error = self._error or error
        self._job.halt()
        self._wake(self._has_news, self._has_room)

    def _wake(self, *events: asyncio.Event) -> None:
        if self._wakeups is not None:
            for event in events:
                self._wakeups.set(event)


def _copy(samples: Samples) -> Samples:
    """The caller may use its buffer again once we return."""
    return np.array(samples, dtype=np.float32)


class Wakeups:
    """Sets the events of one loop. Waking a loop costs more than most steps of a small model, so one serves all that
    is asked for until it comes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._events: deque[asyncio.Event] = deque()  # bounded: a waking is on its way whenever it is not empty
        self._is_asked = False

    def set(self, event: asyncio.Event) -> None:
        """Set an event soon. Callable from any thread; nothing where the loop is closed, for nobody waits there."""
        self._events.append(event)  # before the look: a waking that has begun finds it, or we ask for another
        if not self._is_asked:
            self._is_asked = True
            try:
                self.loop.call_soon_threadsafe(self._set_all)
            except RuntimeError:  # closed
                self._events.clear()
                self._is_asked = False

    def _set_all(self) -> None:
        self._is_asked = False  # before the first look, for the same reason
        while self._events:
            self._events.popleft().set()
