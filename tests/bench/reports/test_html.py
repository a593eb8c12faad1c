"""The page: well-formed, self-contained, complete, and with every name escaped."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.support.bench_documents import of_measure, rich, written
from voxtide.bench.figure import Figure, Measure, Target
from voxtide.bench.reports import html
from voxtide.bench.reports.document import run_of
from voxtide.bench.reports.html import command_of, html_report

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """Checks that elements nest, and collects ids, links and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"{name} would run a script"
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href", "srcset", "action", "data"):
                self.links.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    text = html_report(rich())
    page = Page(text)
    assert "svg" in page.tags and not page.tags & {"script", "link", "img", "iframe", "object"}
    assert page.links and all(link.startswith("#") for link in page.links)
    assert "@import" not in text
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]+)\)", text))
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links} <= set(page.ids)


def test_the_page_has_everything() -> None:
    text = " ".join(Page(html_report(rich())).text.split())
    for wanted in (
        "voxtide bench: moonshine (moonshine-tiny-en)",
        "Began 2026-01-02T03:04:05+00:00, took 1.5 min",
        "A Processor",
        "voxtide bench words --engine moonshine --model moonshine-tiny-en",
        "3 numbers, 2 of them with a target: 1 met, 1 missed, 0 without a verdict.",
        "✓ met",
        "✗ missed",
        "≤ 60",
        "Something failed.",
        "hour: stopped by Ctrl-C",
        "Latency of words.",
        "first: the end of the word, to its text.",
        "chunks were fed 2 ms late",
        "From a word to its text",
        "2 errors",
        "talk 1 pre pen prepend".replace(" ", ""),
    ):
        assert wanted in text or wanted in text.replace(" ", ""), wanted
    assert "noisy" not in text


def test_a_definition_has_paragraphs_lists_and_marks() -> None:
    text = html_report(rich())
    assert "<p>Latency of words.</p>" in text and "<p>Each recording is <code>played</code>.</p>" in text
    assert "<li>first: the end of the word, to its text.</li><li>last: <em>more</em> of it, 2 * 3 * 4</li>" in text


def test_a_noisy_machine_is_a_banner_and_there_is_no_verdict() -> None:
    whole = {**rich(), "noise": {"limit_cores": 0.1, "others_cores": {"words": 1.2}, "is_noisy": True}}
    whole["figures"]["words"]["measures"][1] |= {"is_met": None, "suspended": "a build ran"}
    text = Page(html_report(whole)).text
    assert "The machine was noisy." in text and "words: other programs kept 1.20 cores busy, over 0.10" in text
    assert "– no verdict" in text and "✗" not in text and "1 without a verdict" in text
    assert "Without a verdict: a build ran" in text


def test_a_run_that_did_not_finish_is_marked() -> None:
    mark = "The run is not complete."
    assert mark in html_report({**rich(), "is_complete": False})
    assert not any(mark in html_report(document) for document in (rich(), {**rich(), "is_complete": True}))


def test_what_was_left_out_is_named() -> None:
    text = Page(html_report({**rich(), "not_measured": {"memory": "a server's cannot be seen"}})).text
    assert "Not measured" in text and "memory: a server's cannot be seen" in text


HOSTILE = "<script>alert(1)</script>\"'&amp;\x00]]>--></style>"


def hostile(value: Any) -> Any:
    """The document with every text replaced."""
    if isinstance(value, dict):
        return {key: value[key] if key in ("sign", "is_met") else hostile(value[key]) for key in value}
    if isinstance(value, list):
        return [hostile(inner) for inner in value]
    return HOSTILE if isinstance(value, str) else value


def test_hostile_names_are_text() -> None:
    whole = hostile(rich())
    whole["figures"] = {HOSTILE: whole["figures"]["words"]}
    whole["failures"] = {HOSTILE: HOSTILE}
    whole["machine"][HOSTILE] = HOSTILE
    whole["noise"] = {"limit_cores": 0.1, "others_cores": {HOSTILE: 1.2}}
    whole |= {"plan": HOSTILE, "names": [HOSTILE], "server": HOSTILE, "not_measured": {HOSTILE: HOSTILE}}
    text = html_report(whole)
    page = Page(text)
    assert "script" not in page.tags and "\x00" not in text
    assert page.text.count("<script>alert(1)</script>\"'&amp;\ufffd]]>") > 20


def test_errors_are_bounded_and_the_rest_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MAX_ERRORS", 3)
    monkeypatch.setattr(html, "MAX_ERROR_CHARS", 10)
    errors = tuple(f"talk {i}: {'long ' * 10} -> b" for i in range(5))
    text = Page(html_report(written(Figure(name="f", measures=(), errors=errors)))).text
    assert "5 errors" in text and "2 more are in the JSON document." in text
    assert "talk 2" in text and "talk 3" not in text
    assert "long long…" in text


def test_lines_without_two_texts_are_a_list() -> None:
    page = Page(html_report(written(Figure(name="f", measures=(), errors=("no latency: it at 10.75 s",)))))
    assert "no latency: it at 10.75 s" in page.text and "Final text" not in page.text


def test_a_measure_without_a_target_has_no_verdict() -> None:
    text = html_report(of_measure(value=0.0123))
    assert "0.0123" in text and "0 of them with a target" in text
    assert not any(mark in text for mark in ("✓", "✗", "– no"))


def test_a_page_without_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    page = Page(html_report(rich()))
    assert "svg" not in page.tags and "No plots: " in page.text and "bench" in page.text


@pytest.mark.parametrize(
    ("about", "arguments"),
    [
        ({}, "words --engine moonshine --model moonshine-tiny-en"),
        ({"is_quick": True}, "words --quick --engine moonshine --model moonshine-tiny-en"),
        (
            {
                "plan": "full",
                "names": ["cost"],
                "only": ["flush", "latency"],
                "corpus": "a b",
                "language": "fr",
                "price": 0.08,
                "engine": {"name": "vllm", "model": "t"},
            },
            "cost --only flush --only latency --full --engine vllm --model t --corpus 'a b' --language fr --price 0.08",
        ),
        (
            {"plan": "standard", "names": [], "only": [], "server": "http://a", "engine": {"name": "remote"}},
            "--engine remote --server http://a",
        ),
    ],
)
def test_the_command_repeats_the_run(about: dict[str, Any], arguments: str) -> None:
    measure = Measure(name="a", value=1, unit="", method="", target=Target("<=", 2))
    run = run_of(written(Figure(name="words", measures=(measure,)), **about))
    assert command_of(run) == f"voxtide bench {arguments}"
