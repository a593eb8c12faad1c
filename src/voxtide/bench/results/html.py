"""One HTML file for a run. In: results. Out: a page that loads nothing else and needs no script.

Every text is escaped. Verdicts are words, and lines of plots differ in dash and marker, so colour carries nothing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from html import escape
from importlib.resources import files
from typing import Any

from voxtide.bench.report import number_text
from voxtide.bench.results.document import FigureResult, MeasureResult, Results, results_of
from voxtide.bench.results.plots import inline_svg
from voxtide.errors import MissingExtraError

MAX_ERRORS = 1_000
"""Errors listed per figure, some 100 kB of the page. The JSON document has every one."""

MAX_ERROR_CHARS = 400
"""Of a column of an error, longer ones are cut: half a minute of speech."""

MAX_DEFINITION_CHARS = 10_000

VERDICTS = {True: "✓ met", False: "✗ missed", None: "– no verdict"}

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
"""


def html_report(document: dict[str, Any]) -> str:
    """The page for a JSON document of the bench. Without matplotlib it has no plots, and states so.

    Raises:
        ConfigError: It is no document of the bench, or of another version.
    """
    return page(results_of(document))


def page(results: Results) -> str:
    """The page for a run."""
    style = (files(__package__) / "report.css").read_text("utf-8")
    title = _text(f"voxtide bench: {results.subject}")
    plots, remark = _drawn(results)
    parts = [
        HEAD.format(title=title, style=style),
        f"<header>\n<h1>{title}</h1>\n{_began(results)}</header>\n<main>\n",
        _banner(results),
        *_run(results),
        "<h2>Summary</h2>\n",
        f"<p>{_text(_count(results))}</p>\n",
        _summary(results),
        remark,
        *(
            _figure(figure, index, svgs)
            for index, (figure, svgs) in enumerate(zip(results.figures, plots, strict=True))
        ),
        "</main>\n</body>\n</html>\n",
    ]
    return "".join(parts)


def _text(value: object) -> str:
    return escape(str(value), quote=True)


def _drawn(results: Results) -> tuple[list[list[str]], str]:
    """The plots of each figure, and a paragraph for a reader who misses them."""
    number = 0
    drawn: list[list[str]] = []
    try:
        for figure in results.figures:
            drawn.append([])
            for plot in figure.plots:
                number += 1
                drawn[-1].append(
                    f'<figure role="img" aria-label="{_text(plot.title)}">{inline_svg(plot, number)}</figure>\n'
                )
    except MissingExtraError as error:
        return [[] for _ in results.figures], f'<p class="note">No plots: {_text(error)}</p>\n'
    return drawn, ""


def _began(results: Results) -> str:
    """When, for how long, and how thorough."""
    about, facts = results.about, []
    if began := about.get("began"):
        facts.append(f"Began {began}")
    if isinstance(took_s := about.get("took_s"), int | float):
        facts.append(f"took {took_s / 60:.1f} min" if took_s >= 60 else f"took {took_s:.0f} s")
    if about.get("is_quick"):
        facts.append("quick: a first impression, with fewer samples")
    return f"<p>{_text(', '.join(facts))}</p>\n" if facts else ""


def _banner(results: Results) -> str:
    """What a reader must know before any number."""
    boxes = []
    if results.noisy:
        items = "".join(f"<li>{_text(reason)}</li>" for reason in results.noisy)
        boxes.append(
            "<strong>⚠ The machine was noisy.</strong> Other programs used it meanwhile, which worsens latencies and "
            f"costs. Repeat the run on an idle machine for verdicts.<ul>{items}</ul>"
        )
    if results.failures:
        items = "".join(f"<li>{_text(name)}: {_text(reason)}</li>" for name, reason in results.failures.items())
        boxes.append(f"<strong>⚠ Not everything was measured.</strong><ul>{items}</ul>")
    return "".join(f'<div class="banner" role="note">{box}</div>\n' for box in boxes)


def _run(results: Results) -> Iterator[str]:
    """The machine, the engine and the command."""
    facts = {name: value for name, value in results.machine.items() if value is not None}
    engine = {name: results.engine[name] for name in ("name", "model") if results.engine.get(name)}
    rows = {f"engine {name}" if name == "model" else "engine": value for name, value in engine.items()} | facts
    items = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in rows.items())
    yield f"<h2>What was measured, and where</h2>\n<dl>{items}</dl>\n"
    yield f"<p>The command:</p>\n<pre><code>{_text(command_of(results))}</code></pre>\n"


def command_of(results: Results) -> str:
    """The command that repeats the run. Documents without it have the options that other entries show."""
    command = results.about.get("command")
    if isinstance(command, str) and command:
        return command
    words = ["python", "-m", "voxtide.bench", *(figure.name for figure in results.figures)]
    for option in ("name", "model"):
        if value := results.engine.get(option):
            words += ["--engine" if option == "name" else "--model", str(value)]
    return shlex.join([*words, *(["--quick"] if results.about.get("is_quick") else [])])


def verdict(measure: MeasureResult) -> str:
    """The verdict as a symbol and words; empty without a target."""
    return VERDICTS[measure.is_met] if measure.target else ""


def _count(results: Results) -> str:
    verdicts = [measure.is_met for figure in results.figures for measure in figure.measures if measure.target]
    names = {True: "met", False: "missed", None: "without a verdict"}
    counted = [f"{verdicts.count(it)} {name}" for it, name in names.items()]
    num_numbers = sum(len(figure.measures) for figure in results.figures)
    return f"{num_numbers} numbers, {len(verdicts)} of them with a target: {', '.join(counted)}."


def _summary(results: Results) -> str:
    rows = (
        _row(measure, f'<td><a href="#figure-{index}">{_text(figure.name)}</a></td>')
        for index, figure in enumerate(results.figures)
        for measure in figure.measures
    )
    return _table(("Figure", "Number", "Value", "Target", "Verdict", "Method"), rows)


def _row(measure: MeasureResult, first: str = "") -> str:
    target = f"{measure.target.sign} {number_text(measure.target.limit)}" if measure.target else ""
    cells = (
        f'<th scope="row">{_text(measure.name)}</th>',
        f'<td class="number">{_text(number_text(measure.value))} {_text(measure.unit)}</td>',
        f'<td class="number">{_text(target.replace("<=", "≤").replace(">=", "≥"))}</td>',
        f'<td class="{ {True: "met", False: "missed", None: "open"}[measure.is_met] }">{_text(verdict(measure))}</td>',
        f"<td>{_text(measure.method)}</td>",
    )
    return first + "".join(cells)


def _table(heads: Iterable[str], rows: Iterable[str]) -> str:
    head = "".join(f'<th scope="col">{_text(it)}</th>' for it in heads)
    body = "".join(f"<tr>{row}</tr>\n" for row in rows)
    return f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table></div>\n'


def _figure(figure: FigureResult, index: int, svgs: list[str]) -> str:
    suspended = f'<p class="note">No verdicts: {_text(figure.suspended)}</p>\n' if figure.suspended else ""
    notes = "".join(f"<li>{_text(note)}</li>" for note in figure.notes)
    parts = [
        f'<section id="figure-{index}">\n<h2>{_text(figure.name)}</h2>\n',
        suspended,
        _definition(figure.definition),
        _table(("Number", "Value", "Target", "Verdict", "Method"), map(_row, figure.measures)),
        f"<ul>{notes}</ul>\n" if notes else "",
        *svgs,
        _errors(figure.errors),
        "</section>\n",
    ]
    return "".join(parts)


def _definition(text: str) -> str:
    """Paragraphs and lists of a definition, behind its first paragraph."""
    blocks = [_block(it) for it in text[:MAX_DEFINITION_CHARS].split("\n\n") if it.strip()]
    if not blocks:
        return ""
    rest = "".join(blocks[1:])
    return blocks[0] + (f"<details><summary>Definition</summary>\n{rest}</details>\n" if rest else "")


def _block(text: str) -> str:
    """A paragraph, or a list whose items begin with "- " and may have several lines."""
    lead, *items = re.split(r"(?:^|\n)- ", text.strip())
    listed = "".join(f"<li>{_code(item)}</li>" for item in items)
    return (f"<p>{_code(lead)}</p>\n" if lead else "") + (f"<ul>{listed}</ul>\n" if items else "")


def _code(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", _text(" ".join(text.split())))


def _errors(errors: tuple[str, ...]) -> str:
    """Where, what was spoken, what was written, side by side."""
    if not errors:
        return ""
    shown = errors[:MAX_ERRORS]
    if any(" -> " in line for line in shown):
        listed = _table(("Where", "Spoken, or shown first", "Final text"), map(_error, shown))
    else:
        listed = f"<ul>{''.join(f'<li>{_text(_cut(line))}</li>' for line in shown)}</ul>\n"
    num_more = len(errors) - MAX_ERRORS
    more = f"<p>{num_more} more are in the JSON document.</p>\n" if num_more > 0 else ""
    return f"<details><summary>{len(errors)} errors</summary>\n{listed}{more}</details>\n"


def _error(line: str) -> str:
    left, arrow, written = line.rpartition(" -> ")
    where, _, spoken = left.rpartition(": ")
    cells = (where, spoken, written) if arrow else (line,)
    columns = "" if arrow else ' colspan="3"'
    return "".join(f"<td{columns}>{_text(_cut(cell))}</td>" for cell in cells)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_ERROR_CHARS else f"{text[: MAX_ERROR_CHARS - 1]}…"
