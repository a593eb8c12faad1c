"""Draws plots. In: a plot's data. Out: SVG files, or SVG to put into a page. The only user of matplotlib.

Lines differ in dash and marker, so that a print in black and white can be read.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from voxtide.bench.figure import Line, Plot
from voxtide.bench.reports.replacing import replace_file
from voxtide.errors import MissingExtraError

SIZE_INCHES = (7.0, 4.0)
MAX_MARKERS = 25
"""Lines with more points have a marker about every tenth of the plot instead of one per point."""

INK = "#1f2328"
GRID = "#8c959f"
STYLES: tuple[tuple[str, Any, str], ...] = (
    ("#0072b2", "-", "o"),
    ("#d55e00", (0, (6, 2)), "s"),
    ("#00805d", (0, (6, 2, 1, 2)), "^"),
    ("#a0408f", (0, (2, 1.5)), "D"),
    ("#7a6400", (0, (10, 3)), "v"),
    ("#4d5761", (0, (6, 2, 1, 2, 1, 2)), "x"),
)
"""Colour, dashes [points on, off] and marker of the lines, in turn. The colours differ for colour-blind readers."""

SPREAD = 0.12
"""Distance on the x axis between two lines over the same names, whose intervals would cover each other."""

_PARAMETERS: Any = {
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # names may have dollar signs
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}

_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
"""Equal numbers give equal files."""


def draw(plots: Iterable[Plot], directory: Path) -> list[Path]:
    """Write one file per plot, named after it.

    Raises:
        MissingExtraError: The bench extra is not installed.
        OSError: The files cannot be written.
    """
    _matplotlib()  # raises without plots, too
    paths = []
    for plot in plots:
        paths.append(directory / f"{plot.name}.svg")
        replace_file(paths[-1], _svg(plot, salt="voxtide", is_transparent=False))
    return paths


def inline_svg(plot: Plot, number: int) -> str:
    """The plot as an element of an HTML page.

    Text has the page's font and colour. The page's style defines the colours of the lines as --line-1 and so on, and
    that of the grid as --grid.

    Args:
        plot: Its data.
        number: Different for each plot of the page, which keeps their ids apart.

    Raises:
        MissingExtraError: The bench extra is not installed.
    """
    text = _svg(plot, salt=f"voxtide-{number}", is_transparent=True).decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<style.*?</style>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    used = set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r'href="#([^"]+)"', text))
    text = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", text)
    for index, (colour, _, _) in enumerate(STYLES, start=1):
        text = text.replace(colour, f"var(--line-{index})")
    return text.replace(INK, "currentColor").replace(GRID, "var(--grid)")


def _matplotlib() -> tuple[Any, Any]:
    """Its `rc_context` and `Figure`."""
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError("matplotlib", "bench", "drawing plots") from error
    return rc_context, Figure


def _svg(plot: Plot, *, salt: str, is_transparent: bool) -> bytes:
    rc_context, make_figure = _matplotlib()
    with rc_context({**_PARAMETERS, "svg.hashsalt": salt}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # the reader's fonts have it, or show a box
        warnings.filterwarnings("ignore", message="constrained_layout")  # labels leave no room for the lines
        figure = make_figure(figsize=SIZE_INCHES, layout="constrained")
        axes = figure.add_subplot()
        for index, line in enumerate(plot.lines):
            _draw_line(axes, plot, line, index)
        _draw_limits(axes, plot)
        if plot.x_names:
            axes.set_xticks(range(len(plot.x_names)), plot.x_names)
        axes.set(title=plot.title, xlabel=plot.x_label, ylabel=plot.y_label)
        figure.legend(loc="outside lower center", ncols=3, frameon=False, handlelength=4)
        axes.grid(color=GRID, alpha=0.3)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata=_NO_METADATA, transparent=is_transparent)
    return file.getvalue()


def _draw_line(axes: Any, plot: Plot, line: Line, index: int) -> None:
    colour, dashes, _ = STYLES[index % len(STYLES)]
    marker = STYLES[(index + index // len(STYLES)) % len(STYLES)][2]  # more lines than styles differ in the marker
    x, style = list(line.x), dashes
    if plot.x_names:  # nothing lies between two names, so no line joins them
        x, style = [at + SPREAD * (index - (len(plot.lines) - 1) / 2) for at in x], "none"
    every = None if len(x) <= MAX_MARKERS else (0.02 * index, 0.1)
    looks = {"color": colour, "linestyle": style, "marker": marker, "markersize": 4, "markevery": every}
    if line.low:
        errors = [
            [max(0.0, y - low) for y, low in zip(line.y, line.low, strict=True)],
            [max(0.0, high - y) for y, high in zip(line.y, line.high, strict=True)],
        ]
        axes.errorbar(x, line.y, yerr=errors, capsize=3, label=line.label, **looks)
    else:
        axes.plot(x, line.y, label=line.label, **looks)


def _draw_limits(axes: Any, plot: Plot) -> None:
    """Targets, as thin lines with a legend of their own."""
    looks: dict[str, Any] = {"color": INK, "linestyle": (0, (1, 2)), "linewidth": 1.0}
    limits = [axes.axvline(limit, **looks) for limit in plot.x_limits]
    limits += [axes.axhline(limit, **looks) for limit in plot.y_limits]
    if limits:
        limits[0].set_label("target")
