"""Plans as data: what each measures, and that it keeps the time it promises."""

from __future__ import annotations

from typing import Literal

import pytest

from voxtide.bench.figures import plans
from voxtide.bench.figures.plans import FIGURES, PLAN_MINUTES, PLANS, empty_areas, steps_of
from voxtide.bench.load.recordings import PHRASE_PAUSE_S, load_recordings
from voxtide.bench.load.session import QUICK_MAX_S, BenchEngine, BenchSession, Size
from voxtide.bench.load.variants import TRAILING_QUIET_S
from voxtide.engines.registry import load_engine
from voxtide.types import EngineInfo


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_keeps_its_promise(plan: Size) -> None:
    minutes = sum(step.seconds for step in steps_of(plan)) / 60
    assert 0.9 * PLAN_MINUTES[plan] <= minutes <= 1.1 * PLAN_MINUTES[plan]


@pytest.mark.parametrize("plan", PLANS)
def test_a_plan_has_every_area(plan: Size) -> None:
    assert empty_areas(plan, plans.AREAS) == []


def test_the_full_plan_has_all_figures_but_those_on_request() -> None:
    assert [step.figure for step in steps_of("full")] == [name for name, it in FIGURES.items() if not it.is_on_request]
    assert {step.size for step in steps_of("full")} == {"full"}


def test_the_estimates_fit_the_recordings() -> None:
    lengths_s = [it.duration_s + TRAILING_QUIET_S for it in load_recordings()]
    assert sum(lengths_s) == pytest.approx(plans.SET_S, abs=1)
    short_s = sum(length_s for length_s in lengths_s if length_s <= QUICK_MAX_S + TRAILING_QUIET_S)
    assert short_s == pytest.approx(plans.SHORT_SET_S, abs=1)
    ends = [it.phrase_ends_s(PHRASE_PAUSE_S) for it in load_recordings()]
    assert sum(map(len, ends)) == plans.FLUSHES_OF_A_PASS
    (quick,) = [
        it for it in load_recordings() if it.duration_s <= QUICK_MAX_S and len(it.phrase_ends_s(PHRASE_PAUSE_S)) > 1
    ]
    assert len(quick.phrase_ends_s(PHRASE_PAUSE_S)) == plans.FLUSHES_OF_A_QUICK_PASS
    assert quick.duration_s + TRAILING_QUIET_S == pytest.approx(plans.QUICK_PASS_S, abs=0.5)


def test_the_first_figure_takes_the_time_of_shared_plays() -> None:
    words, cost = steps_of("standard", ["words", "cost"])
    assert words.seconds == pytest.approx(plans.SET_S, abs=1)
    assert cost.seconds == pytest.approx(FIGURES["cost"].seconds["standard"])
    alone = steps_of("standard", ["stability"])
    assert alone[0].seconds == pytest.approx(plans.SET_S + plans.PLAY_SECONDS["talks"]["standard"], abs=1)


def test_areas_and_names_select_figures() -> None:
    assert [step.figure for step in steps_of("quick", areas=["flush", "stability"])] == ["stability", "flush"]
    assert [(it.figure, it.size) for it in steps_of("standard", ["server"], ["endurance"])] == [
        ("server", "standard"),
        ("hour", "standard"),
    ]
    assert [(it.figure, it.size) for it in steps_of("standard", ["completeness"])] == [("completeness", "quick")]


def test_a_corpus_adds_its_talks() -> None:
    assert "talks" not in [step.figure for step in steps_of("standard", areas=["accuracy"])]
    found = {step.figure: step.size for step in steps_of("standard", areas=["accuracy"], num_utterances=1)}
    assert found["talks"] == "quick"
    assert {it.figure: it.size for it in steps_of("full", num_utterances=1)}["talks"] == "full"


@pytest.mark.parametrize(("plan", "longer"), [("quick", 1), ("full", 10)])
def test_a_longer_corpus_takes_longer_unless_only_its_first_talks_are_played(plan: Size, longer: float) -> None:
    (usual,) = steps_of(plan, ["talks"], num_utterances=plans.USUAL_UTTERANCES)
    (long,) = steps_of(plan, ["talks"], num_utterances=10 * plans.USUAL_UTTERANCES)
    (short,) = steps_of(plan, ["talks"], num_utterances=27)
    assert long.seconds == pytest.approx(longer * usual.seconds)
    assert short.seconds == pytest.approx(usual.seconds / 5)


@pytest.mark.parametrize(("engine", "refused"), [("scripted", []), ("remote", ["cost", "memory", "server", "voxtral"])])
async def test_what_cannot_be_seen_of_a_server_is_refused(engine: str, refused: list[str]) -> None:
    async with load_engine("scripted") as scripted:
        session = BenchSession(BenchEngine(engine), scripted, size="quick", progress=lambda line: None)
        assert [name for name, it in FIGURES.items() if it.local_only and it.refusal(session)] == refused


@pytest.mark.parametrize(("word_times", "is_refused"), [("none", True), ("read", False), ("estimated", False)])
def test_endurance_needs_the_times_of_words(word_times: Literal["read", "estimated", "none"], is_refused: bool) -> None:
    info = EngineInfo(name="x", model="x", word_times=word_times)
    assert (FIGURES["hour"].needs(info) is not None) is is_refused


def test_vocabulary_needs_an_engine_that_uses_it() -> None:
    assert FIGURES["vocabulary"].needs(EngineInfo(name="x", model="x"))
    assert FIGURES["vocabulary"].needs(EngineInfo(name="x", model="x", can_use_vocabulary=True)) is None
