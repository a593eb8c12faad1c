"""The ways to transcribe one recording. In: samples, an engine. Out: a `Way`, with its events on one clock and cost.

One way runs at a time, so that none slows another down and each has its own processor time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from voxtide.audio.source import AudioSource
from voxtide.bench.compare.chunked import Chunk, events_of, queued, transcribe_chunks
from voxtide.bench.figure import percentile
from voxtide.bench.load.play import PACED_CHUNK_MS, Played, TimedEvent, feeding_note, play
from voxtide.engines.base import Engine
from voxtide.engines.registry import ENGINES
from voxtide.errors import NotAudioError
from voxtide.pipeline import Observer
from voxtide.transcript.events import Delta
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions

MAX_AUDIO_S = 600.0
"""Most audio of a comparison. It is held in memory, played in real time and transcribed once per way: ten minutes have
some 1,500 words, whose medians are exact enough."""

WARM_UP_S = 2.0
"""Audio transcribed before anything is measured, so that no way pays for the engine's first run."""

FAST = StreamOptions(pace="fast", interim=False)
"""How chunks are transcribed, and word times read; `replace` the language."""

LIVE = StreamOptions(pace="live")

MAX_LATE_S = 0.1
"""Chunks of the stream fed later than this at p95 are worth a note: the machine was too slow or too busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to transcribe the recording.

    Attributes:
        name: Its name in tables.
        events: Its text on the recording's clock.
        audio_s: How much of the recording it transcribed.
        cpu_s: Processor time of this process, all threads; None if the engine runs elsewhere.
        chunks: Its chunks; empty for streaming.
        language: The language that the engine was given or detected, if known.
        note: What the reader should know about it, or "".
    """

    name: str
    events: tuple[TimedEvent, ...]
    audio_s: float
    cpu_s: float | None
    chunks: tuple[Chunk, ...] = ()
    language: str | None = None
    note: str = ""

    @property
    def text(self) -> str:
        """Its final text."""
        return "".join(timed.event.text for timed in self.events if isinstance(timed.event, Delta)).strip()

    @property
    def cpu_share(self) -> float | None:
        """Processor seconds per second of audio."""
        return None if self.cpu_s is None or not self.audio_s else self.cpu_s / self.audio_s


async def read_samples(source: AudioSource) -> tuple[Samples, bool]:
    """The audio of an open source, at most `MAX_AUDIO_S`, and whether there is more.

    Raises:
        NotAudioError: It has no audio.
        AudioError: It cannot be read.
    """
    parts: list[Samples] = []
    num_left = round(MAX_AUDIO_S * SAMPLE_RATE_HZ)
    async for part in source:
        parts.append(part[:num_left])
        num_left -= len(parts[-1])
        if len(parts[-1]) < len(part):
            return np.concatenate(parts), True
    if not sum(map(len, parts)):
        raise NotAudioError(f"{source.name} has no audio; name a recording of speech")
    return np.concatenate(parts), False


async def warm_up(engine: Engine, samples: Samples, language: str | None) -> None:
    """Run the engine once, unmeasured.

    Raises:
        VoxtideError: The engine failed, or does not know the language.
    """
    part = samples[: round(WARM_UP_S * SAMPLE_RATE_HZ)]
    await transcribe_chunks(engine, part, WARM_UP_S, replace(FAST, language=language))


async def chunked_way(
    engine: Engine, samples: Samples, chunk_s: float, language: str | None, on_chunk: Callable[[float], None]
) -> Way:
    """Measure "record `chunk_s`, send, wait"; `on_chunk` gets the seconds transcribed so far.

    Raises:
        VoxtideError: The engine failed.
    """
    cpu_s = time.process_time()
    texts = await transcribe_chunks(engine, samples, chunk_s, replace(FAST, language=language), on_chunk=on_chunk)
    cpu_s = time.process_time() - cpu_s
    chunks = queued(texts)
    return Way(
        name=f"chunks of {chunk_s:g} s",
        events=events_of(chunks),
        audio_s=len(samples) / SAMPLE_RATE_HZ,
        cpu_s=None if is_elsewhere(engine) else cpu_s,
        chunks=chunks,
        language=language,
    )


async def streaming_way(
    engine: Engine,
    samples: Samples,
    language: str | None,
    *,
    observers: Sequence[Observer] = (),
    stop: asyncio.Event | None = None,
) -> Way:
    """Play the recording once, in real time, into a live stream that is finished at its end.

    Args:
        engine: The engine; it should run nothing else.
        samples: The recording.
        language: Of the speech; None for the engine's choice.
        observers: Called with its chunks and events.
        stop: When set, the recording ends there.

    Raises:
        VoxtideError: The engine failed.
    """
    async with engine.open(replace(LIVE, language=language)) as stream:
        played = await play(stream, samples, is_paced=True, observers=observers, stop=stop)
    return Way(
        name="streaming",
        events=played.events,
        audio_s=min(len(samples) / SAMPLE_RATE_HZ, len(played.late_s) * PACED_CHUNK_MS / 1000),
        cpu_s=None if is_elsewhere(engine) else played.cpu_s,
        language=language or played.transcript.language,
        note=_late_note(played),
    )


def _late_note(played: Played) -> str:
    late_s = percentile(played.late_s, 95) if played.late_s else 0.0
    return feeding_note([played]) if late_s > MAX_LATE_S else ""


def is_elsewhere(engine: Engine) -> bool:
    """Whether the engine runs on a server, whose processor time this process cannot see."""
    entry = ENGINES.get(engine.info.name)
    return entry is not None and entry.is_remote
