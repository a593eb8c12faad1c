"""The page in a browser: both colour schemes, paper, a phone, and no request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.support import chromium
from tests.support.bench_documents import rich
from voxtide.bench.reports.html import html_report

MIN_CONTRAST = 4.5
"""WCAG 2.2 AA, for text."""

COLOURS = "e => [getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
LINE_COLOURS = "() => [...document.querySelectorAll('svg path')].map(e => getComputedStyle(e).stroke)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium.running(Path(str(files("voxtide.data") / "beckett.wav"))) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Iterator[Page]:
    """The page opened from a file; requests and errors fail the test."""
    (tmp_path / "report.html").write_text(html_report(rich()), "utf-8")
    problems: list[str] = []
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    page.on("request", lambda request: problems.append(request.url) if "report.html" not in request.url else None)
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto((tmp_path / "report.html").as_uri())
    yield page
    page.close()
    assert problems == []


def brightness(colour: str) -> float:
    """Relative luminance of "rgb(r, g, b)", as WCAG defines it."""
    shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    dark, bright = sorted((brightness(first), brightness(second)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_lines_stand_out_in_both_schemes(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    ink, paper = page.evaluate(COLOURS)
    assert (brightness(paper) < 0.1) == (scheme == "dark")
    assert contrast(ink, paper) > MIN_CONTRAST
    lines = {colour for colour in page.evaluate(LINE_COLOURS) if colour.startswith("rgb(")}
    assert len(lines) >= 3, "two lines and the frame"
    assert min(contrast(line, paper) for line in lines) > 3, "WCAG 2.2 AA, for graphics"


def test_paper_is_white_and_has_what_the_screen_folds_away(page: Page) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    ink, paper = page.evaluate(COLOURS)
    assert brightness(paper) == 1 and contrast(ink, paper) > MIN_CONTRAST
    folded = page.get_by_text("pre pen")
    assert folded.bounding_box() is not None and folded.is_visible()
    page.emulate_media(media="screen")
    assert not folded.is_visible()


def test_a_phone_does_not_scroll_sideways(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
