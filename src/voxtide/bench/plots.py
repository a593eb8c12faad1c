"""Plots as SVG files. In: what to draw. Out: files in a directory. The only module that knows matplotlib."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from voxtide.bench.figure import Plot
from voxtide.errors import MissingExtraError

SIZE_INCHES = (7.0, 4.0)
MAX_MARKERS = 40
"""Points of a line that are marked one by one; more would hide the line."""


def draw(plots: Iterable[Plot], directory: Path) -> list[Path]:
    """One file for each plot, named after it. Limits are dashed.

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
        for line in plot.lines:
            marker = "o" if len(line.x) <= MAX_MARKERS else ""
            axes.plot(line.x, line.y, marker=marker, markersize=3, label=line.label)
        for limit in plot.x_limits:
            axes.axvline(limit, color="grey", linestyle="--", linewidth=0.8)
        for limit in plot.y_limits:
            axes.axhline(limit, color="grey", linestyle="--", linewidth=0.8)
        axes.set(title=plot.title, xlabel=plot.x_label, ylabel=plot.y_label)
        axes.legend()
        axes.grid(alpha=0.3)
        paths.append(directory / f"{plot.name}.svg")
        with rc_context({"svg.hashsalt": "voxtide"}):  # this, and no date: the same numbers give the same file
            figure.savefig(paths[-1], metadata={"Date": None})
    return paths
