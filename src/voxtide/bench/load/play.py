"""Plays recordings into a stream, in real time or not. In: samples. Out: every event with its arrival time.

Uses `pipeline.run_stream`, as the command line does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from voxtide.audio.pacing import paced
from voxtide.audio.source import AudioSource
from voxtide.bench.figure import percentile
from voxtide.engines.base import EngineStream
from voxtide.pipeline import Observer, run_stream
from voxtide.transcript.events import TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, Samples, Transcript

PACED_CHUNK_MS = 20
"""The chunk of telephone and web audio: short, so that filling a chunk adds little latency."""

FAST_CHUNK_MS = 80
"""The chunk of the command line."""


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event and its arrival, in seconds since the first sample existed."""

    event: TranscriptEvent
    at_s: float


@dataclass(frozen=True, slots=True)
class Played:
    """The record of one play. Times are seconds since the audio began.

    Attributes:
        events: All events, in order.
        flushed_at_s: When each flush was requested, in order.
        late_s: How late each chunk was fed; shows whether the machine kept up with the measurement.
        cpu_s: Processor time of this process, all threads.
        transcript: The result.
    """

    events: tuple[TimedEvent, ...]
    flushed_at_s: tuple[float, ...]
    late_s: tuple[float, ...]
    cpu_s: float
    transcript: Transcript


def feeding_note(plays: Iterable[Played]) -> str:
    """How well the machine kept up with the measurement, for the report."""
    late_ms = [1000 * late_s for played in plays for late_s in played.late_s]
    return f"chunks were fed {percentile(late_ms, 95):.1f} ms late at p95, which the latencies include"


class SamplesSource(AudioSource):
    """Samples in memory as a source, repeated to fill `duration_s`."""

    def __init__(self, samples: Samples, *, chunk_ms: int, duration_s: float | None = None) -> None:
        """Take the samples and how long to play them; None plays them once."""
        super().__init__("samples", chunk_ms=chunk_ms)
        self._samples = samples
        self._num_left = len(samples) if duration_s is None else round(duration_s * SAMPLE_RATE_HZ)
        self._chunk_samples = chunk_ms * SAMPLE_RATE_HZ // 1000
        self._position = 0
        self.duration_s = self._num_left / SAMPLE_RATE_HZ

    async def open(self) -> None:
        """Nothing to do."""

    async def read(self) -> Samples | None:
        """The next chunk."""
        num_samples = min(self._chunk_samples, self._num_left)
        if num_samples == 0:
            return None
        chunk = self._samples.take(self._position + np.arange(num_samples), mode="wrap")
        self._position = (self._position + num_samples) % len(self._samples)
        self._num_left -= num_samples
        return chunk

    async def close(self) -> None:
        """Nothing to do."""


async def play(
    stream: EngineStream,
    samples: Samples,
    *,
    is_paced: bool,
    chunk_ms: int | None = None,
    flush_at_s: Sequence[float] = (),
    observers: Sequence[Observer] = (),
    stop: asyncio.Event | None = None,
) -> Played:
    """Play samples into an entered stream and finish it.

    Args:
        stream: A fresh stream; the caller closes it.
        samples: The audio.
        is_paced: Whether to play in real time, or as fast as the engine takes it.
        chunk_ms: Audio per `feed`; None for 20 paced and 80 otherwise.
        flush_at_s: Ascending positions in the audio; each flush is requested after the chunk that holds its position.
        observers: Called beside the record.
        stop: When set, playing stops; what was played is transcribed.

    Raises:
        VoxtideError: The engine failed.
    """
    chunk_ms = chunk_ms or (PACED_CHUNK_MS if is_paced else FAST_CHUNK_MS)
    source: AudioSource = SamplesSource(samples, chunk_ms=chunk_ms)
    log = _Log()
    async with paced(source) if is_paced else source as opened:
        chunks = _with_flushes(opened, stream, flush_at_s, log)
        outcome = await run_stream(chunks, stream, (log, *observers), stop=stop)
    if outcome.failure is not None:
        raise outcome.failure
    return log.played(outcome.transcript)


class _Log(Observer):
    """Records times. A paced chunk is fed at its end or later, so the earliest one dates the start of the audio."""

    def __init__(self) -> None:
        self._fed_s: list[float] = []  # when each chunk was fed, minus the position of its end
        self._events: list[TimedEvent] = []
        self._requested_s: list[float] = []
        self._cpu_started_s = time.process_time()

    def on_started(self) -> None:
        self._cpu_started_s = time.process_time()

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        self._fed_s.append(time.monotonic() - audio_s)

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        self._events.append(TimedEvent(event, time.monotonic()))

    def note_flush(self) -> None:
        """A flush is about to be requested."""
        self._requested_s.append(time.monotonic())

    def played(self, transcript: Transcript) -> Played:
        began_s = min(self._fed_s, default=time.monotonic())  # nothing was fed if it was stopped at once
        return Played(
            events=tuple(TimedEvent(one.event, one.at_s - began_s) for one in self._events),
            flushed_at_s=tuple(flushed_at_s - began_s for flushed_at_s in self._requested_s),
            late_s=tuple(fed_s - began_s for fed_s in self._fed_s),
            cpu_s=time.process_time() - self._cpu_started_s,
            transcript=transcript,
        )


async def _with_flushes(
    source: AudioSource, stream: EngineStream, flush_at_s: Sequence[float], log: _Log
) -> AsyncIterator[Samples]:
    """The source's chunks, with flushes in between: the previous chunk is fed when the next one is requested."""
    num_fed, num_flushed = 0, 0
    async for chunk in source:
        yield chunk
        num_fed += len(chunk)
        while num_flushed < len(flush_at_s) and num_fed >= flush_at_s[num_flushed] * SAMPLE_RATE_HZ:
            num_flushed += 1
            log.note_flush()
            await stream.flush()
