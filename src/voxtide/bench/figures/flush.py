"""Flushes at pauses: their latency and what they cost in words. In: live streams. Out: latencies, word error rates.

Each recording, followed by a second of quiet, is played alone in chunks of 20 ms into a live stream, repeatedly until
there are enough flushes. Every pass starts with a different length of quiet, so that speech meets the engine's updates
at different places.

A flush is requested 250 ms after the end of each phrase, like a program that detects the pause itself. A phrase ends
with a word that is followed by 350 ms or more without speech, by `data/word_times.json`, or by the end of the
recording.

- flush: from calling `flush()` to the arrival of its `Flushed` at the task that iterates the stream.
- unanswered: flushes not answered exactly once.
- WER added by flushing: the talks of load/utterances.py, fed as fast as the engine takes them, with a flush 250 ms
  after the true end of each utterance, and without any; the rate with flushes minus that without. Its interval is the
  95 % interval of a bootstrap that draws the same utterances for both.
"""

from __future__ import annotations

import numpy as np

from voxtide.bench.figure import Figure, Measure, Plot, Target, percentile_measures, share_line
from voxtide.bench.load.play import Played, feeding_note, play
from voxtide.bench.load.recordings import PHRASE_PAUSE_S, BenchRecording
from voxtide.bench.load.session import LIVE_OPTIONS, BenchSession, Size
from voxtide.bench.load.utterances import UtteranceTalks, utterance_talks
from voxtide.bench.load.variants import quiet, with_trailing_quiet
from voxtide.bench.word_errors import WordErrors, normaliser_name, total, word_errors
from voxtide.transcript.events import Flushed

NUM_FLUSHES: dict[Size, int] = {"quick": 12, "standard": 50, "full": 200}
MIN_QUICK_PAUSES = 2
"""The size `quick` plays only recordings with so many pauses: most of the others' time has no flush in it."""
AFTER_PHRASE_S = 0.25
PASS_SHIFT_S = 0.037
"""Added quiet per pass: a prime number of milliseconds, so that no update period divides it."""

P50, P95, ADDED = Target("<=", 20), Target("<=", 60), Target("<=", 0.2)


async def measure(session: BenchSession) -> Figure:
    """Play passes until there are enough flushes."""
    num_wanted = NUM_FLUSHES[session.size]
    plays: list[Played] = []
    num_flushed = num_passes = 0
    while num_flushed < num_wanted:
        for recording in played_recordings(session):
            session.progress(f"flushing in {recording.name}, {num_flushed} of {num_wanted} flushes done")
            plays.append(await _play(session, recording, num_passes * PASS_SHIFT_S))
            num_flushed += len(plays[-1].flushed_at_s)
        num_passes += 1
    latencies = [latency_ms for played in plays for latency_ms in latencies_ms(played)]
    talks = await session.shared(utterance_talks)
    errors = await _errors(session, talks)
    return Figure(
        name="flush",
        measures=(*latency_measures(latencies, num_flushed), *error_measures(**errors)),
        notes=(feeding_note(plays), talks.note, f"texts compared after {normaliser_name(talks.language)}"),
        errors=tuple(
            f"{name}: {where}: {spoken or '(nothing)'} -> {written or '(nothing)'}"
            for name, found in errors.items()
            for where, spoken, written in found.differences
        ),
        details={
            "latencies_ms": latencies,
            "passes": num_passes,
            **{name: found.counts for name, found in errors.items()},
            "added": errors["flushed"].counts_above(errors["plain"]),
        },
        plots=(_plot(latencies),) if latencies else (),
    )


def played_recordings(session: BenchSession) -> list[BenchRecording]:
    """The recordings that a pass plays."""
    least = MIN_QUICK_PAUSES if session.is_quick else 1
    return [it for it in session.paced_recordings if len(it.phrase_ends_s(PHRASE_PAUSE_S)) >= least]


async def _play(session: BenchSession, recording: BenchRecording, lead_s: float) -> Played:
    samples = np.concatenate([quiet(lead_s), with_trailing_quiet(recording.samples)])
    flush_at_s = [lead_s + end_s + AFTER_PHRASE_S for end_s in recording.phrase_ends_s(PHRASE_PAUSE_S)]
    async with session.engine.open(LIVE_OPTIONS) as stream:
        return await play(stream, samples, is_paced=True, flush_at_s=flush_at_s)


def latencies_ms(played: Played) -> list[float]:
    """Latency of each flush that was answered exactly once. Flush ids start at 1."""
    answers: dict[int, list[float]] = {}
    for one in played.events:
        if isinstance(one.event, Flushed):
            answers.setdefault(one.event.flush_id, []).append(one.at_s)
    return [
        1000 * (answers[flush_id][0] - flushed_at_s)
        for flush_id, flushed_at_s in enumerate(played.flushed_at_s, 1)
        if len(answers.get(flush_id, ())) == 1
    ]


async def _errors(session: BenchSession, talks: UtteranceTalks) -> dict[str, WordErrors]:
    """The errors without flushes and with a flush at every pause."""
    options = session.in_language(LIVE_OPTIONS, talks.language)
    found: dict[str, list[WordErrors]] = {"plain": [], "flushed": []}
    for talk in talks.talks:
        flush_at_s = [span.end_s + AFTER_PHRASE_S for span in talk.spans]
        for name, positions_s in {"plain": [], "flushed": flush_at_s}.items():
            session.progress(f"transcribing {talk.name} {'with' if positions_s else 'without'} flushes")
            async with session.engine.open(options) as stream:
                played = await play(stream, with_trailing_quiet(talk.samples), is_paced=False, flush_at_s=positions_s)
            spoken = [span.text for span in talk.spans]
            text = played.transcript.text
            found[name].append(word_errors(talk.name, spoken, text, language=talks.language))
    return {name: total(parts) for name, parts in found.items()}


def error_measures(plain: WordErrors, flushed: WordErrors) -> tuple[Measure, ...]:
    """The rates without and with flushes, and their difference."""
    low, high = flushed.interval_above(plain)
    rates = {"plain": ("WER without flushes", plain), "flushed": ("WER with a flush at every pause", flushed)}
    return (
        *(
            Measure(
                name=name,
                value=it.percent,
                unit="%",
                method=f"{it.num_errors} of {it.num_words} words, live, talks",
                data=data,
            )
            for data, (name, it) in rates.items()
        ),
        Measure(
            name="WER added by flushing",
            value=flushed.percent - plain.percent,
            unit="points",
            target=ADDED,
            method=f"the difference; 95 % interval {low:+.1f} to {high:+.1f}",
            data="added",
        ),
    )


def latency_measures(latencies: list[float], num_flushed: int) -> tuple[Measure, ...]:
    """The latencies of the answered flushes, none if none was, and how many were not."""
    method = f"from calling flush() 250 ms after a phrase to Flushed, {len(latencies)} flushes, one stream, real time"
    targets = {50: P50, 95: P95, 100: None}
    return (
        *percentile_measures("flush at a pause", latencies, targets, method=method, data="latencies_ms"),
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
