"""Unit tests of the page's modules, in the browser: each exported function of a file in unit/ is a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

UNITS = Path(__file__).parent / "unit"
TESTS = [
    (path.name, name)
    for path in sorted(UNITS.glob("*.js"))
    for name in re.findall(r"^export (?:async )?function (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize(("file", "name"), TESTS, ids=lambda part: part.removesuffix(".js"))
def test_unit(empty_page: Page, file: str, name: str) -> None:
    empty_page.evaluate(f"import('/unit/{file}').then((tests) => tests.{name}())")


def test_a_failing_unit_test_fails(empty_page: Page) -> None:
    with pytest.raises(Exception, match="1 is not 2"):
        empty_page.evaluate("import('/unit/check.js').then(({ equal }) => equal(1, 2))")
