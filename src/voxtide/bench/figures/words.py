"""Latency of words, and how stable their text is. In: live streams in real time. Out: latencies, changed words.

Each recording, followed by a second of quiet, is played alone in chunks of 20 ms into a live stream.

- first text: from the moment when the end of the word existed as audio (start of the audio plus the word's end in
  `data/word_times.json`) to the arrival, at the task that iterates the stream, of the first event, interim or stable,
  that has the word at its final place.
- stable: from the same moment to the arrival of the `Delta` that has the word.
- phrase to stable: the same for the last word of each phrase. A phrase ends where at least 350 ms without speech
  follow, and at the end. Final text is append-only, so all of the phrase is final then.
- stable words retracted: words seen in stable text (joined deltas) that a later stable text or the final segments lack.
- interim words changed, in the recordings and in the talks of load/utterances.py: each (place, word) shown as interim
  text counts once; the share that is not the final text's word at that place. Case and punctuation do not count.

All latencies include the wait for the chunk to fill. A latency is negative if the word appeared before its end. A
final word belongs to the reference word that an alignment pairs it with; unpaired words (errors, digits) have no
latency and are counted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from voxtide.bench.figure import Figure, Measure, Plot, Target, percentile, percentile_measures, share_line
from voxtide.bench.load.play import Played, feeding_note
from voxtide.bench.load.recordings import PHRASE_PAUSE_S, BenchRecording
from voxtide.bench.load.session import BenchSession
from voxtide.bench.load.utterances import utterance_plays
from voxtide.bench.load.word_timeline import matches, num_retracted, word_timeline
from voxtide.errors import VoxtideError

FIRST_P50, PHRASE_P50, PHRASE_P95 = Target("<=", 250), Target("<=", 150), Target("<=", 400)
CHANGED = Target("<=", 12)


@dataclass(slots=True)
class WordLatencies:
    """Latencies in ms of the words that were found, and the others."""

    first_ms: list[float] = field(default_factory=list)
    stable_ms: list[float] = field(default_factory=list)
    phrase_ms: list[float] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, recording: BenchRecording, played: Played) -> None:
        """Add the words of a play."""
        timeline = word_timeline(played.events)
        found = matches(timeline.final, [word.text for word in recording.words])
        place_of = {place: index for index, place in found.items()}
        phrase_ends_s = set(recording.phrase_ends_s(PHRASE_PAUSE_S))
        for place, word in enumerate(recording.words):
            if (index := place_of.get(place)) is None:
                self.missing.append(f"{recording.name}: {word.text} at {word.start_s:.2f} s")
                continue
            self.first_ms.append(1000 * (timeline.first_s[index] - word.end_s))
            self.stable_ms.append(1000 * (timeline.stable_s[index] - word.end_s))
            if word.end_s in phrase_ends_s:
                self.phrase_ms.append(self.stable_ms[-1])


async def measure_latency(session: BenchSession) -> Figure:
    """Measure every word of the recordings."""
    latencies = WordLatencies()
    paced = await session.paced()
    for recording, played in paced:
        latencies.add(recording, played)
    return Figure(
        name="words",
        measures=_measures(latencies),
        notes=(feeding_note(played for _, played in paced),),
        errors=tuple(f"no latency: {word}" for word in latencies.missing),
        details=asdict(latencies),
        plots=(_plot(latencies),),
    )


def _measures(latencies: WordLatencies) -> tuple[Measure, ...]:
    def latency(name: str, data: str, targets: dict[int, Target | None], end: str) -> tuple[Measure, ...]:
        values: list[float] = getattr(latencies, data)
        method = f"from the end of the word to the arrival of the {end}, {len(values)} words"
        return percentile_measures(name, values, targets, method=method, data=data)

    percentile(latencies.first_ms, 50)  # raises if nothing was recognised
    phrase_targets: dict[int, Target | None] = {50: PHRASE_P50, 95: PHRASE_P95}
    return (
        *latency("word to first text", "first_ms", {50: FIRST_P50, 95: None}, "first text that has it"),
        *latency("word to stable", "stable_ms", {50: None, 95: None}, "delta that has it"),
        *latency("phrase to stable", "phrase_ms", phrase_targets, "delta that has its last word"),
        Measure(
            name="words without a latency",
            value=len(latencies.missing),
            unit="words",
            method="words of the reference that the final text does not have",
        ),
    )


def _plot(latencies: WordLatencies) -> Plot:
    lines = {
        "first text": latencies.first_ms,
        "stable": latencies.stable_ms,
        "stable, last word of a phrase": latencies.phrase_ms,
    }
    return Plot(
        name="words",
        title="From the end of a word to its text",
        x_label="ms",
        y_label="% of words",
        lines=tuple(share_line(label, values) for label, values in lines.items() if values),
        x_limits=(FIRST_P50.limit, PHRASE_P95.limit),
    )


async def measure_stability(session: BenchSession) -> Figure:
    """Measure the stability of the text in the same streams, and in talks of several utterances.

    Raises:
        VoxtideError: No text became stable, so none could be retracted.
    """
    recordings, talks = _Stability(), _Stability()
    for recording, played in await session.paced():
        recordings.add(recording.name, played)
    shared = await session.shared(utterance_plays)
    for talk, played in shared.pairs:
        talks.add(talk.name, played)
    if not recordings.num_stable + talks.num_stable:
        raise VoxtideError("nothing to measure: the engine emitted no stable text")
    return Figure(
        name="stability",
        measures=(
            _retracted(recordings.num_gone + talks.num_gone),
            _changed("interim words changed", recordings),
            _changed("interim words changed, talks", talks),
        ),
        notes=(shared.talks.note,),
        errors=(*recordings.errors, *talks.errors),
        details={
            "by_recording": recordings.by_name,
            "by_talk": talks.by_name,
            "interim words changed": recordings.counts,
            "interim words changed, talks": talks.counts,
        },
    )


@dataclass(slots=True)
class _Stability:
    """Stable words, those of them retracted, and interim words shown and changed."""

    num_stable: int = 0
    num_gone: int = 0
    by_name: dict[str, dict[str, int]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def add(self, name: str, played: Played) -> None:
        timeline = word_timeline(played.events)
        self.num_stable += len(timeline.final)
        self.num_gone += num_retracted(played.events)
        self.by_name[name] = {"shown": len(timeline.interim), "changed": len(timeline.changes)}
        self.errors += [
            f"{name}, word {place + 1}: {word} -> {final or '(nothing)'}" for place, word, final in timeline.changes
        ]

    @property
    def counts(self) -> dict[str, int]:
        """Shown words and the changed ones of them, as `Measure.data` names them."""
        return {"words": self.total("shown"), "errors": self.total("changed")}

    def total(self, kind: str) -> int:
        return sum(counts[kind] for counts in self.by_name.values())


def _retracted(num_words: int) -> Measure:
    return Measure(
        name="stable words retracted",
        value=num_words,
        unit="words",
        target=Target("<=", 0),
        method="words seen in stable text that later stable text or the final segments lack",
    )


def _changed(name: str, found: _Stability) -> Measure:
    num_changed, num_shown = found.total("changed"), found.total("shown")
    return Measure(
        name=name,
        value=100 * num_changed / num_shown if num_shown else 0.0,
        unit="%",
        target=CHANGED if num_shown else None,
        method=f"{num_changed} of {num_shown} (place, word) pairs shown as interim are not in the final text",
        data=name,
    )
