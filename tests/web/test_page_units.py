"""Unit tests of the page's modules, in the browser: each exported function of a file in unit/ is a test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.support.source_tree import PACKAGE

ORIGIN = "http://units.test"
UNITS = Path(__file__).parent / "unit"
ROOTS = {"web": PACKAGE / "web", "unit": UNITS}
TESTS = [
    (path.name, name)
    for path in sorted(UNITS.glob("*.js"))
    for name in re.findall(r"^export (?:async )?function (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
]


def serve(route: Route) -> None:
    """Modules of the package under /web, their tests under /unit, else an empty page."""
    folder, _, rest = route.request.url.removeprefix(f"{ORIGIN}/").partition("/")
    if folder in ROOTS:
        route.fulfill(path=ROOTS[folder] / rest)
    else:
        route.fulfill(body="<!doctype html><title>units</title>", content_type="text/html")


@pytest.fixture(scope="module")
def empty_page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.route(f"{ORIGIN}/**", serve)
    page.goto(f"{ORIGIN}/")
    yield page
    page.close()


@pytest.mark.parametrize(("file", "name"), TESTS, ids=lambda part: part.removesuffix(".js"))
def test_unit(empty_page: Page, file: str, name: str) -> None:
    empty_page.evaluate(f"import('/unit/{file}').then((tests) => tests.{name}())")


def test_a_failing_unit_test_fails(empty_page: Page) -> None:
    with pytest.raises(Exception, match="1 is not 2"):
        empty_page.evaluate("import('/unit/check.js').then(({ equal }) => equal(1, 2))")
