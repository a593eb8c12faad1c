"""Endurance of one stream. In: one live stream, the set repeated for an hour. Out: memory growth, changed words, drift.

Smaller sizes play five minutes, or three passes. Their memory growth is reported for what was played and has no target:
it is not scaled to an hour, because caches and allocators still fill in the first minutes.

A fresh process plays the set, a pause of 0.8 s before each recording, repeatedly into one live stream until an hour is
full. Quiet at the start of each pass makes its length a multiple of 24 s, so that all passes meet the engine's updates
at the same places and only accumulated state can change the text. Audio is fed as fast as the engine takes it, which
does not affect the text.

- memory growth: least-squares slope of the resident set, sampled once per minute of audio, after the first minutes. It
  includes the transcript, which the run keeps.
- words that differ: words of each later whole pass that differ from the second. The first pass is no reference, because
  its stream is fresh; how it differs from the second is reported separately.
- drift: distance of a word's start, relative to its pass, from the same word's in the second pass.
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
from voxtide.bench.load.session import LIVE_OPTIONS, BenchEngine, BenchSession, Size
from voxtide.bench.load.variants import quiet, with_pauses
from voxtide.bench.load.word_timeline import matches, num_differing, words_of
from voxtide.errors import VoxtideError
from voxtide.pipeline import Observer, run_stream
from voxtide.types import SAMPLE_RATE_HZ, Samples, Transcript, Word

HOUR_S = 3600.0
LENGTH_S: dict[Size, float] = {"quick": 288.0, "standard": 300.0, "full": HOUR_S}
WARM_UP_MIN: dict[Size, int] = {"quick": 1, "standard": 1, "full": 5}
"""Minutes until most caches and allocators are filled."""
PAUSE_S = 0.8
PASS_MULTIPLE_S = 24.0

GROWTH, DIFFERING, DRIFT = Target("<=", 5), Target("<=", 0), Target("<=", 50)


@dataclass(frozen=True, slots=True)
class Hour:
    """The record of one long stream."""

    transcript: Transcript
    resident_mb: tuple[float, ...]
    pass_s: float


async def measure(session: BenchSession) -> Figure:
    """Measure in a fresh process.

    Raises:
        VoxtideError: The engine failed, or no word was recognised, so none could change.
    """
    length_s = LENGTH_S[session.size]
    session.progress(f"playing {length_s / 60:.0f} minutes into one stream")
    hour = await in_fresh_process(_hour, session.choice, length_s)
    fresh, second, *later = passes_of(hour.transcript, hour.pass_s, num_passes=int(length_s // hour.pass_s))
    if not second:
        raise VoxtideError("nothing to measure: no word was recognised in the second pass")
    differing = [num_differing(_words(words), _words(second)) for words in later]
    drifts_ms = [round(1000 * drift_s, 3) for words in later for drift_s in drifts_s(words, second)]
    is_here = not session.choice.is_remote  # else the memory is not the engine's
    growth = (growth_measure(hour.resident_mb, WARM_UP_MIN[session.size], length_s),) if is_here else ()
    return Figure(
        name="hour",
        measures=(
            *growth,
            *_measures(differing, drifts_ms),
            Measure(
                name="words of the second pass unlike the first",
                value=num_differing(_words(second), _words(fresh)),
                unit="words",
                method="the stream's second pass against its first, same audio",
            ),
        ),
        notes=(f"{2 + len(later)} whole passes of {hour.pass_s:.0f} s in {length_s:.0f} s, {len(second)} words each",),
        details={"resident_mb": hour.resident_mb, "differing_words": differing},
        plots=(_plot(hour.resident_mb),) if is_here else (),
    )


def growth_measure(resident_mb: Sequence[float], warm_up_min: int, length_s: float) -> Measure:
    """The growth of the resident set, sampled once per minute; with a target only if an hour was played."""
    steady = resident_mb[warm_up_min:]
    per_minute = slope(range(len(steady)), steady)
    if length_s >= HOUR_S:
        return Measure(
            name="memory growth",
            value=60 * per_minute,
            unit="MB/h",
            target=GROWTH,
            method="slope of the resident set over audio time in one live stream, after the first minutes",
        )
    return Measure(
        name=f"memory growth in {length_s / 60:.0f} minutes",
        value=per_minute * (len(steady) - 1),
        unit="MB",
        method=f"of the resident set after minute {warm_up_min}; too short to be scaled to an hour",
    )


def passes_of(transcript: Transcript, pass_s: float, *, num_passes: int) -> list[list[Word]]:
    """The words of each pass, with times from the start of the pass."""
    passes: list[list[Word]] = [[] for _ in range(num_passes)]
    for segment in transcript.segments:
        for word in segment.words:
            number = int(word.start_s // pass_s)
            if number < num_passes:
                began_s = number * pass_s
                passes[number].append(Word(word.text, word.start_s - began_s, word.end_s - began_s))
    return passes


def drifts_s(words: Sequence[Word], other: Sequence[Word]) -> list[float]:
    """For each word in both passes, the distance between its two starts."""
    matched = matches([word.text for word in words], [word.text for word in other])
    return [abs(words[i].start_s - other[j].start_s) for i, j in matched.items()]


def _words(words: Sequence[Word]) -> list[str]:
    return words_of(" ".join(word.text for word in words))


async def _hour(choice: BenchEngine, length_s: float) -> Hour:
    """Play the hour; runs in its own process."""
    one_pass = _one_pass()
    watch = _MemorySampler()
    source = SamplesSource(one_pass, chunk_ms=FAST_CHUNK_MS, duration_s=length_s)
    async with choice.open() as engine, engine.open(LIVE_OPTIONS) as stream, source:
        outcome = await run_stream(source, stream, (watch,))
    if outcome.failure is not None:
        raise outcome.failure
    return Hour(outcome.transcript, tuple(watch.resident_mb), len(one_pass) / SAMPLE_RATE_HZ)


def _one_pass() -> Samples:
    speech = with_pauses([recording.samples for recording in load_recordings()], pause_s=PAUSE_S)
    speech_s = len(speech) / SAMPLE_RATE_HZ
    pass_samples = round(math.ceil(speech_s / PASS_MULTIPLE_S) * PASS_MULTIPLE_S * SAMPLE_RATE_HZ)
    return np.concatenate([quiet(PASS_MULTIPLE_S), speech])[-pass_samples:]


class _MemorySampler(Observer):
    """Samples the memory once per minute of audio."""

    def __init__(self) -> None:
        self.resident_mb: list[float] = []

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        if audio_s >= 60 * (len(self.resident_mb) + 1):
            self.resident_mb.append(resident_mb())


def _measures(differing: Sequence[int], drifts_ms: Sequence[float]) -> tuple[Measure, ...]:
    num_over = sum(not DRIFT.is_met(drift_ms) for drift_ms in drifts_ms)
    return (
        Measure(
            name="words that differ from the second pass",
            value=sum(differing),
            unit="words",
            target=DIFFERING,
            method=f"sum over {len(differing)} later passes of the same audio",
        ),
        Measure(
            name="drift of word times, largest",
            value=max(drifts_ms, default=0.0),
            unit="ms",
            target=DRIFT,
            method=f"start of a word against the second pass; {num_over} of {len(drifts_ms)} over {DRIFT.limit} ms",
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
