"""Latency of a flush at a pause. In: live streams in real time. Out: latencies.

Each recording, followed by a second of quiet, is played alone in chunks of 20 ms into a live stream, repeatedly until
there are enough flushes. Every pass starts with a different length of quiet, so that speech meets the engine's updates
at different places.

A flush is requested 250 ms after the end of each phrase, like a program that detects the pause itself. A phrase ends
with a word that is followed by 350 ms or more without speech, by `data/word_times.json`, or by the end of the
recording.

- flush: from calling `flush()` to the arrival of its `Flushed` at the task that iterates the stream.
- unanswered: flushes not answered exactly once.
"""

from __future__ import annotations

import numpy as np

from voxtide.bench.figure import Figure, Measure, Plot, Target, percentile, share_line
from voxtide.bench.load.play import Played, feeding_note, play
from voxtide.bench.load.recordings import BenchRecording
from voxtide.bench.load.session import LIVE_OPTIONS, BenchSession
from voxtide.bench.load.variants import quiet, with_trailing_quiet
from voxtide.transcript.events import Flushed

NUM_FLUSHES = 200
NUM_QUICK_FLUSHES = 24
MIN_PAUSE_S = 0.35
AFTER_PHRASE_S = 0.25
PASS_SHIFT_S = 0.037
"""Added quiet per pass: a prime number of milliseconds, so that no update period divides it."""

P50, P95 = Target("<=", 20), Target("<=", 60)


async def measure(session: BenchSession) -> Figure:
    """Play passes until there are enough flushes."""
    num_wanted = NUM_QUICK_FLUSHES if session.is_quick else NUM_FLUSHES
    plays: list[Played] = []
    num_flushed = num_passes = 0
    while num_flushed < num_wanted:
        for recording in session.paced_recordings:
            session.progress(f"flushing in {recording.name}, {num_flushed} of {num_wanted} flushes done")
            plays.append(await _play(session, recording, num_passes * PASS_SHIFT_S))
            num_flushed += len(plays[-1].flushed_at_s)
        num_passes += 1
    latencies = [latency_ms for played in plays for latency_ms in latencies_ms(played)]
    return Figure(
        name="flush",
        measures=_measures(latencies, num_flushed),
        notes=(feeding_note(plays),),
        details={"latencies_ms": latencies, "passes": num_passes},
        plots=(_plot(latencies),),
    )


async def _play(session: BenchSession, recording: BenchRecording, lead_s: float) -> Played:
    samples = np.concatenate([quiet(lead_s), with_trailing_quiet(recording.samples)])
    flush_at_s = [lead_s + end_s + AFTER_PHRASE_S for end_s in recording.phrase_ends_s(MIN_PAUSE_S)]
    async with session.engine.open(LIVE_OPTIONS) as stream:
        return await play(stream, samples, is_paced=True, flush_at_s=flush_at_s)


def latencies_ms(played: Played) -> list[float]:
    """Latency of each flush that was answered exactly once. Flush ids start at 1."""
    answers: dict[int, list[float]] = {}
    for events in played.events:
        if isinstance(events.event, Flushed):
            answers.setdefault(events.event.flush_id, []).append(events.at_s)
    return [
        1000 * (answers[flush_id][0] - flushed_at_s)
        for flush_id, flushed_at_s in enumerate(played.flushed_at_s, 1)
        if len(answers.get(flush_id, ())) == 1
    ]


def _measures(latencies: list[float], num_flushed: int) -> tuple[Measure, ...]:
    method = f"from calling flush() 250 ms after a phrase to Flushed, {len(latencies)} flushes, one stream, real time"
    return (
        *(
            Measure(
                name=f"flush at a pause, {name}",
                value=percentile(latencies, percent),
                unit="ms",
                target=target,
                method=method,
                data="latencies_ms",
                percent=percent,
            )
            for name, percent, target in (("p50", 50, P50), ("p95", 95, P95), ("longest", 100, None))
        ),
        Measure(
            name="flushes unanswered",
            value=num_flushed - len(latencies),
            unit="flushes",
            target=Target("<=", 0),
            method=f"of {num_flushed} requested, those not answered exactly once",
        ),
    )


def _plot(latencies: list[float]) -> Plot:
    return Plot(
        name="flush",
        title="From flush() to Flushed, at pauses",
        x_label="ms",
        y_label="% of flushes",
        lines=(share_line("flush", latencies),),
        x_limits=(P50.limit, P95.limit),
    )
