"""Targets, percentiles and cumulative shares, on small numbers."""

from __future__ import annotations

import pytest

from voxtide.bench.figure import (
    MAX_POINTS,
    Line,
    Measure,
    Target,
    number_text,
    percentile,
    percentile_measures,
    share_line,
    thinned,
)
from voxtide.errors import VoxtideError


def test_a_target_includes_its_limit() -> None:
    assert [Target("<=", 20).is_met(value) for value in (19.9, 20, 20.1)] == [True, True, False]
    assert [Target(">=", 12).is_met(value) for value in (11, 12, 13)] == [False, True, True]


def test_a_measure_without_a_target_is_neither_met_nor_missed() -> None:
    assert Measure(name="a", value=1.0, unit="", method="").is_met is None
    assert Measure(name="a", value=1.0, unit="", method="", target=Target("<=", 0)).is_met is False


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 5), (51, 6), (95, 10), (100, 10)])
def test_a_percentile_is_one_of_the_values(percent: float, value: float) -> None:
    assert percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent) == value


def test_a_percentile_of_no_values_raises() -> None:
    with pytest.raises(VoxtideError, match="nothing to measure"):
        percentile([], 50)


def test_percentiles_of_times_have_their_targets() -> None:
    target = Target("<=", 2)
    median, longest = percentile_measures("wait", [3.0, 1.0, 2.0], {50: target, 100: None}, method="timed", data="x_ms")
    assert (median.name, median.value, median.unit, median.is_met) == ("wait, p50", 2, "ms", True)
    assert (longest.name, longest.value, longest.percent) == ("wait, longest", 3, 100)
    assert {(it.method, it.data) for it in (median, longest)} == {("timed", "x_ms")}
    assert percentile_measures("wait", [], {50: target}, method="timed", data="x_ms") == ()


def test_a_share_line_is_the_cumulative_distribution() -> None:
    line = share_line("a", [30.0, 10.0, 20.0, 40.0])
    assert (list(line.x), list(line.y)) == ([10, 20, 30, 40], [25, 50, 75, 100])


@pytest.mark.parametrize("num_points", [1, MAX_POINTS, MAX_POINTS + 1, 10_000])
def test_a_long_line_is_thinned_and_keeps_its_ends(num_points: int) -> None:
    x = [float(i) for i in range(num_points)]
    line = thinned(Line("a", x, x, low=x))
    assert len(line.x) == len(line.low) == min(num_points, MAX_POINTS)
    assert (line.x[0], line.x[-1], line.high) == (0, num_points - 1, ())
    assert list(line.x) == list(line.y) == sorted(set(line.x))


@pytest.mark.parametrize(
    ("value", "text"),
    [(7.0, "7"), (0.0, "0"), (-1.5, "-1.50"), (1234.5, "1234"), (0.00961, "0.00961"), (5e-324, "0.000000000")],
)
def test_a_number_has_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert number_text(value) == text
