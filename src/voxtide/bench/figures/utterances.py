"""Latency and endpointing over talks of several utterances. In: live streams, real time. Out: latencies, cuts, misses.

Each talk of load/utterances.py, followed by a second of quiet, is played alone in chunks of 20 ms into a live stream.
An alignment of the final words with those spoken gives each utterance its place in the text; utterances of which no
word was recognised have no latency and are counted. All latencies include the wait for the chunk to fill.

- time to first text: from the utterance's true start to the arrival, at the task that iterates the stream, of the first
  event, interim or stable, that shows a word of it.
- end to final: from the utterance's true end to the arrival of the `Delta` after which all of its words are final.
- TTFS, pipecat's definition: final - VAD stop + 0.2 s, where *final* is that arrival, and *VAD stop* the moment at
  which Silero has been below 0.7 for 0.2 s (pipecat's defaults, without its threshold of volume). So it counts from the
  end of the last frame that the VAD took for speech, not from the true end.
- early cuts: utterances inside whose words a segment (`SegmentEnded`) ends.
- misses: pauses between two utterances in which no segment ends, so that one segment has words of both.
- endpointing delay: from the utterance's true end to the arrival of the `SegmentEnded` that ends with it. The last
  utterance of a talk counts in none of the last two: the end of the audio ends its segment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from voxtide.api import default_store
from voxtide.audio.vad import VAD_FILE, VAD_FRAME_S, VAD_FRAME_SAMPLES, VAD_MODEL, VadMeter, VadModel
from voxtide.bench.figure import Figure, Measure, Plot, Target, percentile, percentile_measures, share_line
from voxtide.bench.load.corpora.corpus import CorpusTalk
from voxtide.bench.load.play import Played, feeding_note
from voxtide.bench.load.session import BenchSession
from voxtide.bench.load.utterances import utterance_plays
from voxtide.bench.load.variants import with_trailing_quiet
from voxtide.bench.load.word_timeline import matches, words_of
from voxtide.errors import ModelError, VoxtideError
from voxtide.transcript.events import Delta, Interim, SegmentEnded
from voxtide.types import Samples

FIRST_P50, FINAL_P50, FINAL_P95 = Target("<=", 550), Target("<=", 150), Target("<=", 400)
PIPECAT_CONFIDENCE, PIPECAT_STOP_S = 0.7, 0.2


@dataclass(frozen=True, slots=True)
class Place:
    """Where an utterance is in the final text, as indices of words.

    Attributes:
        begin: Its first word.
        first: Its first word that was recognised.
        last: Its last word that was recognised.
        end: The word after its last one.
    """

    begin: int
    first: int
    last: int
    end: int


def places(final: Sequence[str], utterances: Sequence[Sequence[str]]) -> list[Place | None]:
    """The place of each utterance; None if no word of it was recognised, or none of the next one.

    Words between two utterances that match neither belong to the later one as far as it lacks words at its start.
    """
    spoken = [(number, offset) for number, words in enumerate(utterances) for offset in range(len(words))]
    reference = [word for words in utterances for word in words]
    found: dict[int, list[tuple[int, int]]] = {}
    for index, at in sorted(matches(final, reference).items()):
        number, offset = spoken[at]
        found.setdefault(number, []).append((index, offset))
    begins: dict[int, int] = {len(utterances): len(final)}
    previous = -1
    for number, pairs in found.items():
        index, num_lacking = pairs[0]
        begins[number] = index - min(num_lacking, index - previous - 1)
        previous = pairs[-1][0]
    return [
        Place(begins[number], found[number][0][0], found[number][-1][0], begins[number + 1])
        if number in begins and number + 1 in begins
        else None
        for number in range(len(utterances))
    ]


def _places_of(talk: CorpusTalk, played: Played) -> list[Place | None]:
    """The places of a talk's utterances in the final text of its play."""
    final = words_of("".join(it.event.text for it in played.events if isinstance(it.event, Delta)))
    return places(final, [words_of(span.text) for span in talk.spans])


@dataclass(frozen=True, slots=True)
class _Text:
    """How much text a play had at a time: words shown, and words of them that are final."""

    at_s: float
    num_shown: int
    num_final: int


def _texts(played: Played) -> Iterator[_Text]:
    stable, num_final, num_shown = "", 0, 0
    for one in played.events:
        match one.event:
            case Delta(text):
                stable += text
                num_final = len(words_of(stable))
                num_shown = max(num_shown, num_final)
            case Interim(text):
                num_shown = num_final + len(words_of(text))
            case _:
                continue
        yield _Text(one.at_s, num_shown, num_final)


@dataclass(slots=True)
class UtteranceLatencies:
    """Latencies in ms of the utterances that were recognised, and the others' texts."""

    first_ms: list[float] = field(default_factory=list)
    final_ms: list[float] = field(default_factory=list)
    ttfs_ms: list[float] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def add(self, talk: CorpusTalk, played: Played, vad_ends_s: Sequence[float | None]) -> None:
        """Add the utterances of a play; `vad_ends_s` is the end of each by pipecat's VAD, None without."""
        texts = list(_texts(played))
        found = _places_of(talk, played)
        for span, place, vad_end_s in zip(talk.spans, found, vad_ends_s, strict=True):
            first_s = None if place is None else _first_s(texts, span.start_s, place.begin)
            if place is None or first_s is None:
                self.missing.append(f"{talk.name}: {span.text} at {span.start_s:.1f} s")
                continue
            final_s = next(it.at_s for it in texts if it.num_final >= place.end)
            self.first_ms.append(1000 * (first_s - span.start_s))
            self.final_ms.append(1000 * (final_s - span.end_s))
            if vad_end_s is not None:
                self.ttfs_ms.append(1000 * (final_s - vad_end_s))


def _first_s(texts: Sequence[_Text], start_s: float, num_words: int) -> float | None:
    """Arrival of the first text with more words; None if all came before the speech, which is another utterance's."""
    return next((it.at_s for it in texts if it.at_s >= start_s and it.num_shown > num_words), None)


async def measure_latency(session: BenchSession) -> Figure:
    """Measure every utterance of the talks."""
    shared = await session.shared(utterance_plays)
    latencies = UtteranceLatencies()
    notes = [shared.talks.note, feeding_note(shared.plays)]
    vad = await asyncio.to_thread(_vad)
    if vad is None:
        notes.append("no TTFS: the model silero-vad is missing; run: voxtide models pull silero-vad")
    for talk, played in shared.pairs:
        samples = with_trailing_quiet(talk.samples)
        ends_s = vad_ends_s(talk, await asyncio.to_thread(_probabilities, vad, samples)) if vad else None
        latencies.add(talk, played, ends_s or [None] * len(talk.spans))
    return Figure(
        name="latency",
        measures=_latency_measures(latencies),
        notes=tuple(notes),
        errors=tuple(f"no latency: {utterance}" for utterance in latencies.missing),
        details=asdict(latencies),
        plots=(_plot(latencies),),
    )


def _vad() -> VadModel | None:
    """The VAD that engines use, if it has been pulled: a server is measured without pulling anything."""
    try:
        return VadModel.load(default_store().path(VAD_MODEL) / VAD_FILE)
    except ModelError:
        return None


def _probabilities(vad: VadModel, samples: Samples) -> list[float]:
    return VadMeter(vad).probabilities(samples[: len(samples) // VAD_FRAME_SAMPLES * VAD_FRAME_SAMPLES])


def vad_ends_s(talk: CorpusTalk, probabilities: Sequence[float]) -> list[float | None]:
    """The end of the last frame of each utterance that pipecat's VAD takes for speech; None if there is none.

    pipecat's VAD stop is `PIPECAT_STOP_S` later, and its TTFS takes them off again.
    """
    voiced_s = (1 + np.flatnonzero(np.array(probabilities) >= PIPECAT_CONFIDENCE)) * VAD_FRAME_S
    limits_s = [*(span.start_s for span in talk.spans[1:]), float("inf")]
    ends: list[float | None] = []
    for span, limit_s in zip(talk.spans, limits_s, strict=True):
        inside = voiced_s[(voiced_s > span.start_s) & (voiced_s <= limit_s)]
        ends.append(float(inside[-1]) if len(inside) else None)
    return ends


def _latency_measures(latencies: UtteranceLatencies) -> tuple[Measure, ...]:
    def both(name: str, data: str, targets: dict[int, Target], method: str) -> tuple[Measure, ...]:
        values: list[float] = getattr(latencies, data)
        found = {50: targets.get(50), 95: targets.get(95)}
        return percentile_measures(name, values, found, method=f"{method}, {len(values)} utterances", data=data)

    start, end = "from an utterance's true start to", "from an utterance's true end to"
    percentile(latencies.first_ms, 50)  # raises if nothing was recognised
    return (
        *both("time to first text", "first_ms", {50: FIRST_P50}, f"{start} the first text of it"),
        *both("end to final", "final_ms", {50: FINAL_P50, 95: FINAL_P95}, f"{end} all of its text being final"),
        *both("TTFS, pipecat's definition", "ttfs_ms", {}, "final - VAD stop + 0.2 s"),
        Measure(
            name="utterances without a latency",
            value=len(latencies.missing),
            unit="utterances",
            method="no word of it or of the next one was recognised, or no text came after its start",
        ),
    )


def _plot(latencies: UtteranceLatencies) -> Plot:
    lines = {
        "start to first text": latencies.first_ms,
        "end to final": latencies.final_ms,
        "TTFS (pipecat)": latencies.ttfs_ms,
    }
    return Plot(
        name="latency",
        title="Utterances in talks",
        x_label="ms",
        y_label="% of utterances",
        lines=tuple(share_line(label, values) for label, values in lines.items() if values),
        x_limits=(FINAL_P95.limit, FIRST_P50.limit),
    )


@dataclass(slots=True)
class Endpoints:
    """What became of the utterances' ends.

    Attributes:
        num_utterances: Utterances whose place in the text is known.
        num_pauses: Pauses between two of those.
        cuts: Early cuts: the utterances.
        misses: The utterances after which no segment ended.
        delays_ms: By the length of the pause after an utterance in seconds, the delay of its segment's end.
    """

    num_utterances: int = 0
    num_pauses: int = 0
    cuts: list[str] = field(default_factory=list)
    misses: list[str] = field(default_factory=list)
    delays_ms: list[tuple[float, float]] = field(default_factory=list)

    def add(self, talk: CorpusTalk, played: Played) -> None:
        """Add the utterances of a play."""
        found = _places_of(talk, played)
        ends = list(_segment_ends(played))
        for number, (span, place) in enumerate(zip(talk.spans, found, strict=True)):
            if place is None:
                continue
            self.num_utterances += 1
            name = f"{talk.name}: {span.text}"
            if any(place.first < num_words <= place.last for num_words, _ in ends):
                self.cuts.append(name)
            following = found[number + 1] if number + 1 < len(found) else None
            if following is None:
                continue
            self.num_pauses += 1
            arrived_s = [at_s for num_words, at_s in ends if place.last < num_words <= following.first]
            if not arrived_s:
                self.misses.append(name)
                continue
            pause_s = talk.spans[number + 1].start_s - span.end_s
            self.delays_ms.append((pause_s, 1000 * (arrived_s[0] - span.end_s)))


def _segment_ends(played: Played) -> Iterator[tuple[int, float]]:
    """Of each segment with words: the number of words up to its end, and its arrival."""
    num_words = 0
    for one in played.events:
        if isinstance(one.event, SegmentEnded) and (words := words_of(one.event.segment.text)):
            num_words += len(words)
            yield num_words, one.at_s


async def measure_endpointing(session: BenchSession) -> Figure:
    """Measure every utterance's end in the same plays.

    Raises:
        VoxtideError: No utterance was recognised.
    """
    shared = await session.shared(utterance_plays)
    ends = Endpoints()
    for talk, played in shared.pairs:
        ends.add(talk, played)
    if not ends.num_utterances:
        raise VoxtideError("nothing to measure: no utterance was recognised")
    return Figure(
        name="endpointing",
        measures=_endpointing_measures(ends),
        notes=(shared.talks.note,),
        errors=(*(f"cut: {it}" for it in ends.cuts), *(f"no end after: {it}" for it in ends.misses)),
        details={
            **asdict(ends),
            "delays alone": [delay_ms for _, delay_ms in ends.delays_ms],
            "cut utterances": {"words": ends.num_utterances, "errors": len(ends.cuts)},
            "missed pauses": {"words": ends.num_pauses, "errors": len(ends.misses)},
        },
    )


def _endpointing_measures(ends: Endpoints) -> tuple[Measure, ...]:
    delays_ms = [delay_ms for _, delay_ms in ends.delays_ms]
    return (
        Measure(
            name="early cuts",
            value=100 * len(ends.cuts) / ends.num_utterances,
            unit="%",
            method=f"{len(ends.cuts)} of {ends.num_utterances} utterances: a segment ends inside",
            data="cut utterances",
        ),
        Measure(
            name="misses",
            value=100 * len(ends.misses) / max(1, ends.num_pauses),
            unit="%",
            method=f"{len(ends.misses)} of {ends.num_pauses} pauses: one segment has words of both sides",
            data="missed pauses",
        ),
        *percentile_measures(
            "endpointing delay",
            delays_ms,
            {50: None, 95: None},
            method=f"from an utterance's true end to the arrival of its segment's end, {len(delays_ms)} utterances",
            data="delays alone",
        ),
    )
