"""The result of a measurement. In: numbers. Out: a `Figure` to print, draw and write. No I/O."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from voxtide.errors import VoxtideError

_HOLDS = {"<=": operator.le, ">=": operator.ge}


@dataclass(frozen=True, slots=True)
class Target:
    """The limit a value should keep."""

    sign: Literal["<=", ">="]
    limit: float

    def is_met(self, value: float) -> bool:
        return bool(_HOLDS[self.sign](value, self.limit))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number with its unit, how it was measured (`method`, one line), and its target if it has one.

    `suspended` is the reason why the number is not judged by its target, or None.
    """

    name: str
    value: float
    unit: str
    method: str
    target: Target | None = None
    suspended: str | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without a target, or if the verdict is suspended."""
        return None if self.target is None or self.suspended else self.target.is_met(self.value)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot: y over x."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A plot's data. `x_limits` and `y_limits` are targets, drawn across the plot."""

    name: str
    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    x_limits: tuple[float, ...] = ()
    y_limits: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The result of one measurement.

    Attributes:
        name: Its name on the command line.
        measures: The numbers.
        notes: Remarks for the reader, a line each.
        errors: Transcription errors, a line each; shown with --verbose.
        details: The raw data behind the numbers, ready for JSON.
        plots: Plots of the data.
    """

    name: str
    measures: tuple[Measure, ...]
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    plots: tuple[Plot, ...] = ()

    def suspended(self, reason: str) -> Figure:
        """The figure with no verdict on what other programs change: times, processor time, capacity.

        Counts and error rates keep theirs.
        """
        measures = (replace(it, suspended=reason) if it.unit in TIMED_UNITS else it for it in self.measures)
        return replace(self, measures=tuple(measures))


TIMED_UNITS = frozenset({"ms", "ms/s", "cores", "", "times", "streams", "sessions", "EUR/h"})
"""Units of numbers that depend on what else the machine does; "" is the real-time factor's."""


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `percent` of all values do not exceed.

    Raises:
        VoxtideError: There are no values.
    """
    if not len(values):
        raise VoxtideError("nothing to measure: the engine emitted no such event")
    return float(np.percentile(values, percent, method="inverted_cdf"))


def share_line(label: str, values: Sequence[float]) -> Line:
    """The share of values, in percent, that are no larger than x."""
    ordered = sorted(values)
    return Line(label, ordered, [100 * (i + 1) / len(ordered) for i in range(len(ordered))])
