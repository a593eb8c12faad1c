"""Word errors in long audio of a corpus, three ways. In: talks. Out: rates with intervals, and their differences.

Each talk is transcribed in every condition in three ways:

- alone: each utterance cut out and transcribed by itself at pace `fast`: what the model can do.
- fast: the whole talk at pace `fast`.
- live: the whole talk as a live stream, fed as fast as the engine takes it.

The interval of a rate is the 95 % interval of a bootstrap over the utterances; that of a difference draws the same
utterances for both. A phrase is *invented* if it has two words or more where nothing was spoken, or four more than
were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from voxtide.bench.figure import Figure, Line, Measure, Plot, Target
from voxtide.bench.figures.completeness import is_invented
from voxtide.bench.load.corpora.corpus import CorpusTalk
from voxtide.bench.load.corpora.layouts import left_out_line
from voxtide.bench.load.session import FAST_OPTIONS, LIVE_OPTIONS, BenchSession
from voxtide.bench.load.variants import at_speed, in_room, over_telephone, with_noise, with_offset, with_trailing_quiet
from voxtide.bench.word_errors import WordErrors, normaliser_name, total, word_errors
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions


@dataclass(frozen=True, slots=True)
class Condition:
    """How a talk is changed; with `speed`, it lasts shorter by that factor."""

    change: Callable[[Samples], Samples]
    speed: float = 1.0


CONDITIONS = {
    "clean": Condition(lambda samples: samples),
    "20 dB": Condition(partial(with_noise, snr_db=20.0, seed=0)),
    "10 dB": Condition(partial(with_noise, snr_db=10.0, seed=0)),
    "5 dB": Condition(partial(with_noise, snr_db=5.0, seed=0)),
    "room": Condition(in_room),
    "telephone": Condition(over_telephone),
    "offset": Condition(with_offset),
    "speed 0.9": Condition(partial(at_speed, speed=0.9), 0.9),
    "speed 1.1": Condition(partial(at_speed, speed=1.1), 1.1),
}
"""Pink noise this far below the speech; a reverberant room; 8 kHz mu-law; a constant offset; slower and faster."""

QUICK = ("clean", "10 dB", "telephone")
NUM_QUICK_TALKS = 2

LIVE_GAP, FAST_GAP = Target("<=", 0.3), Target("<=", 0.1)
INVENTED = Target("<=", 1.0)

Errors = dict[str, WordErrors]
"""By the way of transcribing."""


async def measure(session: BenchSession) -> Figure:
    """Transcribe the corpus in all conditions and ways."""
    corpus = session.corpus
    talks, left_out = await corpus.talks()
    num_used = sum(len(talk.spans) for talk in talks)
    left_out_notes = (f"corpus {corpus.name}: {left_out_line(left_out, num_used)}",) if left_out else ()
    for note in left_out_notes:
        session.progress(note)
    if session.is_quick:
        talks = talks[:NUM_QUICK_TALKS]
    measures: list[Measure] = []
    details: dict[str, Any] = {}
    found_in: dict[str, Errors] = {}
    for name in QUICK if session.is_quick else CONDITIONS:
        found = await _errors(session, name, talks)
        hours = sum(len(talk.samples) for talk in talks) / SAMPLE_RATE_HZ / 3600 / CONDITIONS[name].speed
        measures += _measures(name, found, hours)
        details |= {f"{name}, {what}": data for what, data in _details(found, hours).items()}
        found_in[name] = found
    length_min = sum(len(talk.samples) for talk in talks) / SAMPLE_RATE_HZ / 60
    num_utterances = sum(len(talk.spans) for talk in talks)
    return Figure(
        name="talks",
        measures=tuple(measures),
        notes=(
            f"corpus {corpus.name}: {len(talks)} talks, {length_min:.0f} min, {num_utterances} utterances",
            f"texts compared after {normaliser_name(corpus.language)}",
            *left_out_notes,
        ),
        errors=tuple(
            f"{name}, {way}: {where}: {spoken or '(nothing)'} -> {written or '(nothing)'}"
            for name, errors in found_in.items()
            for way, it in errors.items()
            for where, spoken, written in it.differences
        ),
        details={**details, "left out": {it.name: it.reason for it in left_out}},
        plots=(_plot(found_in),),
    )


def _details(errors: Errors, hours: float) -> dict[str, Any]:
    """What the measures of one condition come from, by way and difference."""
    rates = {way: {**it.counts, "interval": it.interval()} for way, it in errors.items()}
    gaps = {f"{way} minus alone": errors[way].counts_above(errors["alone"]) for way in ("fast", "live")}
    return {**rates, **gaps, "invented": {"count": _num_invented(errors["live"]), "hours": hours}}


def _plot(found: dict[str, Errors]) -> Plot:
    """The rates by condition, with their intervals."""
    lines = []
    for way in ("alone", "fast", "live"):
        of_way = [errors[way] for errors in found.values()]
        low, high = zip(*(it.interval() for it in of_way), strict=True)
        lines.append(Line(way, [float(i) for i in range(len(of_way))], [it.percent for it in of_way], low, high))
    return Plot(
        name="talks",
        title="Word error rate with its 95 % interval",
        x_label="condition",
        y_label="%",
        lines=tuple(lines),
        x_names=tuple(found),
    )


async def _errors(session: BenchSession, name: str, talks: list[CorpusTalk]) -> Errors:
    """The errors of all talks in one condition."""
    condition = CONDITIONS[name]
    found: dict[str, list[WordErrors]] = {"alone": [], "fast": [], "live": []}
    for number, talk in enumerate(talks, start=1):
        session.progress(f"{name}: talk {number} of {len(talks)}")
        samples = condition.change(talk.samples)
        parts = talk.cut(samples, speed=condition.speed)
        texts = {
            "alone": " ".join([await _text(session, part, FAST_OPTIONS) for part in parts]),
            "fast": await _text(session, samples, FAST_OPTIONS),
            "live": await _text(session, samples, LIVE_OPTIONS),
        }
        spoken = [span.text for span in talk.spans]
        for way, text in texts.items():
            found[way].append(word_errors(talk.name, spoken, text, language=session.corpus.language))
    return {way: total(parts) for way, parts in found.items()}


async def _text(session: BenchSession, samples: Samples, options: StreamOptions) -> str:
    return await session.text(with_trailing_quiet(samples), session.in_language(options, session.corpus.language))


def _measures(name: str, errors: Errors, hours: float) -> list[Measure]:
    measures = [_rate(f"{name}, {way}", it) for way, it in errors.items()]
    for way, target in {"fast": FAST_GAP, "live": LIVE_GAP}.items():
        low, high = errors[way].interval_above(errors["alone"])
        measures.append(
            Measure(
                name=f"WER, {name}, {way} minus alone",
                value=errors[way].percent - errors["alone"].percent,
                unit="points",
                target=target,
                method=f"95 % interval {low:+.1f} to {high:+.1f}",
                data=f"{name}, {way} minus alone",
            )
        )
    num_invented = _num_invented(errors["live"])
    measures.append(
        Measure(
            name=f"invented, {name}, live",
            value=num_invented / hours,
            unit="phrases/h",
            target=INVENTED,
            method=f"{num_invented} in {60 * hours:.0f} min",
            data=f"{name}, invented",
        )
    )
    return measures


def _num_invented(errors: WordErrors) -> int:
    return sum(is_invented(difference) for difference in errors.differences)


def _rate(name: str, errors: WordErrors) -> Measure:
    low, high = errors.interval()
    method = f"{errors.num_errors} of {errors.num_words} words; 95 % interval {low:.1f} to {high:.1f}"
    return Measure(name=f"WER, {name}", value=errors.percent, unit="%", method=method, data=name)
