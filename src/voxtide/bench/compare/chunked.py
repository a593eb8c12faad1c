"""The chunked way: record some seconds, send them, wait. In: samples, an engine. Out: each chunk's text and arrival.

The audio so far is cut every `chunk_s` seconds. A chunk is transcribed by itself, in its own stream at pace `fast`,
from the moment when its last sample exists and the chunk before it is done. The time that this takes is measured in
advance with nothing else running, so that the ways do not slow each other down, and then placed on the recording's
clock: so an arrival is what a program would see that records, sends and waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from voxtide.bench.load.play import FAST_CHUNK_MS, SamplesSource, TimedEvent
from voxtide.engines.base import Engine
from voxtide.errors import ConfigError
from voxtide.pipeline import run_stream
from voxtide.transcript.events import Delta
from voxtide.transcript.spacing import writes_spaces
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions

MIN_CHUNK_S = 0.5
"""Shorter chunks hold no whole word."""

MAX_CHUNK_S = 60.0
"""Longer chunks are files, not live transcription."""

MAX_LENGTHS = 8
"""Most chunk lengths of one comparison: a table that fits a screen, and a wait that can be borne."""


def parse_lengths(text: str) -> tuple[float, ...]:
    """The chunk lengths in seconds of a list such as "1,3,5,10", without duplicates, in its order.

    Raises:
        ConfigError: A part is no number or out of range, or there are too many.
    """
    lengths_s: list[float] = []
    for part in map(str.strip, text.split(",")):
        try:
            length_s = float(part)
        except ValueError:
            raise ConfigError(f"--chunk {text!r}: {part!r} is no number; write seconds, such as 1,3,5") from None
        if not MIN_CHUNK_S <= length_s <= MAX_CHUNK_S:
            raise ConfigError(f"--chunk {text!r}: {part!r} is not in {MIN_CHUNK_S:g} to {MAX_CHUNK_S:g} seconds")
        if length_s not in lengths_s:
            lengths_s.append(length_s)
    if len(lengths_s) > MAX_LENGTHS:
        raise ConfigError(f"--chunk {text!r} has {len(lengths_s)} lengths; give at most {MAX_LENGTHS}")
    return tuple(lengths_s)


@dataclass(frozen=True, slots=True)
class ChunkText:
    """A chunk from `start_s` to `end_s` of the recording, its text, and the seconds that its transcription took."""

    start_s: float
    end_s: float
    text: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Chunk(ChunkText):
    """A chunk on the recording's clock: its transcription runs from `began_s` to `arrived_s`."""

    began_s: float
    arrived_s: float

    @property
    def waited_s(self) -> float:
        """How long the complete chunk waited for the one before it."""
        return self.began_s - self.end_s


def queued(texts: Iterable[ChunkText]) -> tuple[Chunk, ...]:
    """The chunks on the clock: each begins when it is complete and the one before it has arrived."""
    chunks: list[Chunk] = []
    for it in texts:
        began_s = max(it.end_s, chunks[-1].arrived_s if chunks else 0.0)
        chunks.append(Chunk(it.start_s, it.end_s, it.text, it.took_s, began_s, began_s + it.took_s))
    return tuple(chunks)


def events_of(chunks: Sequence[Chunk]) -> tuple[TimedEvent, ...]:
    """The arrival of each chunk's text as an event."""
    events: list[TimedEvent] = []
    for chunk in chunks:
        text = chunk.text.strip()
        space = " " if events and writes_spaces(text) else ""
        if text:
            events.append(TimedEvent(Delta(space + text, chunk.end_s), chunk.arrived_s))
    return tuple(events)


async def transcribe_chunks(
    engine: Engine,
    samples: Samples,
    chunk_s: float,
    options: StreamOptions,
    *,
    on_chunk: Callable[[float], None] = lambda audio_s: None,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[ChunkText, ...]:
    """Transcribe each chunk by itself, one after the other.

    Args:
        engine: The engine; it should run nothing else.
        samples: The whole recording.
        chunk_s: The length of a chunk; the last one may be shorter.
        options: Of each chunk's stream.
        on_chunk: Called after each chunk with the end of it in the recording.
        clock: Seconds on a monotonic clock. A chunk's time counts from feeding it to its last event; its stream is
            opened before, which a program can do while it records.

    Raises:
        VoxtideError: The engine failed.
    """
    size = round(chunk_s * SAMPLE_RATE_HZ)
    texts = []
    for start in range(0, len(samples), size):
        part = samples[start : start + size]
        text, took_s = await _transcribe(engine, part, options, clock)
        end_s = (start + len(part)) / SAMPLE_RATE_HZ
        texts.append(ChunkText(start / SAMPLE_RATE_HZ, end_s, text, took_s))
        on_chunk(end_s)
    return tuple(texts)


async def _transcribe(
    engine: Engine, samples: Samples, options: StreamOptions, clock: Callable[[], float]
) -> tuple[str, float]:
    """The text of one chunk, and the seconds that it took."""
    async with engine.open(options) as stream:
        began_s = clock()
        outcome = await run_stream(SamplesSource(samples, chunk_ms=FAST_CHUNK_MS), stream, clock=clock)
        took_s = clock() - began_s
    if outcome.failure is not None:
        raise outcome.failure
    return outcome.transcript.text, took_s
