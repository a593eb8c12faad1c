"""How long a flush takes when the speaker has just paused. In: live streams in real time. Out: latencies of flushes.

Each recording, followed by a second of quiet, is played alone, in chunks of 20 ms, into a live stream, again and again
until there are enough flushes. Every round begins with a different length of quiet, so that speech does not fall the
same way on the engine's steps. Nothing else runs.

A flush is asked for 250 ms after the end of each phrase, as a program does that notices the pause itself. A phrase ends
with a word after which nothing is said for 350 ms or more, by `data/word_times.json`; the last word of a recording is
one, with the added quiet behind it.

- flush: from calling `flush()` to the arrival of its `Flushed` at the task that iterates the stream.
- unanswered: flushes that were not answered exactly once.
"""

from __future__ import annotations

import numpy as np

from voxtide.bench.figure import Figure, Measure, Plot, Target, percentile, share_line
from voxtide.bench.load.play import Played, feeding_note, play
from voxtide.bench.load.recordings import Recording
from voxtide.bench.load.session import LIVE, BenchSession
from voxtide.bench.load.variants import quiet, with_tail
from voxtide.transcript.events import Flushed

NUM_FLUSHES = 200
NUM_QUICK_FLUSHES = 24
MIN_PAUSE_S = 0.35
AFTER_PHRASE_S = 0.25
ROUND_SHIFT_S = 0.037
"""More quiet in each round: a prime number of milliseconds, so that many rounds fall differently on any step."""

P50, P95 = Target("<=", 20), Target("<=", 60)


async def measure(session: BenchSession) -> Figure:
    """Play rounds until there are enough flushes."""
    num_wanted = NUM_QUICK_FLUSHES if session.is_quick else NUM_FLUSHES
    plays: list[Played] = []
    num_asked = num_rounds = 0
    while num_asked < num_wanted:
        for recording in session.paced_recordings:
            session.say(f"flushing in {recording.name}, {num_asked} of {num_wanted} flushes done")
            plays.append(await _play(session, recording, num_rounds * ROUND_SHIFT_S))
            num_asked += len(plays[-1].asked_s)
        num_rounds += 1
    latencies = [latency_ms for played in plays for latency_ms in latencies_ms(played)]
    return Figure(
        name="flush",
        measures=_measures(latencies, num_asked),
        notes=(feeding_note(plays),),
        details={"latencies_ms": latencies, "rounds": num_rounds},
        plots=(_plot(latencies),),
    )


async def _play(session: BenchSession, recording: Recording, lead_s: float) -> Played:
    samples = np.concatenate([quiet(lead_s), with_tail(recording.samples)])
    flush_at_s = [lead_s + end_s + AFTER_PHRASE_S for end_s in recording.phrase_ends_s(MIN_PAUSE_S)]
    async with session.engine.open(LIVE) as stream:
        return await play(stream, samples, is_paced=True, flush_at_s=flush_at_s)


def latencies_ms(played: Played) -> list[float]:
    """One for each flush that was answered exactly once; flushes are numbered from 1."""
    answers: dict[int, list[float]] = {}
    for heard in played.heard:
        if isinstance(heard.event, Flushed):
            answers.setdefault(heard.event.flush_id, []).append(heard.at_s)
    return [
        1000 * (answers[flush_id][0] - asked_s)
        for flush_id, asked_s in enumerate(played.asked_s, 1)
        if len(answers.get(flush_id, ())) == 1
    ]


def _measures(latencies: list[float], num_asked: int) -> tuple[Measure, ...]:
    method = f"from calling flush() 250 ms after a phrase to Flushed, {len(latencies)} flushes, one stream, real time"
    return (
        Measure(name="flush at a pause, p50", value=percentile(latencies, 50), unit="ms", target=P50, method=method),
        Measure(name="flush at a pause, p95", value=percentile(latencies, 95), unit="ms", target=P95, method=method),
        Measure(name="flush at a pause, longest", value=max(latencies), unit="ms", method=method),
        Measure(
            name="flushes unanswered",
            value=num_asked - len(latencies),
            unit="flushes",
            target=Target("<=", 0),
            method=f"of {num_asked} asked for, those not answered exactly once",
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
