"""One HTML file for a run. In: run. Out: a page that loads nothing else and needs no script.

Every text is escaped. Verdicts are words, and lines of plots differ in dash and marker, so colour carries nothing.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from voxtide.bench.figure import number_text
from voxtide.bench.machine import without_home
from voxtide.bench.reports.document import FigureResult, MeasureResult, RunDocument, run_of
from voxtide.bench.reports.plots import inline_svg
from voxtide.bench.reports.values import is_number
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
    return page(run_of(document))


def page(run: RunDocument) -> str:
    """The page for a run."""
    style = (files(__package__) / "report.css").read_text("utf-8")
    title = _text(f"voxtide bench: {run.subject}")
    plots, remark = _drawn(run)
    parts = [
        HEAD.format(title=title, style=style),
        f"<header>\n<h1>{title}</h1>\n{_began(run)}</header>\n<main>\n",
        _banner(run),
        *_facts(run),
        "<h2>Summary</h2>\n",
        f"<p>{_text(_count(run))}</p>\n",
        _summary(run),
        remark,
        *(_figure(figure, index, svgs) for index, (figure, svgs) in enumerate(zip(run.figures, plots, strict=True))),
        "</main>\n</body>\n</html>\n",
    ]
    return "".join(parts)


def _text(value: object) -> str:
    return escape(str(value), quote=True)


def _drawn(run: RunDocument) -> tuple[list[list[str]], str]:
    """The plots of each figure, and a paragraph for a reader who misses them."""
    number = 0
    drawn: list[list[str]] = []
    try:
        for figure in run.figures:
            drawn.append([])
            for plot in figure.plots:
                number += 1
                drawn[-1].append(
                    f'<figure role="img" aria-label="{_text(plot.title)}">{inline_svg(plot, number)}</figure>\n'
                )
    except MissingExtraError as error:
        return [[] for _ in run.figures], f'<p class="note">No plots: {_text(without_home(str(error)))}</p>\n'
    return drawn, ""


def _began(run: RunDocument) -> str:
    """When, for how long, and how thorough."""
    about, facts = run.about, []
    if began := about.get("began"):
        facts.append(f"Began {began}")
    if is_number(took_s := about.get("took_s")):
        facts.append(f"took {took_s / 60:.1f} min" if took_s >= 60 else f"took {took_s:.0f} s")
    if plan := about.get("plan"):
        facts.append(f"plan {plan}")
    if about.get("is_quick"):
        facts.append("a first impression, with fewer samples")
    return f"<p>{_text(', '.join(facts))}</p>\n" if facts else ""


def _banner(run: RunDocument) -> str:
    """What a reader must know before any number."""
    failures = [f"{name}: {reason}" for name, reason in run.failures.items()]
    left_out = [f"{name}: {reason}" for name, reason in run.not_measured.items()]
    noisy = "Latencies and costs are worse for it, and have no verdict. Repeat the run on an idle machine."
    busy = [f"{it}: other programs kept {n:.2f} cores busy, over {run.noisy_cores:.2f}" for it, n in run.noisy.items()]
    unfinished = [] if run.about.get("is_complete", True) else ["It was stopped, or these are its results so far."]
    boxes = [
        _box("⚠ The run is not complete.", "", unfinished),
        _box("⚠ The machine was noisy.", noisy, busy),
        _box("⚠ Something failed.", "", failures),
        _box("Not measured", "", left_out),
    ]
    return "".join(boxes)


def _box(head: str, text: str, items: Sequence[str]) -> str:
    """A frame around a list; empty without items."""
    listed = "".join(f"<li>{_text(item)}</li>" for item in items)
    return f'<div class="banner"><strong>{head}</strong> {text}<ul>{listed}</ul></div>\n' if items else ""


def _facts(run: RunDocument) -> Iterator[str]:
    """The machine, the engine and the command."""
    facts = {name: value for name, value in run.machine.items() if value is not None}
    engine = {"engine": run.engine.get("name"), "model": run.engine.get("model")}
    rows = {name: value for name, value in engine.items() if value} | facts
    items = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>" for name, value in rows.items())
    yield f"<h2>What was measured, and where</h2>\n<dl>{items}</dl>\n"
    yield f"<p>The command:</p>\n<pre><code>{_text(command_of(run))}</code></pre>\n"


def command_of(run: RunDocument) -> str:
    """The command that measures the same again, without paths of its output."""
    about, engine = run.about, run.engine
    names, areas = (_names(about.get(key)) for key in ("names", "only"))
    if "plan" not in about:
        names = [figure.name for figure in run.figures]
    plan = about.get("plan") or ("quick" if about.get("is_quick") else "standard")
    words = ["voxtide", "bench", *names]
    words += [word for area in areas for word in ("--only", area)]
    words += [] if plan == "standard" else [f"--{plan}"]
    options = {"engine": engine.get("name"), "model": engine.get("model")}
    options |= {option: about.get(option) for option in ("server", "corpus", "language", "price")}
    for option, value in options.items():
        words += [f"--{option}", str(value)] if value else []
    return shlex.join(words)


def _names(value: Any) -> list[str]:
    return [str(it) for it in value] if isinstance(value, list) else []


def verdict(measure: MeasureResult) -> str:
    """The verdict as a symbol and words; empty without a target."""
    return VERDICTS[measure.is_met] if measure.target else ""


def _count(run: RunDocument) -> str:
    verdicts = [measure.is_met for figure in run.figures for measure in figure.measures if measure.target]
    names = {True: "met", False: "missed", None: "without a verdict"}
    counted = [f"{verdicts.count(it)} {name}" for it, name in names.items()]
    num_numbers = sum(len(figure.measures) for figure in run.figures)
    return f"{num_numbers} numbers, {len(verdicts)} of them with a target: {', '.join(counted)}."


def _summary(run: RunDocument) -> str:
    rows = (
        _row(measure, f'<td><a href="#figure-{index}">{_text(figure.name)}</a></td>')
        for index, figure in enumerate(run.figures)
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
    reasons = dict.fromkeys(it.suspended for it in figure.measures if it.suspended)
    suspended = "".join(f'<p class="note">Without a verdict: {_text(reason)}</p>\n' for reason in reasons)
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
    listed = "".join(f"<li>{_inline(item)}</li>" for item in items)
    return (f"<p>{_inline(lead)}</p>\n" if lead else "") + (f"<ul>{listed}</ul>\n" if items else "")


def _inline(text: str) -> str:
    """Text of a docstring: `code` and *emphasis*."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", _text(" ".join(text.split())))
    return re.sub(r"\*(\w[^*<]*)\*", r"<em>\1</em>", marked)


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
