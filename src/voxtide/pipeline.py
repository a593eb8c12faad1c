"""One stream from end to end. In: an open source and an engine stream. Out: a transcript, and observer callbacks.

source -> feed task -> engine stream -> read task -> assembler, observers

Knows no files, terminal or signals. Used by the command line, the Python API and the benchmarks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from voxtide.audio.level import level_of_power_dbfs
from voxtide.audio.source import AudioSource
from voxtide.engines.base import EngineStream
from voxtide.errors import EngineError, VoxtideError, first_error
from voxtide.transcript.assembler import Assembler
from voxtide.transcript.events import (
    Finished,
    LanguageDoubted,
    SpeechStarted,
    SpeechStopped,
    SpeechUntranscribed,
    TranscriptEvent,
)
from voxtide.transcript.notices import event_notice
from voxtide.types import SAMPLE_RATE_HZ, Notice, Samples, Transcript

MAX_PAUSE_AGE_S = 1.0
"""Older pauses are not flushed. Engines report a pause 0.3 to 0.6 s after its start; a later report comes from replayed
or faster than real-time audio, where a flush could split a word."""

MAX_SPEECH_NOTICES = 10
"""Most notices of one stream about speech without text: singing never has any."""

MIN_FED_S = 5.0
"""Shorter streams that were stopped may have no text: a recording may begin with silence, or end in the first word."""


class Observer:
    """Callbacks for a running stream, all called in one event loop; override what you need.

    `wall_s` counts from the first fed sample on a monotonic clock.
    """

    def on_started(self) -> None:
        """The first sample is about to be fed, or the source was empty."""

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        """A chunk is about to be fed; it ends at `audio_s`."""

    def on_flush(self, wall_s: float) -> None:
        """A flush is about to be requested."""

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        """The stream emitted an event."""

    def on_notice(self, notice: Notice, wall_s: float) -> None:
        """Called for each `Notice` of the source. Never before `on_started`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a stream: its transcript, and the failure that ended it early, if any."""

    transcript: Transcript
    failure: VoxtideError | None


async def run_stream(
    source: AsyncIterable[Samples],
    stream: EngineStream,
    observers: Sequence[Observer] = (),
    *,
    notices_of: AudioSource | None = None,
    stop: asyncio.Event | None = None,
    is_flushing_at_pauses: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Feed all of `source`, finish, and read all events.

    If the source or the engine fails, the outcome has the failure and the transcript up to it. An exception of an
    observer ends the run at once and is raised.

    Args:
        source: Chunks of float32 mono samples at 16 kHz.
        stream: A new stream, entered and closed by the caller.
        observers: Called in this order.
        notices_of: The source whose notices are reported, if `source` is only derived from it.
        stop: When set, reading `source` stops; audio already fed is transcribed, and what a live source has received.
        is_flushing_at_pauses: Flush when the engine reports a pause, unless it is older than `MAX_PAUSE_AGE_S`: a flush
            covers all fed audio, and the speaker may have continued.
        clock: Seconds on a monotonic clock.
    """
    if notices_of is None and isinstance(source, AudioSource):
        notices_of = source
    run = _Run(stream, observers, clock, is_flushing_at_pauses, notices_of)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(run.read())
            flushing = tasks.create_task(run.flush_when_requested())
            feeding = tasks.create_task(run.feed(source))
            stopping = tasks.create_task(_end_at(stop, source, feeding)) if stop else None
            await asyncio.wait({feeding})
            run.is_stopped = stop is not None and stop.is_set()
            for task in filter(None, (flushing, stopping)):
                task.cancel()
            await run.finish()
    except BaseExceptionGroup as group:
        error = first_error(group)
        if not isinstance(error, EngineError):
            raise error from None
        run.failure = error
    return Outcome(replace(run.assembler.transcript(), notices=tuple(run.notices)), run.failure)


class _Run:
    """State shared by the tasks of one run."""

    def __init__(
        self,
        stream: EngineStream,
        observers: Sequence[Observer],
        clock: Callable[[], float],
        is_flushing_at_pauses: bool,
        notices_of: AudioSource | None,
    ) -> None:
        self.assembler = Assembler()
        self.failure: VoxtideError | None = None
        self.is_stopped = False  # by the caller: the source may have more audio
        self.notices: list[Notice] = []
        self._notices_of = notices_of
        self._num_source_notices = 0
        self._stream = stream
        self._observers = observers
        self._clock = clock
        self._started_at_s: float | None = None
        self._num_fed_samples = 0
        self._energy = 0.0
        self._num_untranscribed = 0
        self._speech_s: tuple[float, float | None] | None = None  # the start of all speech, and its end once it stopped
        self._is_flushing_at_pauses = is_flushing_at_pauses
        self._flush_requested = asyncio.Event()
        self._input_lock = asyncio.Lock()  # `feed` and `flush` of a stream must not overlap

    async def feed(self, source: AsyncIterable[Samples]) -> None:
        try:
            async for chunk in source:
                wall_s = self._start()
                self._take_source_notices()
                self._num_fed_samples += len(chunk)
                self._energy += float(np.sum(np.square(chunk, dtype=np.float64)))
                for observer in self._observers:
                    observer.on_chunk(chunk, self._num_fed_samples / SAMPLE_RATE_HZ, wall_s)
                async with self._input_lock:
                    await self._stream.feed(chunk)
        except VoxtideError as error:
            self.failure = error  # reported at the end, after the text of the audio fed so far
        finally:
            self._take_source_notices()

    def notify(self, notice: Notice) -> None:
        """Add a notice to the transcript and report it to the observers."""
        self.notices.append(notice)
        wall_s = self._start()
        for observer in self._observers:
            observer.on_notice(notice, wall_s)

    def _notice_text(self, event: TranscriptEvent) -> None:
        """Report speech without text, speech in another language, and at the end audio without speech."""
        match event:
            case SpeechStarted(start_s):
                self._speech_s = (start_s if self._speech_s is None else self._speech_s[0], None)
            case SpeechStopped(end_s) if self._speech_s is not None:
                self._speech_s = (self._speech_s[0], end_s)
            case SpeechUntranscribed():
                self._num_untranscribed += 1
                notice = event_notice(event, self._source_name)
                if self._num_untranscribed <= MAX_SPEECH_NOTICES:
                    is_last = self._num_untranscribed == MAX_SPEECH_NOTICES
                    more = "; more of the kind is not reported" if is_last else ""
                    self.notify(replace(notice, message=notice.message + more))
            case LanguageDoubted():
                self.notify(event_notice(event, self._source_name))
            case Finished(audio_s) if not (
                self.failure or self._num_untranscribed or self.assembler.stable_text.strip()
            ):
                self._notice_no_text(audio_s)
            case _:
                pass

    def _notice_no_text(self, audio_s: float) -> None:
        """Report audio without text: all of its speech, or that it has none, unless it was stopped after little."""
        fed_s = self._num_fed_samples / SAMPLE_RATE_HZ
        if self.is_stopped and fed_s < MIN_FED_S:
            return
        if self._speech_s is not None:
            start_s, end_s = self._speech_s
            span = f"from {start_s:.1f} to {audio_s if end_s is None else end_s:.1f} s"
            message = f"{self._source_name}: no text for the speech {span}, too short or too unclear for the model"
            self.notify(Notice("speech_untranscribed", message))
            return
        if not self._num_fed_samples:
            self.notify(Notice("no_speech", f"no speech found in {self._source_name}; it has no audio"))
            return
        part = f"{fed_s:.0f} s of " if self.is_stopped else ""
        level = level_of_power_dbfs(self._energy / self._num_fed_samples)
        self.notify(Notice("no_speech", f"no speech found in {part}{self._source_name}; level {level:.0f} dBFS"))

    @property
    def _source_name(self) -> str:
        return "the audio" if self._notices_of is None else self._notices_of.name

    def _take_source_notices(self) -> None:
        """Report what the source noticed since the last call."""
        noticed = () if self._notices_of is None else self._notices_of.notices
        for notice in noticed[self._num_source_notices :]:
            self.notify(notice)
        self._num_source_notices = len(noticed)

    async def read(self) -> None:
        async for event in self._stream:
            wall_s = self._wall_s()
            self.assembler.add(event)
            self._notice_text(event)
            if self._is_flushing_at_pauses and self._is_new_pause(event):
                self._flush_requested.set()
            for observer in self._observers:
                observer.on_event(event, wall_s)

    def _is_new_pause(self, event: TranscriptEvent) -> bool:
        fed_s = self._num_fed_samples / SAMPLE_RATE_HZ
        return isinstance(event, SpeechStopped) and fed_s - event.audio_s <= MAX_PAUSE_AGE_S

    async def flush_when_requested(self) -> None:
        """A separate task: the reader must keep reading while a flush waits for the engine (backpressure)."""
        while True:
            await self._flush_requested.wait()
            self._flush_requested.clear()
            for observer in self._observers:
                observer.on_flush(self._wall_s())
            async with self._input_lock:
                await self._record_failure_of(self._stream.flush())

    async def finish(self) -> None:
        self._start()
        await self._record_failure_of(self._stream.finish())

    async def _record_failure_of(self, call: Awaitable[object]) -> None:
        """Await `call`; keep an engine's failure for the outcome, so that the remaining events are still read."""
        try:
            await call
        except EngineError as error:
            self.failure = self.failure or error

    def _start(self) -> float:
        """Start the clock on the first call; returns the time since then."""
        if self._started_at_s is None:
            self._started_at_s = self._clock()
            for observer in self._observers:
                observer.on_started()
        return self._wall_s()

    def _wall_s(self) -> float:
        return 0.0 if self._started_at_s is None else self._clock() - self._started_at_s


async def _end_at(stop: asyncio.Event, source: AsyncIterable[Samples], feeding: asyncio.Task[None]) -> None:
    """Once `stop` is set, end the source, or cancel the task that feeds it if its audio can be read again."""
    await stop.wait()
    if not (isinstance(source, AudioSource) and source.end()):
        feeding.cancel()
