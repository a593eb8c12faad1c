"""Comparisons: nothing changes against itself or within noise; clear shifts are found, with their direction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.bench_documents import of_latencies, of_measure, of_words, rich, written
from voxtide.bench.figure import Figure, Measure, Target
from voxtide.bench.load.utterances import UtteranceTalks
from voxtide.bench.reports.diff import Diff, diff, lines_of_diff
from voxtide.bench.reports.document import run_of
from voxtide.bench.reports.noise import NUM_DRAWS, drawn_percentiles

LATENCIES = st.lists(st.floats(1, 1e4), min_size=1, max_size=300)
PARTS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 10)), min_size=1, max_size=60)


def compared(before: Any, after: Any) -> Diff:
    return diff(run_of(before), run_of(after))


def directions(before: Any, after: Any) -> list[str]:
    return [change.direction for change in compared(before, after).changes]


@given(st.builds(of_latencies, LATENCIES, st.sampled_from([50, 95, 100])) | st.builds(of_words, PARTS))
def test_a_run_does_not_differ_from_itself(document: Any) -> None:
    found = compared(document, document)
    assert (found.changes, found.num_unchanged, found.warnings) == ((), 1, ())


def test_more_utterances_without_a_latency_are_worse() -> None:
    few, many = (
        of_measure(name="utterances without a latency", unit="utterances", value=value) for value in (0.0, 20.0)
    )
    assert (directions(few, many), directions(many, few)) == (["worse"], ["better"])


def test_a_rate_above_all_words_has_noise() -> None:
    few, more = of_words([(67, 142)]), of_words([(67, 145)])
    assert directions(few, more) == directions(more, few) == []
    assert directions(few, of_words([(67, 300)])) == ["worse"]


def test_a_noisy_machine_suspends_the_verdict_of_a_change() -> None:
    quiet, noisy = of_measure(value=100.0), of_measure(value=200.0, suspended="noisy machine")
    assert directions(quiet, of_measure(value=200.0)) == ["worse"]
    assert directions(quiet, noisy) == directions(noisy, quiet) == ["changed"]
    assert not compared(quiet, noisy).is_worse


@given(st.builds(of_latencies, LATENCIES), st.builds(of_latencies, LATENCIES))
def test_exchanging_the_runs_exchanges_better_and_worse(first: Any, second: Any) -> None:
    exchanged = {"better": "worse", "worse": "better"}
    there, back = directions(first, second), directions(second, first)
    assert not (there and back) or [exchanged[it] for it in there] == back


@given(LATENCIES.filter(lambda samples: len(samples) >= 40), st.floats(1.5, 10))
def test_a_clear_shift_is_reported(samples: list[float], factor: float) -> None:
    spread = [1000 + it / 100 for it in samples]
    slower = [factor * it for it in spread]
    assert directions(of_latencies(spread), of_latencies(slower)) == ["worse"]
    assert directions(of_latencies(slower), of_latencies(spread)) == ["better"]


@pytest.mark.parametrize(("percent", "num"), [(50, 200), (95, 200), (50, 24)])
def test_two_samples_of_one_distribution_rarely_differ(percent: int, num: int) -> None:
    generator = np.random.default_rng(1)
    runs = [generator.lognormal(5, 0.6, size=(2, num)) for _ in range(300)]
    reported = sum(bool(directions(of_latencies(a, percent), of_latencies(b, percent))) for a, b in runs)
    assert reported <= 9, "1 % of 300 are expected"


def test_two_samples_of_one_error_rate_rarely_differ() -> None:
    generator = np.random.default_rng(2)

    def parts() -> list[tuple[int, int]]:
        return [(int(words), int(generator.binomial(words, 0.08))) for words in generator.integers(5, 20, size=80)]

    reported = sum(bool(directions(of_words(parts()), of_words(parts()))) for _ in range(200))
    assert reported <= 8, "1 % of 200 are expected"


def test_the_same_utterances_are_drawn_for_both_runs() -> None:
    hard = [(10, 8 if i % 2 else 0) for i in range(60)]
    worse = [(words, errors + (i % 6 == 0)) for i, (words, errors) in enumerate(hard)]
    assert directions(of_words(hard), of_words(worse)) == ["worse"]
    others = [(14, errors) for _, errors in worse]
    assert directions(of_words(hard), of_words(others)) == [], "of other utterances, that is noise"


def test_draws_are_those_of_a_bootstrap() -> None:
    generator = np.random.default_rng(3)
    samples = list(generator.lognormal(size=31))
    for percent in (50, 95, 100):
        drawn = drawn_percentiles(samples, percent, generator)
        places = generator.integers(len(samples), size=(NUM_DRAWS, len(samples)))
        plain = np.percentile(np.array(samples)[places], percent, axis=1, method="inverted_cdf")
        assert np.mean(drawn) == pytest.approx(np.mean(plain), rel=0.03)
        assert np.std(drawn) == pytest.approx(np.std(plain), rel=0.1)


def test_a_shift_of_the_samples_within_five_percent_is_noise() -> None:
    samples = [1000.0 + i / 1000 for i in range(200)]
    assert directions(of_latencies(samples), of_latencies([1.04 * it for it in samples])) == []


@pytest.mark.parametrize(
    ("unit", "before", "after", "is_change"),
    [
        ("cores", 0.200, 0.209, False),
        ("cores", 0.200, 0.212, True),
        ("ms", 0.2, 0.9, False),
        ("ms", 10.0, 12.0, True),
        ("streams", 14, 13, False),
        ("streams", 14, 12, True),
        ("words", 7, 8, False),
        ("words", 100, 140, True),
    ],
)
def test_a_number_without_raw_data_has_the_noise_of_its_unit(
    unit: str, before: float, after: float, is_change: bool
) -> None:
    found = compared(of_measure(unit=unit, value=before), of_measure(unit=unit, value=after))
    assert bool(found.changes) == is_change


def test_a_count_that_should_be_zero_has_no_noise() -> None:
    none, one = (of_measure(unit="words", value=value, target=Target("<=", 0)) for value in (0, 1))
    assert directions(none, one) == ["worse"]
    assert directions(one, none) == ["better"]


def test_events_per_hour_are_compared_by_their_counts() -> None:
    def rate(count: int, hours: float) -> Any:
        details = {"i": {"count": count, "hours": hours}}
        return of_measure(name="invented", unit="phrases/h", value=count / hours, data="i", details=details)

    assert directions(rate(1, 0.5), rate(2, 0.5)) == []
    assert directions(rate(1, 0.5), rate(20, 0.5)) == ["worse"]


def test_few_parts_are_compared_by_their_counts() -> None:
    def share(errors: int) -> Any:
        return of_measure(
            name="interim words changed",
            unit="%",
            value=errors / 2,
            data="i",
            details={"i": {"words": 200, "errors": errors}},
        )

    assert directions(share(30), share(36)) == []
    assert directions(share(30), share(70)) == ["worse"]
    assert directions(share(0), share(1)) == []


@pytest.mark.parametrize(
    ("facts", "direction"),
    [
        ({"unit": "x", "target": Target(">=", 2)}, "better"),
        ({"unit": "x", "target": Target("<=", 2)}, "worse"),
        ({"unit": "%", "name": "names found, live"}, "better"),
        ({"unit": "%", "name": "WER, clean, live"}, "worse"),
        ({"unit": "sessions"}, "better"),
        ({"unit": "MB"}, "worse"),
        ({"unit": "%", "name": "share of something"}, "changed"),
    ],
)
def test_the_better_direction_is_of_the_target_the_name_or_the_unit(facts: dict[str, Any], direction: str) -> None:
    assert directions(of_measure(value=10, **facts), of_measure(value=20, **facts)) == [direction]


def test_numbers_of_one_run_only_are_listed() -> None:
    one, other, in_s = (
        Figure(name="f", measures=(Measure(name=name, value=1, unit=unit, method=""),))
        for name, unit in (("a", "ms"), ("b", "ms"), ("a", "s"))
    )
    found = compared(written(one), written(other))
    assert (found.only_before, found.only_after, found.num_unchanged) == (("f: a",), ("f: b",), 0)
    assert found.warnings == ("the runs have no number in common",)
    assert compared(written(one), written(in_s)).num_unchanged == 0, "another unit is another number"


def test_numbers_of_equal_name_are_kept_apart() -> None:
    twice = tuple(Measure(name="a", value=value, unit="ms", method="") for value in (10, 20))
    document = written(Figure(name="f", measures=twice))
    assert compared(document, document).num_unchanged == 2


def test_what_makes_runs_incomparable_is_a_warning() -> None:
    after = rich()
    after["machine"]["cpu"] = "Another"
    after["engine"]["model"] = "other"
    after |= {"is_quick": True, "corpus": "prompts-en", "names": ["words"]}
    after["noise"] = {"limit_cores": 0.1, "others_cores": {"words": 1.2, "cost": 0.05, "flush": 0.3}, "is_noisy": True}
    assert compared(rich(), after).warnings == (
        "different machine, cpu: A Processor and Another",
        "different engine, model: moonshine-tiny-en and other",
        "different setting, is_quick: False and True",
        "different setting, corpus: none and prompts-en",
        "A failed: hour: stopped by Ctrl-C",
        "B was measured on a noisy machine: other programs kept more than 0.10 cores busy (words 1.20, flush 0.30)",
        "B failed: hour: stopped by Ctrl-C",
    )


def spoken(*notes: str) -> Any:
    """Two figures with these notes, and one without."""
    measures = (Measure(name="a", value=1, unit="ms", method=""),)
    named = [Figure(name=name, measures=measures, notes=("a machine", *notes)) for name in ("latency", "flush")]
    return written(*named, Figure(name="cost", measures=measures))


def test_figures_on_different_speech_are_a_warning() -> None:
    fetched, bundled = (UtteranceTalks(source, "en", ()).note for source in ("the corpus prompts-en", "the recordings"))
    assert compared(spoken(fetched), spoken(fetched)).warnings == ()
    assert compared(spoken(fetched), spoken(bundled)).warnings == (
        f"different speech in latency, flush: {fetched} in A, {bundled} in B",
    )
    assert compared(spoken(fetched), spoken()).warnings == (
        f"different speech in latency, flush: {fetched} in A, no corpus and no talks in B",
    )
    talks = [f"corpus {name}: 3 talks, 9 min, 80 utterances" for name in ("prompts-en", "mine")]
    assert len(compared(spoken(talks[0]), spoken(talks[1])).warnings) == 1


def test_the_comparison_as_text() -> None:
    before = written(
        Figure(
            name="cost",
            measures=(
                Measure(name="CPU", value=0.2, unit="cores", method=""),
                Measure(name="sessions", value=10, unit="sessions", method=""),
                Measure(name="same", value=1, unit="ms", method=""),
            ),
        )
    )
    after = written(
        Figure(
            name="cost",
            measures=(
                Measure(name="CPU", value=0.3, unit="cores", method=""),
                Measure(name="sessions", value=20, unit="sessions", method=""),
                Measure(name="same", value=1, unit="ms", method=""),
            ),
        )
    )
    found = compared(before, after)
    lines = lines_of_diff(found, max_columns=100)
    run = "moonshine (moonshine-tiny-en), voxtide 0.1.0, commit abc, began 2026-01-02T03:04:05+00:00"
    assert lines == [
        f"A: {run}",
        f"B: {run}",
        "        FIGURE  NUMBER    A            B                    BEYOND NOISE BY",
        "worse   cost    CPU       0.200 cores  0.300 cores  +50 %   5 %",
        "better  cost    sessions  10 sessions  20 sessions  +100 %  5 %",
        "2 changed beyond noise, 1 did not",
    ]
    assert lines_of_diff(found, max_columns=60) == [
        "A: moonshine (moonshine-tiny-en), voxtide 0.1.0, commit abc,",
        "   began 2026-01-02T03:04:05+00:00",
        "B: moonshine (moonshine-tiny-en), voxtide 0.1.0, commit abc,",
        "   began 2026-01-02T03:04:05+00:00",
        "worse    cost: CPU",
        "         A 0.200 cores, B 0.300 cores, +50 %, beyond noise",
        "         by: 5 %",
        "better   cost: sessions",
        "         A 10 sessions, B 20 sessions, +100 %, beyond noise",
        "         by: 5 %",
        "2 changed beyond noise, 1 did not",
    ]
    assert all(lines_of_diff(found, max_columns=width) for width in range(1, 60)), "no width is too small"
