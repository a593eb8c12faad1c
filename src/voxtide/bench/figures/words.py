"""How long a word takes. In: live streams in real time. Out: latencies of words.

Each recording, followed by a second of quiet, is played alone, in chunks of 20 ms, into a live stream.

- first text: from the moment at which the end of the word existed as audio (when the audio began, plus the word's end
  in `data/word_times.json`) to the arrival, at the task that iterates the stream, of the first event whose text has the
  word at its final place: interim or stable.
- stable: from the same moment to the arrival of the `Delta` that has the word.

The wait for the chunk to fill is part of both. A latency is negative where a word was told before its end.
A word of the final text belongs to a word of the reference if an alignment of the two texts pairs equal words; words
that are not so paired (errors, numbers written as digits) have no latency and are counted.
"""

from __future__ import annotations

from voxtide.bench.figure import Figure, Measure, Plot, Target, percentile, share_line
from voxtide.bench.load.play import Played, feeding_note
from voxtide.bench.load.recordings import Recording
from voxtide.bench.load.session import BenchSession
from voxtide.bench.load.spoken import matches, tell

FIRST_P50, STABLE_P50, STABLE_P95 = Target("<=", 250), Target("<=", 450), Target("<=", 900)


async def measure(session: BenchSession) -> Figure:
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


def latencies_ms(recording: Recording, played: Played) -> tuple[list[float], list[float], list[str]]:
    """For each word of the reference that was found, to its first text and to stable; and the words not found."""
    telling = tell(played.heard)
    place_of = {
        place: index for index, place in matches(telling.final, [word.text for word in recording.words]).items()
    }
    first_ms, stable_ms, missing = [], [], []
    for place, word in enumerate(recording.words):
        if (index := place_of.get(place)) is None:
            missing.append(f"{word.text} at {word.start_s:.2f} s")
            continue
        first_ms.append(1000 * (telling.first_s[index] - word.end_s))
        stable_ms.append(1000 * (telling.stable_s[index] - word.end_s))
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
