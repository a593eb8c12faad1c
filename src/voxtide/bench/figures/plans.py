"""What a run measures and how long it takes. In: a plan's name, areas, figures' names. Out: steps with their seconds.

An estimate is the sum of what is played in real time, from the figures' constants, and of what is fed as fast as the
engine takes it. It is for `moonshine` on two idle cores; a run corrects it by what its first steps took.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from voxtide.bench.figure import Figure
from voxtide.bench.figures import (
    accuracy,
    completeness,
    cost,
    flush,
    hour,
    memory,
    server,
    streams,
    talks,
    utterances,
    vocabulary,
    voxtral,
    words,
)
from voxtide.bench.load.session import BenchSession, Size
from voxtide.bench.load.utterances import LENGTH_S
from voxtide.types import EngineInfo

Plays: TypeAlias = Literal["recordings", "talks"]
"""Plays in real time that several figures use; the first of them takes their time."""

SET_S, SHORT_SET_S = 84.0, 39.0
"""The recordings, with a second of quiet each; and those that the size `quick` plays."""
FLUSHES_OF_A_PASS, FLUSHES_OF_A_QUICK_PASS, QUICK_PASS_S = 25, 6, 11.0
"""Pauses in the recordings, and in the one that the size `quick` flushes."""
NAMES_S = 180.0
"""The sentences with names, read by one voice, with a second of quiet each."""
LIVE_RATE, FAST_RATE = 0.085, 0.02
"""Seconds that a second of audio takes when it is fed as fast as possible, live and at pace `fast`."""
BOTH_RATE = LIVE_RATE + FAST_RATE
READ_S = 3.0
"""The corpus is decoded."""
USUAL_UTTERANCES = 135
"""Of prompts-en, for which the estimates with a corpus are."""
PROCESS_S = 2.0
"""A fresh process with an engine starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureEntry:
    """A figure that can be measured.

    Attributes:
        measure: Measures it.
        area: The question that it answers, see `AREAS`.
        seconds: Estimate by size, without the plays it shares.
        plays: The plays it shares with others.
        is_timed: Whether other programs change its numbers.
        is_on_request: Measured only by name or in a plan that names it.
        needs_corpus: Whether it cannot be measured without a corpus.
        grows_with_corpus: Whether `seconds` is for a corpus of `USUAL_UTTERANCES` and grows with their number; but by
            the size `quick`, no further.
        local_only: Why it cannot be measured on a server; None if it can.
        needs: Returns what the engine lacks; None if nothing.
    """

    measure: Callable[[BenchSession], Awaitable[Figure]]
    area: str
    seconds: Mapping[Size, float]
    plays: tuple[Plays, ...] = ()
    is_timed: bool = False
    is_on_request: bool = False
    needs_corpus: bool = False
    grows_with_corpus: bool = False
    local_only: str | None = None
    needs: Callable[[EngineInfo], str | None] = lambda info: None

    def refusal(self, session: BenchSession) -> str | None:
        """Why it cannot be measured with this engine; None if it can."""
        if self.local_only and session.choice.is_remote:
            return self.local_only
        return self.needs(session.engine.info)


def _needs_word_times(info: EngineInfo) -> str | None:
    return f"engine {info.name!r} reports no times of words" if info.word_times == "none" else None


def _flush_s(size: Size, pass_s: float, num_per_pass: int) -> float:
    """Whole passes of the recordings in real time, and the talks without and with flushes."""
    return -(-flush.NUM_FLUSHES[size] // num_per_pass) * pass_s + 2 * LENGTH_S[size] * LIVE_RATE


def _streams_s(size: Size, num_more: int = 0) -> float:
    return (len(streams.COUNTS[size]) + num_more) * (streams.PLAY_S[size] + PROCESS_S)


FIGURES: dict[str, FigureEntry] = {
    "accuracy": FigureEntry(
        measure=accuracy.measure,
        area="accuracy",
        seconds={
            "quick": SET_S * 2 * BOTH_RATE + SHORT_SET_S * LIVE_RATE,
            "standard": SET_S * (2 * 3 * BOTH_RATE + LIVE_RATE),
            "full": SET_S * (4 * 3 * BOTH_RATE + LIVE_RATE),
        },
        plays=("recordings",),
    ),
    "talks": FigureEntry(
        measure=talks.measure,
        area="accuracy",
        seconds={  # prompts-en in three ways: two talks in three conditions, all of it in eight
            "quick": READ_S + 3 * 525 * (BOTH_RATE + FAST_RATE),
            "standard": READ_S + 8 * 765 * (BOTH_RATE + FAST_RATE),
            "full": READ_S + 8 * 765 * (BOTH_RATE + FAST_RATE),
        },
        is_on_request=True,
        needs_corpus=True,
        grows_with_corpus=True,
    ),
    "numbers": FigureEntry(
        measure=completeness.measure_numbers,
        area="accuracy",
        seconds={  # prompts of some 5 s, with a second of quiet
            "quick": completeness.NUM_PROMPTS * completeness.NUM_QUICK_STARTS * 6 * LIVE_RATE,
            "standard": completeness.NUM_PROMPTS * completeness.NUM_STARTS * 6 * LIVE_RATE,
            "full": completeness.NUM_PROMPTS * completeness.NUM_STARTS * 6 * LIVE_RATE,
        },
        is_on_request=True,
        needs_corpus=True,
    ),
    "completeness": FigureEntry(
        measure=completeness.measure,
        area="accuracy",
        seconds={  # three conditions of the talks at both paces, and sessions of some 60 s
            "quick": 3 * 3 * 120 * BOTH_RATE + 10 * 60 * LIVE_RATE,
            "standard": 30 * 3 * 120 * BOTH_RATE + 100 * 60 * LIVE_RATE,
            "full": 30 * 3 * 120 * BOTH_RATE + 100 * 60 * LIVE_RATE,
        },
    ),
    "vocabulary": FigureEntry(
        measure=vocabulary.measure,
        area="accuracy",
        seconds={  # without and with a vocabulary, which costs half as much again; the recordings three times
            "quick": 2.5 * NAMES_S * BOTH_RATE + 4 * SET_S * BOTH_RATE,
            "standard": 5 * NAMES_S * BOTH_RATE + 4 * SET_S * BOTH_RATE,
            "full": 5 * NAMES_S * BOTH_RATE + 4 * SET_S * BOTH_RATE,
        },
        needs=EngineInfo.vocabulary_refusal,
    ),
    "words": FigureEntry(
        measure=words.measure_latency,
        area="latency",
        seconds=dict.fromkeys(("quick", "standard", "full"), 0.5),
        plays=("recordings",),
        is_timed=True,
    ),
    "latency": FigureEntry(
        measure=utterances.measure_latency,
        area="latency",
        seconds=dict.fromkeys(("quick", "standard", "full"), 1.0),
        plays=("talks",),
        is_timed=True,
    ),
    "stability": FigureEntry(
        measure=words.measure_stability,
        area="stability",
        seconds=dict.fromkeys(("quick", "standard", "full"), 0.5),
        plays=("recordings", "talks"),
    ),
    "endpointing": FigureEntry(
        measure=utterances.measure_endpointing,
        area="endpointing",
        seconds=dict.fromkeys(("quick", "standard", "full"), 0.5),
        plays=("talks",),
        is_timed=True,
    ),
    "cost": FigureEntry(
        measure=cost.measure,
        area="cost",
        seconds={
            "quick": PROCESS_S + 2 * SET_S * FAST_RATE,
            "standard": PROCESS_S + 4 * SET_S * FAST_RATE,
            "full": PROCESS_S + 4 * SET_S * FAST_RATE,
        },
        plays=("recordings",),
        is_timed=True,
        local_only="a server's processor time cannot be seen from outside",
    ),
    "flush": FigureEntry(
        measure=flush.measure,
        area="flush",
        seconds={
            "quick": _flush_s("quick", QUICK_PASS_S, FLUSHES_OF_A_QUICK_PASS),
            "standard": _flush_s("standard", SET_S, FLUSHES_OF_A_PASS),
            "full": _flush_s("full", SET_S, FLUSHES_OF_A_PASS),
        },
        is_timed=True,
    ),
    "streams": FigureEntry(
        measure=streams.measure,
        area="throughput",
        seconds={"quick": _streams_s("quick"), "standard": _streams_s("standard"), "full": _streams_s("full", 2)},
        is_timed=True,
    ),
    "memory": FigureEntry(
        measure=memory.measure,
        area="cost",
        seconds={
            "quick": PROCESS_S + 13 * memory.QUICK_FEED_S * LIVE_RATE,
            "standard": PROCESS_S + 17 * memory.FEED_S * LIVE_RATE,
            "full": PROCESS_S + 17 * memory.FEED_S * LIVE_RATE,
        },
        local_only="a server's memory cannot be seen from outside",
    ),
    "server": FigureEntry(
        measure=server.measure,
        area="throughput",
        seconds={"quick": 160, "standard": 470, "full": 470},
        is_timed=True,
        local_only="it measures the server that this voxtide would start",
    ),
    "hour": FigureEntry(
        measure=hour.measure,
        area="endurance",
        seconds={size: PROCESS_S + length_s * LIVE_RATE for size, length_s in hour.LENGTH_S.items()},
        needs=_needs_word_times,
    ),
    "voxtral": FigureEntry(
        measure=voxtral.measure,
        area="throughput",
        seconds={"quick": 120, "standard": 300, "full": 300},
        is_timed=True,
        is_on_request=True,
        local_only="it measures a model on this machine",
    ),
}
"""In the order of measurement."""

PLAY_SECONDS: dict[Plays, dict[Size, float]] = {
    "recordings": {"quick": SHORT_SET_S, "standard": SET_S, "full": SET_S},
    "talks": {size: READ_S + length_s for size, length_s in LENGTH_S.items()},
}

AREAS = tuple(dict.fromkeys(entry.area for entry in FIGURES.values()))
"""The questions, in the order of measurement."""

PLANS: dict[Size, tuple[tuple[str, Size], ...]] = {
    "quick": (
        ("accuracy", "quick"),
        ("words", "quick"),
        ("latency", "quick"),
        ("stability", "quick"),
        ("endpointing", "quick"),
        ("cost", "quick"),
        ("flush", "quick"),
        ("streams", "quick"),
        ("hour", "quick"),
    ),
    "standard": (
        ("accuracy", "standard"),
        ("completeness", "quick"),
        ("vocabulary", "quick"),
        ("words", "standard"),
        ("latency", "standard"),
        ("stability", "standard"),
        ("endpointing", "standard"),
        ("cost", "standard"),
        ("flush", "standard"),
        ("streams", "standard"),
        ("memory", "quick"),
        ("hour", "standard"),
    ),
    "full": tuple((name, "full") for name, entry in FIGURES.items() if not entry.is_on_request),
}
"""Figures with their sizes. PLAN_MINUTES is what they promise."""

PLAN_MINUTES: dict[Size, int] = {"quick": 3, "standard": 15, "full": 70}


@dataclass(frozen=True, slots=True)
class Step:
    """A figure to measure, how much of it, and an estimate of the seconds it takes."""

    figure: str
    size: Size
    seconds: float


def steps_of(
    plan: Size, names: Sequence[str] = (), areas: Sequence[str] = (), *, num_utterances: int = 0
) -> list[Step]:
    """The steps of a run.

    Args:
        plan: Its sizes, and its figures if neither names nor areas are given.
        names: Figures to measure, in this order; one that the plan lacks has the plan's size.
        areas: Areas to measure: the plan's figures in them, after `names`.
        num_utterances: Those of the named corpus, with which accuracy includes `talks`; 0 without a corpus.
    """
    planned = dict(PLANS[plan])
    if num_utterances:
        planned["talks"] = "full" if plan == "full" else "quick"
    if names or areas:
        in_areas = [name for name in FIGURES if name in planned and FIGURES[name].area in areas]
        wanted = {name: planned.get(name, plan) for name in (*names, *in_areas)}
    else:
        wanted = {name: planned[name] for name in FIGURES if name in planned}
    return _timed(wanted, num_utterances or USUAL_UTTERANCES)


def empty_areas(plan: Size, areas: Sequence[str]) -> list[str]:
    """The areas for which the plan has no time."""
    return [area for area in areas if not any(FIGURES[name].area == area for name, _ in PLANS[plan])]


def _timed(wanted: Mapping[str, Size], num_utterances: int) -> list[Step]:
    """The first figure that uses shared plays takes their time."""
    played: set[tuple[Plays, Size]] = set()
    steps = []
    for name, size in wanted.items():
        entry = FIGURES[name]
        growth = num_utterances / USUAL_UTTERANCES if entry.grows_with_corpus else 1.0
        seconds = entry.seconds[size] * (min(1.0, growth) if size == "quick" else growth)
        for plays in entry.plays:
            if (plays, size) not in played:
                played.add((plays, size))
                seconds += PLAY_SECONDS[plays][size]
        steps.append(Step(name, size, seconds))
    return steps
