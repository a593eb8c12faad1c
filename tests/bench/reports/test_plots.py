"""Plots: readable without colour, and fit for a page."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

from voxtide.bench.figure import Line, Plot
from voxtide.bench.reports.plots import STYLES, inline_svg


def plot(*labels: str, num_points: int = 4) -> Plot:
    x = [float(i) for i in range(num_points)]
    lines = tuple(Line(label, x, [i * 2.0 for i in x]) for label in labels)
    return Plot(name="p", title="A title", x_label="ms", y_label="%", lines=lines, y_limits=(3.0,))


def test_lines_differ_in_dash_and_marker() -> None:
    assert len({str(dashes) for _, dashes, _ in STYLES}) == len({marker for _, _, marker in STYLES}) == len(STYLES)
    dashes = set(re.findall(r"stroke-dasharray: ([\d., ]+)", inline_svg(plot("a", "b", "c", num_points=100), 1)))
    assert len(dashes) == 3, "two dashed lines and the target"


def test_a_long_line_has_some_markers() -> None:
    svg = inline_svg(plot("a", num_points=150), 1)
    assert 3 < svg.count("<use ") < 60


def test_text_is_text_and_names_are_not_markup() -> None:
    svg = inline_svg(plot(r"$\bad{$ <script>&"), 1)
    texts = {element.text for element in ElementTree.fromstring(svg).iter() if element.text}
    assert {"A title", "ms", "%", "target", r"$\bad{$ <script>&"} <= texts


def test_two_plots_share_no_id() -> None:
    first, second = (set(re.findall(r' id="([^"]+)"', inline_svg(plot("a"), number))) for number in (1, 2))
    assert first and not first & second


def test_colours_are_those_of_the_page() -> None:
    svg = inline_svg(plot("a", "b"), 1)
    assert "var(--line-1)" in svg and "var(--line-2)" in svg and "currentColor" in svg
    assert not any(colour in svg for colour, _, _ in STYLES)


def test_a_title_that_leaves_no_room_is_drawn_without_a_warning() -> None:
    assert "<svg" in inline_svg(replace(plot("a"), title="t\n" * 250), 1)
