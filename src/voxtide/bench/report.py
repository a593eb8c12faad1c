"""Formats figures. In: figures. Out: lines of text, one JSON document. Draws nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from voxtide.bench.figure import FORMAT, Figure, Measure, Plot, number_text, thinned
from voxtide.bench.machine import without_home
from voxtide.bench.tables import fitted, wrapped
from voxtide.transcript.cues import num_columns

NAME_COLUMNS = 40
INDENT = " " * len("  MISSED  ")


def lines_of(figure: Figure, *, is_verbose: bool, max_columns: int | None = None) -> list[str]:
    """A figure as text: each number with its target and its method.

    Args:
        figure: The figure.
        is_verbose: Whether to list the errors.
        max_columns: The width of a terminal, on which a method that does not fit has lines of its own; None for one
            line per number.
    """
    lines = [figure.name]
    for measure in figure.measures:
        lines += _lines(measure, max_columns)
    for note in figure.notes:
        lines += fitted(f"  note: {note}", max_columns, indent="    ")
    if is_verbose:
        for error in figure.errors:
            lines += fitted(f"    {error}", max_columns, indent="      ")
    return lines


def _lines(measure: Measure, max_columns: int | None) -> list[str]:
    mark = "noisy " if measure.suspended else {True: "met   ", False: "MISSED", None: "      "}[measure.is_met]
    value = f"{number_text(measure.value)} {measure.unit}".strip()
    target = f"{measure.target.sign} {number_text(measure.target.limit)}" if measure.target else ""
    number = f"  {mark}  {measure.name:<{NAME_COLUMNS}} {value:>14}  {target:<8}"
    line = f"{number}  {measure.method}"
    if max_columns is None or num_columns(line) <= max_columns:
        return [line]
    return [number.rstrip(), *wrapped(measure.method, max_columns, first=INDENT, indent=INDENT)]


def document(figures: Sequence[Figure], *, failures: dict[str, str], about: dict[str, Any]) -> dict[str, Any]:
    """Everything measured, ready for JSON, with six significant digits, and without the name of the home directory."""
    whole = {
        "format": FORMAT,
        **about,
        "figures": {figure.name: _figure(figure) for figure in figures},
        "failures": failures,
    }
    ready: dict[str, Any] = _ready(whole)
    return ready


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "definition": figure.definition,
        "measures": [_measure(measure) for measure in figure.measures],
        "notes": list(figure.notes),
        "errors": list(figure.errors),
        "plots": [_plot(plot) for plot in figure.plots],
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
        "data": measure.data,
        "percent": measure.percent,
    }


def _plot(plot: Plot) -> dict[str, Any]:
    return {**asdict(plot), "lines": [asdict(thinned(line)) for line in plot.lines]}


def _ready(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, str):
        return without_home(value)
    if isinstance(value, dict):
        return {key: _ready(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_ready(inner) for inner in value]
    return value
