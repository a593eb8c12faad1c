"""Latency of words, and how stable their text is. In: live streams in real time. Out: latencies, changed words.

Each recording, followed by a second of quiet, is played alone in chunks of 20 ms into a live stream.

- first text: from the moment when the end of the word existed as audio (start of the audio plus the word's end in
  `data/word_times.json`) to the arrival, at the task that iterates the stream, of the first event, interim or stable,
  that has the word at its final place.
- stable: from the same moment to the arrival of the `Delta` that has the word.
- stable words retracted: words seen in stable text (joined deltas) that a later stable text or the final segments lack.
- interim words changed: each (place, word) shown as interim text counts once; the share that is not the final text's
  word at that place. Case and punctuation do not count.

Both latencies include the wait for the chunk to fill. A latency is negative if the word appeared before its end. A
final word belongs to the reference word that an alignment pairs it with; unpaired words (errors, digits) have no
latency and are counted.
"""

from __future__ import annotations

from voxtide.bench.figure import Figure, Measure, Plot, Target, percentile, share_line
from voxtide.bench.load.play import Played, feeding_note
from voxtide.bench.load.recordings import BenchRecording
from voxtide.bench.load.session import BenchSession
from voxtide.bench.load.word_timeline import matches, num_retracted, word_timeline

FIRST_P50, STABLE_P50, STABLE_P95 = Target("<=", 250), Target("<=", 450), Target("<=", 900)


async def measure_latency(session: BenchSession) -> Figure:
    """Measure every word of the recordings."""
    first_ms: list[float] = []
    stable_ms: list[float] = []
    unmatched: list[str] = []
    paced = await session.paced()
    for recording, played in paced:
        first, stable, missing = latencies_ms(recording, played)
        first_ms += first
        stable_ms += stable
        unmatched += [f"{recording.name}: {word}" for word in missing]
    return Figure(
        name="words",
        measures=_measures(first_ms, stable_ms, len(unmatched)),
        notes=(feeding_note(played for _, played in paced),),
        errors=tuple(f"no latency: {word}" for word in unmatched),
        details={"first_ms": first_ms, "stable_ms": stable_ms, "unmatched": unmatched},
        plots=(_plot(first_ms, stable_ms),),
    )


def latencies_ms(recording: BenchRecording, played: Played) -> tuple[list[float], list[float], list[str]]:
    """For each word of the reference that was found, to its first text and to stable; and the words not found."""
    timeline = word_timeline(played.events)
    place_of = {
        place: index for index, place in matches(timeline.final, [word.text for word in recording.words]).items()
    }
    first_ms, stable_ms, missing = [], [], []
    for place, word in enumerate(recording.words):
        if (index := place_of.get(place)) is None:
            missing.append(f"{word.text} at {word.start_s:.2f} s")
            continue
        first_ms.append(1000 * (timeline.first_s[index] - word.end_s))
        stable_ms.append(1000 * (timeline.stable_s[index] - word.end_s))
    return first_ms, stable_ms, missing


def _measures(first_ms: list[float], stable_ms: list[float], num_unmatched: int) -> tuple[Measure, ...]:
    def latency(name: str, values: list[float], percent: int, target: Target | None, end: str) -> Measure:
        method = f"from the end of the word to the arrival of the {end}, {len(values)} words"
        value = percentile(values, percent)
        return Measure(name=f"{name}, p{percent}", value=value, unit="ms", target=target, method=method)

    return (
        latency("word to first text", first_ms, 50, FIRST_P50, "first text that has it"),
        latency("word to first text", first_ms, 95, None, "first text that has it"),
        latency("word to stable", stable_ms, 50, STABLE_P50, "delta that has it"),
        latency("word to stable", stable_ms, 95, STABLE_P95, "delta that has it"),
        Measure(
            name="words without a latency",
            value=num_unmatched,
            unit="words",
            method="words of the reference that the final text does not have",
        ),
    )


def _plot(first_ms: list[float], stable_ms: list[float]) -> Plot:
    return Plot(
        name="words",
        title="From the end of a word to its text",
        x_label="ms",
        y_label="% of words",
        lines=(share_line("first text", first_ms), share_line("stable", stable_ms)),
        x_limits=(FIRST_P50.limit, STABLE_P50.limit, STABLE_P95.limit),
    )


async def measure_stability(session: BenchSession) -> Figure:
    """Measure the stability of the text in the same streams."""
    num_gone = num_shown = num_changed = 0
    by_recording: dict[str, dict[str, int]] = {}
    errors: list[str] = []
    for recording, played in await session.paced():
        timeline = word_timeline(played.events)
        num_gone += num_retracted(played.events)
        num_shown += len(timeline.interim)
        num_changed += len(timeline.changes)
        by_recording[recording.name] = {"shown": len(timeline.interim), "changed": len(timeline.changes)}
        errors += [
            f"{recording.name}, word {place + 1}: {word} -> {final or '(nothing)'}"
            for place, word, final in timeline.changes
        ]
    return Figure(
        name="stability",
        measures=(_retracted(num_gone), _changed(num_changed, num_shown)),
        errors=tuple(errors),
        details={"by_recording": by_recording},
    )


def _retracted(num_words: int) -> Measure:
    return Measure(
        name="stable words retracted",
        value=num_words,
        unit="words",
        target=Target("<=", 0),
        method="words seen in stable text that later stable text or the final segments lack",
    )


def _changed(num_changed: int, num_shown: int) -> Measure:
    return Measure(
        name="interim words changed",
        value=100 * num_changed / num_shown if num_shown else 0.0,
        unit="%",
        target=Target("<=", 5),
        method=f"{num_changed} of {num_shown} (place, word) pairs shown as interim are not in the final text",
    )
