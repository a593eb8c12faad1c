"""One stream from end to end. In: an open source and an engine stream. Out: a transcript, and news for observers.

source -> feeder task -> engine stream -> reader task -> assembler, observers

Knows no files, screens or signals. The command line, the Python interface and the benchmarks all run streams here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass

from voxtide.engines.base import EngineStream
from voxtide.errors import EngineError, VoxtideError, first_error
from voxtide.transcript.assembler import Assembler
from voxtide.transcript.events import SpeechStopped, TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, Samples, Transcript

MAX_PAUSE_AGE_S = 1.0
"""A pause that began longer ago is not flushed. Engines tell one some 0.3 to 0.6 s after its beginning; one told later
comes from audio that was transcribed again or faster than it is spoken, and a flush now would cut a word in two."""


class Observer:
    """Who wants to know how a stream goes on; override what you need. All calls come from one event loop.

    `wall_s` counts from the moment the first sample was fed, on a monotonic clock.
    """

    def on_started(self) -> None:
        """The first sample is about to be fed, or the source turned out to have none."""

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        """A chunk is about to be fed; it ends at `audio_s`."""

    def on_flush(self, wall_s: float) -> None:
        """A flush is about to be asked for."""

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        """The stream told something."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a stream ended: what was transcribed, and what stopped it early, if anything did."""

    transcript: Transcript
    failure: VoxtideError | None


async def run_stream(
    source: AsyncIterable[Samples],
    stream: EngineStream,
    observers: Sequence[Observer] = (),
    *,
    stop: asyncio.Event | None = None,
    is_flushing_at_pauses: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Feed all of `source`, finish, and read to the end.

    A source that breaks off, or an engine that dies, ends the run early: what was said until then is in the outcome,
    beside the failure. What an observer raises ends the run at once and is raised.

    Args:
        source: Chunks of float32 mono samples at 16 kHz.
        stream: A fresh stream, entered by the caller, who also closes it.
        observers: Told of everything, in this order.
        stop: When set, no more of the source is read; what was fed is finished.
        is_flushing_at_pauses: Whether to flush whenever the engine says that the speaker has paused, and says it soon
            enough: a flush is about all that was fed, and behind an old pause the speaker has gone on.
        clock: Seconds on a monotonic clock.
    """
    run = _Run(stream, observers, clock, is_flushing_at_pauses)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run.read())
            flushing = tasks.create_task(run.flush_when_requested())
            feeding = tasks.create_task(run.feed(source))
            stopping = tasks.create_task(_cancel_at(stop, feeding)) if stop else None
            await asyncio.wait({feeding})
            for task in filter(None, (flushing, stopping)):
                task.cancel()
            await run.finish()
    except BaseExceptionGroup as group:
        error = first_error(group)
        if not isinstance(error, EngineError):
            raise error from None
        run.failure = error
    return Outcome(run.assembler.transcript(), run.failure)


class _Run:
    """What the tasks of one run share."""

    def __init__(
        self,
        stream: EngineStream,
        observers: Sequence[Observer],
        clock: Callable[[], float],
        is_flushing_at_pauses: bool,
    ) -> None:
        self.assembler = Assembler()
        self.failure: VoxtideError | None = None
        self._stream = stream
        self._observers = observers
        self._clock = clock
        self._started_at_s: float | None = None
        self._num_fed_samples = 0
        self._is_flushing_at_pauses = is_flushing_at_pauses
        self._flush_requested = asyncio.Event()
        self._input_lock = asyncio.Lock()  # feed and flush come from two tasks; the engine is promised one at a time

    async def feed(self, source: AsyncIterable[Samples]) -> None:
        try:
            async for chunk in source:
                wall_s = self._start()
                self._num_fed_samples += len(chunk)
                for observer in self._observers:
                    observer.on_chunk(chunk, self._num_fed_samples / SAMPLE_RATE_HZ, wall_s)
                async with self._input_lock:
                    await self._stream.feed(chunk)
        except VoxtideError as error:
            self.failure = error  # told at the end: what was fed before it is still worth its text

    async def read(self) -> None:
        async for event in self._stream:
            wall_s = self._wall_s()
            self.assembler.add(event)
            if self._is_flushing_at_pauses and self._is_new_pause(event):
                self._flush_requested.set()
            for observer in self._observers:
                observer.on_event(event, wall_s)

    def _is_new_pause(self, event: TranscriptEvent) -> bool:
        fed_s = self._num_fed_samples / SAMPLE_RATE_HZ
        return isinstance(event, SpeechStopped) and fed_s - event.audio_s <= MAX_PAUSE_AGE_S

    async def flush_when_requested(self) -> None:
        """A task of its own: the reader must go on reading while a flush waits for room in the engine."""
        while True:
            await self._flush_requested.wait()
            self._flush_requested.clear()
            for observer in self._observers:
                observer.on_flush(self._wall_s())
            async with self._input_lock:
                await self._record_failure(self._stream.flush())

    async def finish(self) -> None:
        self._start()
        await self._record_failure(self._stream.finish())

    async def _record_failure(self, verb: Awaitable[object]) -> None:
        """A dead engine flushes and finishes nothing. The reader says so, after all that was said before."""
        try:
            await verb
        except EngineError as error:
            self.failure = self.failure or error

    def _start(self) -> float:
        """The time since the first sample; the first call is the first sample."""
        if self._started_at_s is None:
            self._started_at_s = self._clock()
            for observer in self._observers:
                observer.on_started()
        return self._wall_s()

    def _wall_s(self) -> float:
        return 0.0 if self._started_at_s is None else self._clock() - self._started_at_s


async def _cancel_at(stop: asyncio.Event, task: asyncio.Task[None]) -> None:
    await stop.wait()
    task.cancel()
