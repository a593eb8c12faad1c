"""The time left of a run, on a clock that the test moves."""

from __future__ import annotations

import io

import pytest

from voxtide.bench.progress import LineView, Progress, Status, duration_text


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_the_time_left_is_corrected_by_what_has_passed() -> None:
    clock = Clock()
    progress = Progress([20, 40, 60], clock)
    assert progress.begin() == 1
    assert progress.left_s == 120
    clock.now_s += 5
    assert progress.left_s == 115
    clock.now_s += 25
    assert progress.left_s == 100, "the first step takes longer than expected"
    progress.end(is_measured=True)
    assert progress.begin() == 2
    assert progress.left_s == pytest.approx(1.5 * 100)


def test_a_step_that_was_not_measured_and_short_ones_change_no_pace() -> None:
    clock = Clock()
    progress = Progress([20, 4, 60], clock)
    progress.begin()
    progress.end(is_measured=False)
    progress.begin()
    clock.now_s += 400
    progress.end(is_measured=True)
    progress.begin()
    assert progress.left_s == 60


def test_the_correction_is_bounded() -> None:
    clock = Clock()
    progress = Progress([10, 60], clock)
    progress.begin()
    clock.now_s += 10_000
    progress.end(is_measured=True)
    progress.begin()
    assert progress.left_s == 600


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (119, "119 s"), (150, "2 min"), (3600, "60 min")])
def test_a_duration_is_short(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_a_line_is_written_when_something_new_happens() -> None:
    out = io.StringIO()
    view = LineView(out)
    for line, left_s in (("playing", 10), ("playing", 9), ("done", 8)):
        view.show(Status("flush", 2, 3, line, left_s))
    view.clear()
    assert out.getvalue() == "bench: 2/3 flush, 10 s left: playing\nbench: 2/3 flush, 8 s left: done\n"
