"""The page's files: no external or inline resources, no unused or long files."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.source_tree import PACKAGE

WEB = PACKAGE / "web"
SOURCES = sorted(path for path in WEB.rglob("*") if path.suffix in {".html", ".css", ".js", ".svg"})
MAX_LINES = 300


def used_by(path: Path) -> set[Path]:
    """The files that a source refers to."""
    named = re.findall(r"""(?:from|src|href|url\(|new URL\()=?\s*\(?["']([\w./-]+\.\w+)["']""", path.read_text("utf-8"))
    return {(path.parent / name).resolve() for name in named}


def test_every_file_is_used_and_every_reference_exists() -> None:
    used = {WEB / "index.html"}.union(*map(used_by, SOURCES))
    there = {path for path in WEB.rglob("*") if path.is_file() and path.suffix != ".md"}
    assert used == there


def test_no_external_resources() -> None:
    for path in SOURCES:
        text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")  # a namespace, not a URL
        assert not re.search(r"""["'(]\s*(?:https?:)?//""", text), path


def test_no_inline_code_or_styles() -> None:
    page = (WEB / "index.html").read_text("utf-8")
    assert not re.search(r"""<style|\sstyle=|\son\w+=|<script(?![^>]* src=)|javascript:""", page)
    policy = re.search(r"""content="(default-src[^"]+)""", page)
    assert policy
    assert "unsafe" not in policy[1]
    assert "default-src 'none'" in policy[1]


def test_files_are_short() -> None:
    assert len(SOURCES) > 20
    assert [path.name for path in SOURCES if path.read_text("utf-8").count("\n") > MAX_LINES] == []
