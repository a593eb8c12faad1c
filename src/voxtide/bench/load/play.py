"""Recordings played into a stream, in real time or not. In: samples. Out: every event with the time at which it came.

Everything goes through `pipeline.run_stream`, as it does for a user.
"""

from __future__ import annotations

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
"""What telephone and web audio come in: small, so that waiting for a chunk to fill hides little."""

FAST_CHUNK_MS = 80
"""What the command line hands an engine."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An event, and the time at which it reached us, in seconds since the first sample was there."""

    event: TranscriptEvent
    at_s: float


@dataclass(frozen=True, slots=True)
class Played:
    """How one play went. Times are seconds since the audio began.

    Attributes:
        heard: The events, in order.
        asked_s: When each flush was asked for, in order.
        late_s: How late each chunk was fed; says whether the machine kept up with the measuring itself.
        cpu_s: Processor time of this process, all its threads together.
        transcript: The result.
    """

    heard: tuple[Heard, ...]
    asked_s: tuple[float, ...]
    late_s: tuple[float, ...]
    cpu_s: float
    transcript: Transcript


def feeding_note(plays: Iterable[Played]) -> str:
    """How well the machine kept up with the measuring, for the report."""
    late_ms = [1000 * late_s for played in plays for late_s in played.late_s]
    return f"chunks were fed {percentile(late_ms, 95):.1f} ms late at p95, which the latencies include"


class SamplesSource(AudioSource):
    """Samples in memory as a source, over and over where they are shorter than what is asked for."""

    def __init__(self, samples: Samples, *, chunk_ms: int, duration_s: float | None = None) -> None:
        """Take the samples, and how long to play them; None for once."""
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
) -> Played:
    """Play samples into an entered stream and finish it.

    Args:
        stream: Fresh, and closed by the caller.
        samples: What is said.
        is_paced: In real time; else as fast as the engine takes it.
        chunk_ms: How much is fed at a time; None for 20 paced and 80 otherwise.
        flush_at_s: Places in the audio, ascending; a flush is asked for once the chunk that holds the place is fed.

    Raises:
        VoxtideError: The engine failed.
    """
    chunk_ms = chunk_ms or (PACED_CHUNK_MS if is_paced else FAST_CHUNK_MS)
    source: AudioSource = SamplesSource(samples, chunk_ms=chunk_ms)
    log = _Log()
    async with paced(source) if is_paced else source as opened:
        outcome = await run_stream(_with_flushes(opened, stream, flush_at_s, log), stream, (log,))
    if outcome.failure is not None:
        raise outcome.failure
    return log.played(outcome.transcript)


class _Log(Observer):
    """Writes down when things happen. The audio begins at the moment of which no chunk came earlier than it could.

    A paced chunk is fed at its end or a little later, so the earliest one tells when the audio began.
    """

    def __init__(self) -> None:
        self._fed_s: list[float] = []  # when each chunk was fed, less the place of its end
        self._heard: list[Heard] = []
        self._asked_s: list[float] = []
        self._cpu_started_s = time.process_time()

    def on_started(self) -> None:
        self._cpu_started_s = time.process_time()

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        self._fed_s.append(time.monotonic() - audio_s)

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        self._heard.append(Heard(event, time.monotonic()))

    def ask(self) -> None:
        """A flush is about to be asked for."""
        self._asked_s.append(time.monotonic())

    def played(self, transcript: Transcript) -> Played:
        began_s = min(self._fed_s)
        return Played(
            heard=tuple(Heard(heard.event, heard.at_s - began_s) for heard in self._heard),
            asked_s=tuple(asked_s - began_s for asked_s in self._asked_s),
            late_s=tuple(fed_s - began_s for fed_s in self._fed_s),
            cpu_s=time.process_time() - self._cpu_started_s,
            transcript=transcript,
        )


async def _with_flushes(
    source: AudioSource, stream: EngineStream, flush_at_s: Sequence[float], log: _Log
) -> AsyncIterator[Samples]:
    """The source's chunks; who asks for the next one has fed the one before, so flushes go in between."""
    num_fed, num_asked = 0, 0
    async for chunk in source:
        yield chunk
        num_fed += len(chunk)
        while num_asked < len(flush_at_s) and num_fed >= flush_at_s[num_asked] * SAMPLE_RATE_HZ:
            num_asked += 1
            log.ask()
            await stream.flush()
