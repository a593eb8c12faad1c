"""Runs of the bench's command with instant figures. In: figures, arguments. Out: status, report, document."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from voxtide.bench import command
from voxtide.bench.figure import Figure, Line, Measure, Plot
from voxtide.bench.figures import plans
from voxtide.bench.figures.plans import FigureEntry
from voxtide.bench.load.session import BenchSession
from voxtide.bench.progress import RunOutput
from voxtide.errors import VoxtideError

Measurer = Callable[[BenchSession], Awaitable[Figure]]


async def good(session: BenchSession) -> Figure:
    """Measures how many recordings there are."""
    plot = Plot(name="good", title="t", x_label="x", y_label="y", lines=(Line("a", [1, 2], [3, 4]),), x_limits=(1.5,))
    measure = Measure(name="recordings", value=len(session.recordings), unit="", method="counted")
    return Figure(name="good", measures=(measure,), errors=("a -> b",), plots=(plot,))


async def bad(session: BenchSession) -> Figure:
    """Cannot be measured."""
    raise VoxtideError("there is no audio")


def entry(measure: Measurer, **facts: Any) -> FigureEntry:
    return FigureEntry(measure=measure, area="accuracy", seconds={"quick": 1.0, "standard": 2.0, "full": 3.0}, **facts)


def use_figures(monkeypatch: pytest.MonkeyPatch, **measures: Measurer) -> None:
    """Have these figures and no other, all of them in every plan."""
    entries = {name: entry(measure) for name, measure in measures.items()}
    for module in (command, plans):
        monkeypatch.setattr(module, "FIGURES", entries)
    monkeypatch.setattr(plans, "PLANS", {size: tuple((name, size) for name in entries) for size in plans.PLANS})


def bench(*arguments: str | Path) -> tuple[int, list[str], dict[str, Any]]:
    """Exit status, the lines of the report without the one that names the files, and the document."""
    out = io.StringIO()
    status = command.main(["--engine", "scripted", *map(str, arguments)], RunOutput(out, io.StringIO()))
    *lines, last = out.getvalue().splitlines()
    paths = last.removeprefix("results: ").split(", ")
    return status, lines, json.loads(Path(paths[-1]).read_text("utf-8"))


def read(path: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
    return document
