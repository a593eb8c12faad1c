"""Figures for people and for programs. In: figures. Out: lines of text, one JSON document. Writes nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from voxtide.bench.figure import Figure, Measure
from voxtide.bench.profile import Share

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
    mark = {True: "met   ", False: "MISSED", None: "      "}[measure.is_met]
    value = f"{_number(measure.value)} {measure.unit}".strip()
    target = f"{measure.target.sign} {_number(measure.target.limit)}" if measure.target else ""
    return f"{mark}  {measure.name:<{NAME_COLUMNS}} {value:>14}  {target:<8}  {measure.method}"


def _number(value: float) -> str:
    """Whole numbers as they are, others with three significant digits and never an exponent."""
    if value == int(value):
        return str(int(value))
    num_decimals = max(0, SIGNIFICANT - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{num_decimals}f}"


def document(
    figures: Sequence[Figure], *, failures: dict[str, str], about: dict[str, Any], shares: Sequence[Share]
) -> dict[str, Any]:
    """Everything measured, as what JSON can hold. Numbers keep six significant digits."""
    whole = {
        **about,
        "figures": {figure.name: _figure(figure) for figure in figures},
        "failures": failures,
        "profile": [asdict(share) for share in shares],
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
