"""How far a run is, and what it prints. In: the estimates of its steps, a clock, lines. Out: the time left, a report.

Knows no figure and no terminal: the command line passes a view that updates one line.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TextIO

from voxtide.bench.tables import fitted

MIN_KNOWN_S = 5.0
"""Less estimated time gone by says nothing about how the machine compares with the estimates."""
MIN_PACE, MAX_PACE = 0.2, 10.0
"""Bounds of the correction: one odd step must not make hours of minutes."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is measured now.

    Attributes:
        figure: Its name.
        number: Its place in the run, from 1.
        num_figures: Figures of the run.
        line: What happens in it.
        left_s: Estimate of the seconds until the run's end.
    """

    figure: str
    number: int
    num_figures: int
    line: str
    left_s: float

    def __str__(self) -> str:
        return f"{self.number}/{self.num_figures} {self.figure}, {duration_text(self.left_s)} left: {self.line}"


def duration_text(seconds: float) -> str:
    """A duration for people: seconds below two minutes, then minutes."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


class View(Protocol):
    """Shows the progress of a run."""

    def show(self, status: Status) -> None:
        """Show a status; called with every line of progress, and every second."""

    def clear(self) -> None:
        """Make room for other output."""


class LineView:
    """Writes a line whenever something new happens."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._last: tuple[str, str] | None = None

    def show(self, status: Status) -> None:
        """Write a line unless only the time has changed."""
        if (status.figure, status.line) != self._last:
            self._last = status.figure, status.line
            self._out.write(f"bench: {status}\n")
            self._out.flush()

    def clear(self) -> None:
        """Nothing to do: lines stay."""


class RunOutput:
    """Where a run prints.

    Attributes:
        view: Shows the progress, and makes room for the report and for remarks.
        max_columns: The width of the terminal that shows the report; None if it is not for a terminal.
    """

    def __init__(
        self,
        out: TextIO | None = None,
        err: TextIO | None = None,
        *,
        view: View | None = None,
        max_columns: int | None = None,
    ) -> None:
        """Take where the report goes, None for stdout; where remarks go, None for stderr; and the view of progress.

        Without a view, progress is a line per step beside the remarks.
        """
        self._out, self._err = out or sys.stdout, err or sys.stderr
        self.view = view or LineView(self._err)
        self.max_columns = max_columns

    def print(self, line: str) -> None:
        """Write a line of the report."""
        self.view.clear()
        self._out.write(f"{line}\n")
        self._out.flush()

    def print_prose(self, line: str) -> None:
        """Write a line of the report that may be wrapped."""
        for part in fitted(line, self.max_columns):
            self.print(part)

    def note(self, line: str) -> None:
        """Write a remark beside the report."""
        self.view.clear()
        self._err.write(f"bench: {line}\n")
        self._err.flush()


class Progress:
    """Follows a run through its steps. The estimates of what is left are scaled by what the finished ones took."""

    def __init__(self, seconds: Sequence[float], clock: Callable[[], float] = time.monotonic) -> None:
        """Take the estimate of each step, in order."""
        self._seconds = seconds
        self._clock = clock
        self._number = 0
        self._began_s = clock()
        self._took_s = self._estimated_s = 0.0

    def begin(self) -> int:
        """Begin the next step; returns its number, from 1."""
        self._began_s = self._clock()
        self._number += 1
        return self._number

    def end(self, *, is_measured: bool) -> None:
        """End the step. One that was not measured says nothing about the machine."""
        if is_measured:
            self._took_s += self._clock() - self._began_s
            self._estimated_s += self._seconds[self._number - 1]

    @property
    def pace(self) -> float:
        """Seconds per estimated second so far; 1 while that is unknown."""
        if self._estimated_s < MIN_KNOWN_S:
            return 1.0
        return min(MAX_PACE, max(MIN_PACE, self._took_s / self._estimated_s))

    @property
    def left_s(self) -> float:
        """Estimate of the seconds until the last step ends."""
        current_s = self._seconds[self._number - 1] * self.pace - (self._clock() - self._began_s)
        return max(0.0, current_s) + sum(self._seconds[self._number :]) * self.pace
