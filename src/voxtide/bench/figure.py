"""The result of a measurement. In: numbers. Out: a `Figure` to print, draw and write, numbers as text. No I/O."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from voxtide.errors import VoxtideError

FORMAT = 1
"""Version of the JSON document of figures. Grows when a reader of the previous one would misread it."""

SIGNIFICANT = 3

MAX_DECIMALS = 9
"""Of a number as text: the smallest double has three hundred zeros."""

MAX_POINTS = 200
"""Points of a plot's line in the document: more than a plot of 7 inches shows apart."""

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
    """One number.

    Attributes:
        name: What it is; unique in its figure.
        value: The number.
        unit: Its unit, empty for a quotient.
        method: How it was measured, one line.
        target: The limit to keep, if there is one.
        suspended: Why the number is not judged by its target; None if it is.
        data: The entry of `Figure.details` that `value` comes from, from which `bench diff` computes noise: a list of
            samples; {words, errors} with the `parts` of each that a bootstrap draws; or {count, hours}.
        percent: Which percentile of the samples `value` is.
    """

    name: str
    value: float
    unit: str
    method: str
    target: Target | None = None
    suspended: str | None = None
    data: str = ""
    percent: float | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without a target, or if the verdict is suspended."""
        return None if self.target is None or self.suspended else self.target.is_met(self.value)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot: y over x, with the intervals from `low` to `high` if there are any."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A plot's data.

    `x_limits` and `y_limits` are targets, drawn across the plot. With `x_names` the x axis has these names, at 0, 1 and
    so on, instead of numbers.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    x_limits: tuple[float, ...] = ()
    y_limits: tuple[float, ...] = ()
    x_names: tuple[str, ...] = ()


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
        definition: What exactly was measured, in paragraphs and lists ("- ").
    """

    name: str
    measures: tuple[Measure, ...]
    notes: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    plots: tuple[Plot, ...] = ()
    definition: str = ""

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


def percentile_measures(
    name: str, values: Sequence[float], targets: Mapping[int, Target | None], *, method: str, data: str
) -> tuple[Measure, ...]:
    """The percentiles of times in ms that `targets` has, 100 as the longest; none without values.

    Args:
        name: What the times are.
        values: The times in ms.
        targets: The target of each percentile.
        method: How they were measured, one line.
        data: The entry of `Figure.details` that holds the values.
    """
    return tuple(
        Measure(
            name=f"{name}, longest" if percent == 100 else f"{name}, p{percent}",
            value=percentile(values, percent),
            unit="ms",
            target=target,
            method=method,
            data=data,
            percent=percent,
        )
        for percent, target in (targets if len(values) else {}).items()
    )


def share_line(label: str, values: Sequence[float]) -> Line:
    """The share of values, in percent, that are no larger than x."""
    ordered = sorted(values)
    return Line(label, ordered, [100 * (i + 1) / len(ordered) for i in range(len(ordered))])


def thinned(line: Line) -> Line:
    """At most `MAX_POINTS` of a line's points, evenly chosen, with the first and the last."""
    if len(line.x) <= MAX_POINTS:
        return line
    kept = [round(i * (len(line.x) - 1) / (MAX_POINTS - 1)) for i in range(MAX_POINTS)]
    x, y, low, high = ([values[i] for i in kept] if values else () for values in (line.x, line.y, line.low, line.high))
    return Line(line.label, x, y, low, high)


def number_text(value: float) -> str:
    """Whole numbers unchanged, others with three significant digits, at most `MAX_DECIMALS`, and no exponent."""
    if value == int(value):
        return str(int(value))
    num_decimals = min(MAX_DECIMALS, max(0, SIGNIFICANT - 1 - math.floor(math.log10(abs(value)))))
    return f"{value:.{num_decimals}f}"
