"""Whether a stream stays as it was for an hour. In: one live stream, the set again and again. Out: growth and drift.

A fresh process plays the set, a pause of 0.8 s before each recording, over and over into one live stream until an hour
is full. Each round begins with so much quiet that its length is a multiple of 24 s: whole seconds and every step that
an engine might take fit into it, so all rounds fall alike on the engine's steps, and only what the engine carries along
could make its text another. Audio comes as fast as the engine takes it, which decides nothing in the text; the engine
is never more than its queue, ten seconds, behind.

- memory growth: slope of the process's resident set (least squares), looked at once in each minute of audio, after the
  first minutes. The transcript itself, which the run keeps, is part of it.
- words that differ: words of each later whole round that the second does not have, and the other way round. The first
  is not the measure, for its stream is fresh: the second is the first with a past. How the two differ is told as well.
- drift: for words that match the second round's, how far their start, counted from the round's own, is from there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from voxtide.bench.figure import Figure, Line, Measure, Plot, Target
from voxtide.bench.figures.memory import slope
from voxtide.bench.load.play import FAST_CHUNK_MS, SamplesSource
from voxtide.bench.load.process import in_fresh_process, resident_mb
from voxtide.bench.load.recordings import load_recordings
from voxtide.bench.load.session import LIVE, BenchSession, EngineChoice
from voxtide.bench.load.spoken import matches, num_differing, words_of
from voxtide.bench.load.variants import quiet, with_pauses
from voxtide.pipeline import Observer, run_stream
from voxtide.types import SAMPLE_RATE_HZ, Samples, Transcript, Word

LENGTH_S, QUICK_LENGTH_S = 3600.0, 300.0
SETTLING_MIN, QUICK_SETTLING_MIN = 5, 1
"""Minutes until caches and allocators are full."""
PAUSE_S = 0.8
ROUND_MULTIPLE_S = 24.0

GROWTH, DIFFERING, DRIFT = Target("<=", 5), Target("<=", 0), Target("<=", 50)


@dataclass(frozen=True, slots=True)
class Hour:
    """What one long stream came to."""

    transcript: Transcript
    resident_mb: tuple[float, ...]
    round_s: float


async def measure(session: BenchSession) -> Figure:
    """Measure in a fresh process."""
    length_s, settling_min = (QUICK_LENGTH_S, QUICK_SETTLING_MIN) if session.is_quick else (LENGTH_S, SETTLING_MIN)
    session.say(f"playing {length_s / 60:.0f} minutes into one stream")
    hour = await in_fresh_process(_hour, session.choice, length_s)
    fresh, second, *later = rounds_of(hour.transcript, hour.round_s, num_rounds=int(length_s // hour.round_s))
    differing = [num_differing(_spoken(words), _spoken(second)) for words in later]
    drifts_ms = [1000 * drift_s for words in later for drift_s in drifts_s(words, second)]
    settled = hour.resident_mb[settling_min:]
    growth_mb = 60 * slope(range(len(settled)), settled)
    return Figure(
        name="hour",
        measures=(
            *_measures(growth_mb, differing, drifts_ms),
            Measure(
                name="words of the second round unlike the first",
                value=num_differing(_spoken(second), _spoken(fresh)),
                unit="words",
                method="a stream with a past against a fresh one, on the same audio",
            ),
        ),
        notes=(f"{2 + len(later)} whole rounds of {hour.round_s:.0f} s in {length_s:.0f} s, {len(second)} words each",),
        details={"resident_mb": hour.resident_mb, "differing_words": differing},
        plots=(_plot(hour.resident_mb),),
    )


def rounds_of(transcript: Transcript, round_s: float, *, num_rounds: int) -> list[list[Word]]:
    """The words of each round, with times from the round's beginning."""
    rounds: list[list[Word]] = [[] for _ in range(num_rounds)]
    for segment in transcript.segments:
        for word in segment.words:
            number = int(word.start_s // round_s)
            if number < num_rounds:
                began_s = number * round_s
                rounds[number].append(Word(word.text, word.start_s - began_s, word.end_s - began_s))
    return rounds


def drifts_s(words: Sequence[Word], other: Sequence[Word]) -> list[float]:
    """For each word that the other round has too, how far its start is from there."""
    matched = matches([word.text for word in words], [word.text for word in other])
    return [abs(words[i].start_s - other[j].start_s) for i, j in matched.items()]


def _spoken(words: Sequence[Word]) -> list[str]:
    return words_of(" ".join(word.text for word in words))


async def _hour(choice: EngineChoice, length_s: float) -> Hour:
    """Play it; runs in a process of its own."""
    a_round = _one_round()
    watch = _Watch()
    source = SamplesSource(a_round, chunk_ms=FAST_CHUNK_MS, duration_s=length_s)
    async with choice.open() as engine, engine.open(LIVE) as stream, source:
        outcome = await run_stream(source, stream, (watch,))
    if outcome.failure is not None:
        raise outcome.failure
    return Hour(outcome.transcript, tuple(watch.resident_mb), len(a_round) / SAMPLE_RATE_HZ)


def _one_round() -> Samples:
    said = with_pauses([recording.samples for recording in load_recordings()], pause_s=PAUSE_S)
    said_s = len(said) / SAMPLE_RATE_HZ
    round_samples = round(math.ceil(said_s / ROUND_MULTIPLE_S) * ROUND_MULTIPLE_S * SAMPLE_RATE_HZ)
    return np.concatenate([quiet(ROUND_MULTIPLE_S), said])[-round_samples:]


class _Watch(Observer):
    """Looks at the memory once in each minute of audio."""

    def __init__(self) -> None:
        self.resident_mb: list[float] = []

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        if audio_s >= 60 * (len(self.resident_mb) + 1):
            self.resident_mb.append(resident_mb())


def _measures(growth_mb: float, differing: Sequence[int], drifts_ms: Sequence[float]) -> tuple[Measure, ...]:
    num_adrift = sum(not DRIFT.is_met(drift_ms) for drift_ms in drifts_ms)
    return (
        Measure(
            name="memory growth",
            value=growth_mb,
            unit="MB/h",
            target=GROWTH,
            method="slope of the resident set over audio time in one live stream, after the first minutes",
        ),
        Measure(
            name="words that differ from the second round",
            value=sum(differing),
            unit="words",
            target=DIFFERING,
            method=f"sum over {len(differing)} later rounds of the same audio",
        ),
        Measure(
            name="drift of word times, largest",
            value=max(drifts_ms, default=0.0),
            unit="ms",
            target=DRIFT,
            method=f"start of a word against the second round; {num_adrift} of {len(drifts_ms)} over {DRIFT.limit} ms",
        ),
    )


def _plot(resident: Sequence[float]) -> Plot:
    minutes = [float(minute) for minute in range(1, len(resident) + 1)]
    return Plot(
        name="hour",
        title="Resident memory in one long stream",
        x_label="minutes of audio",
        y_label="MB",
        lines=(Line("resident set", minutes, resident),),
    )
