"""The parts of a process's memory, on made up sizes."""

from __future__ import annotations

import pytest

from voxtide.bench.figures.memory import measures, slope


def test_a_slope_is_that_of_the_fitted_line() -> None:
    assert slope([0, 1, 2, 3], [10.0, 12.0, 14.0, 16.0]) == pytest.approx(2)
    assert slope([1, 5, 9], [300.0, 310.0, 320.0]) == pytest.approx(2.5)


def test_the_memory_of_parallel_runs_counts_once_and_not_for_each_stream() -> None:
    found = {it.name: it.value for it in measures([0, 1, 5, 9, 13], [200.0, 250.0, 302.0, 314.0, 326.0], 60.0)}
    assert found == {
        "memory with one stream": 250.0,
        "memory of a further stream": pytest.approx(3.0),
        "memory of parallel runs": pytest.approx(40.0),
        "memory before any stream": 200.0,
    }
