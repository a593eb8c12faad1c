"""Formats figures. In: figures. Out: lines of text, one JSON document, SVG plots. The only user of matplotlib."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from voxtide.bench.figure import Figure, Measure, Plot
from voxtide.errors import MissingExtraError

NAME_COLUMNS = 40
SIGNIFICANT = 3


def lines_of(figure: Figure, *, is_verbose: bool) -> list[str]:
    """A figure as text: each number with its target and its method on one line."""
    lines = [figure.name, *(f"  {_line(measure)}" for measure in figure.measures)]
    lines += [f"  note: {note}" for note in figure.notes]
    if is_verbose:
        lines += [f"    {error}" for error in figure.errors]
    return lines


def _line(measure: Measure) -> str:
    mark = "noisy " if measure.suspended else {True: "met   ", False: "MISSED", None: "      "}[measure.is_met]
    value = f"{_number(measure.value)} {measure.unit}".strip()
    target = f"{measure.target.sign} {_number(measure.target.limit)}" if measure.target else ""
    return f"{mark}  {measure.name:<{NAME_COLUMNS}} {value:>14}  {target:<8}  {measure.method}"


def _number(value: float) -> str:
    """Whole numbers unchanged, others with three significant digits and no exponent."""
    if value == int(value):
        return str(int(value))
    num_decimals = max(0, SIGNIFICANT - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{num_decimals}f}"


def document(figures: Sequence[Figure], *, failures: dict[str, str], about: dict[str, Any]) -> dict[str, Any]:
    """Everything measured, ready for JSON, with six significant digits."""
    whole = {
        **about,
        "figures": {figure.name: _figure(figure) for figure in figures},
        "failures": failures,
    }
    rounded: dict[str, Any] = _rounded(whole)
    return rounded


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "measures": [_measure(measure) for measure in figure.measures],
        "notes": list(figure.notes),
        "errors": list(figure.errors),
        "details": figure.details,
    }


def _measure(measure: Measure) -> dict[str, Any]:
    target = {"sign": measure.target.sign, "limit": measure.target.limit} if measure.target else None
    return {
        "name": measure.name,
        "value": measure.value,
        "unit": measure.unit,
        "target": target,
        "is_met": measure.is_met,
        "suspended": measure.suspended,
        "method": measure.method,
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    return value


SIZE_INCHES = (7.0, 4.0)
MAX_MARKERS = 40
"""Lines with more points are drawn without markers, which would cover them."""

LINE_STYLES = ("-", "--", ":", "-.", (0, (8, 2)), (0, (5, 1, 1, 1, 1, 1)), (0, (1, 4)), (0, (8, 2, 2, 2)))
"""Lines differ in black and white, too."""


def draw(plots: Iterable[Plot], directory: Path) -> list[Path]:
    """Write one file per plot, named after it. Limits are dashed.

    Raises:
        MissingExtraError: The bench extra is not installed.
        OSError: The files cannot be written.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError("matplotlib", "bench", "drawing plots") from error

    paths = []
    for plot in plots:
        figure = Figure(figsize=SIZE_INCHES, layout="constrained")
        axes = figure.add_subplot()
        for line, style in zip(plot.lines, cycle(LINE_STYLES), strict=False):
            marker = "o" if len(line.x) <= MAX_MARKERS else ""
            axes.plot(line.x, line.y, linestyle=style, marker=marker, markersize=3, label=line.label)
        for limit in plot.x_limits:
            axes.axvline(limit, color="grey", linestyle="--", linewidth=0.8)
        for limit in plot.y_limits:
            axes.axhline(limit, color="grey", linestyle="--", linewidth=0.8)
        axes.set(title=plot.title, xlabel=plot.x_label, ylabel=plot.y_label)
        axes.legend()
        axes.grid(alpha=0.3)
        paths.append(directory / f"{plot.name}.svg")
        with rc_context({"svg.hashsalt": "voxtide"}):  # with this and without a date, equal numbers give equal files
            figure.savefig(paths[-1], metadata={"Date": None})
    return paths
