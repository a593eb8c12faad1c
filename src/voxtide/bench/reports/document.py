"""Reads the JSON document of a run. In: a file, or the parsed JSON. Out: a `RunDocument`. Knows no figure by name.

The file may be a document or the output of a run that ends in one. Everything is checked and has a limit, and text is
cleared of control characters, because a document may come from another machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voxtide.bench.figure import FORMAT, Line, Plot, Target, thinned
from voxtide.bench.reports.values import (
    MAX_NAME_CHARS,
    MAX_TEXT_CHARS,
    as_list,
    as_name,
    as_number,
    as_numbers,
    as_object,
    as_text,
    as_texts,
    clean,
    cleaned,
    within,
)
from voxtide.errors import ConfigError

MAX_FILE_BYTES = 64 * 1024 * 1024
"""A standard run writes less than a megabyte."""

MAX_MEASURES = 1_000
"""Numbers of a document. The largest run has fewer than 200; a comparison may draw 4,000 samples for each."""

MAX_SAMPLES = 1_000_000
"""Samples and parts behind all numbers: a minute or two of comparing. A corpus of 5 hours gives some 100,000."""

MAX_PLOTS = 50
"""Of a document. Each takes a tenth of a second to draw; the largest run has 9."""

MAX_LINES = 20
"""Of a plot, and the targets on each of its axes. Runs have up to four; more would look alike."""

MAX_POINTS = 1_000
"""Of a line; runs write at most 200."""

MAX_ERRORS = 100_000
"""Errors of a figure, one wrong passage each: a million words with every tenth wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureResult:
    """One number of a document, as `bench.figure.Measure`, with the verdict of the run.

    `is_met` is None without a target, and if the verdict is suspended; `suspended` is why, else empty. `data` is the
    entry of the figure's details that it names, None without one.
    """

    name: str
    value: float
    unit: str
    method: str
    target: Target | None
    is_met: bool | None
    suspended: str
    data: Any
    percent: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureResult:
    """One figure of a document, as `bench.figure.Figure`."""

    name: str
    definition: str
    measures: tuple[MeasureResult, ...]
    notes: tuple[str, ...]
    errors: tuple[str, ...]
    plots: tuple[Plot, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDocument:
    """A run that is done.

    Attributes:
        about: What the document says of the run besides the fields below: when, how long, options.
        machine: Processor, versions and commit by name.
        engine: The engine's properties by name; empty if none was opened.
        noisy: The figures measured on a noisy machine, with the cores that other programs kept busy.
        noisy_cores: More than this many made it noisy.
        figures: What was measured.
        failures: What failed, by name, and why.
        not_measured: What was left out, by name, and why.
    """

    about: Mapping[str, Any]
    machine: Mapping[str, Any]
    engine: Mapping[str, Any]
    noisy: Mapping[str, float]
    noisy_cores: float
    figures: tuple[FigureResult, ...]
    failures: Mapping[str, str]
    not_measured: Mapping[str, str]

    @property
    def subject(self) -> str:
        """The engine and the model that were measured."""
        model = self.engine.get("model")
        return f"{self.engine.get('name', 'no engine')}{f' ({model})' if model else ''}"


def read_run(path: Path) -> RunDocument:
    """Read a file.

    Raises:
        ConfigError: It cannot be read, or is no document that this version can read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except IsADirectoryError:
        raise ConfigError(f"{path} is a directory; name a result in it, such as results.json") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(content) > MAX_FILE_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_FILE_BYTES // 1024**2} MiB, so it is not a result of the bench")
    text = content.decode("utf-8", errors="replace").strip()
    lines = text.splitlines()
    document = _parsed(text) or _parsed(lines[-1] if lines else "")
    if document is None:
        raise ConfigError(f"{path} is not JSON; the bench writes its results with --json or --out")
    try:
        return run_of(document)
    except ConfigError as error:
        raise ConfigError(f"{path} is not a result of the bench: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path} is not a result of the bench: it is nested too deeply") from None


def _parsed(text: str) -> Any:
    """The JSON value, or None."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def run_of(document: Any) -> RunDocument:
    """Check a parsed document.

    Raises:
        ConfigError: It is no document of the bench, or of another version. Names the entry.
    """
    whole = as_object(document, "the file")
    if "figures" not in whole:
        raise ConfigError("it has no figures")
    if (number := whole.get("format", FORMAT)) != FORMAT:
        raise ConfigError(f"its format is {clean(str(number))[:40]}, and this version of voxtide reads {FORMAT}")
    figures = as_object(whole["figures"], "figures")
    parts = {"format", "machine", "engine", "noise", "figures", "failures", "not_measured"}
    limit, others = _noise(as_object(whole.get("noise", {}), "noise"))
    run = RunDocument(
        about=_facts({key: value for key, value in whole.items() if key not in parts}, "the file"),
        machine=_facts(whole.get("machine", {}), "machine"),
        engine=_facts(whole.get("engine", {}), "engine"),
        noisy={name: cores for name, cores in others.items() if cores > limit},
        noisy_cores=limit,
        figures=tuple(_figure(name, value) for name, value in figures.items()),
        failures=_reasons(whole.get("failures", {}), "failures"),
        not_measured=_reasons(whole.get("not_measured", {}), "not_measured"),
    )
    measures = [measure for figure in run.figures for measure in figure.measures]
    within(len(measures), MAX_MEASURES, "the file", "numbers")
    within(sum(len(figure.plots) for figure in run.figures), MAX_PLOTS, "the file", "plots")
    within(sum(map(_num_samples, measures)), MAX_SAMPLES, "the file", "samples behind its numbers")
    return run


def _num_samples(measure: MeasureResult) -> int:
    """How many samples or parts a comparison would draw from."""
    samples = measure.data.get("parts") if isinstance(measure.data, dict) else measure.data
    return len(samples) if isinstance(samples, list) else 0


def _facts(value: Any, where: str) -> dict[str, Any]:
    """Names and what they stand for, which reports write as text."""
    found = {as_name(name, where): cleaned(inner) for name, inner in as_object(value, where).items()}
    for name, inner in found.items():
        within(len(str(inner)), MAX_TEXT_CHARS, f"{where}.{name}", "characters")
    return found


def _noise(noise: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
    """More busy cores than which make a machine noisy, and those that other programs kept busy, by figure."""
    where = "noise.others_cores"
    others = {as_name(name, where): cores for name, cores in as_object(noise.get("others_cores", {}), where).items()}
    limit = as_number(noise.get("limit_cores", 0), "noise.limit_cores")
    return limit, {name: as_number(cores, f"{where}.{name}") for name, cores in others.items()}


def _reasons(value: Any, where: str) -> dict[str, str]:
    reasons = {as_name(name, where): reason for name, reason in as_object(value, where).items()}
    return {name: as_text(reason, f"{where}.{name}") for name, reason in reasons.items()}


def _figure(name: str, value: Any) -> FigureResult:
    name = as_name(name, "figures")
    where = f"figures.{name}"
    figure = as_object(value, where)
    details = as_object(figure.get("details", {}), f"{where}.details", limit=None)
    measures, plots = (as_list(figure.get(key, []), f"{where}.{key}") for key in ("measures", "plots"))
    return FigureResult(
        name=name,
        definition=as_text(figure.get("definition", ""), f"{where}.definition"),
        measures=tuple(_measure(it, f"{where}.measures[{i}]", details) for i, it in enumerate(measures)),
        notes=as_texts(figure.get("notes", []), f"{where}.notes"),
        errors=as_texts(figure.get("errors", []), f"{where}.errors", limit=MAX_ERRORS, max_chars=None),
        plots=tuple(_plot(it, f"{where}.plots[{i}]") for i, it in enumerate(plots)),
    )


def _measure(value: Any, where: str, details: Mapping[str, Any]) -> MeasureResult:
    measure = as_object(value, where)
    is_met, percent = measure.get("is_met"), measure.get("percent")
    if not (is_met is None or isinstance(is_met, bool)):
        raise ConfigError(f"{where}.is_met is not true, false or null")
    return MeasureResult(
        name=as_text(measure.get("name"), f"{where}.name", MAX_NAME_CHARS),
        value=as_number(measure.get("value"), f"{where}.value"),
        unit=as_text(measure.get("unit", ""), f"{where}.unit", MAX_NAME_CHARS),
        method=as_text(measure.get("method", ""), f"{where}.method"),
        target=_target(measure.get("target"), f"{where}.target"),
        is_met=is_met,
        suspended=as_text(measure.get("suspended") or "", f"{where}.suspended"),
        data=details.get(as_text(measure.get("data", ""), f"{where}.data")),
        percent=None if percent is None else as_number(percent, f"{where}.percent"),
    )


def _target(value: Any, where: str) -> Target | None:
    if value is None:
        return None
    target = as_object(value, where)
    sign = target.get("sign")
    if sign not in ("<=", ">="):
        raise ConfigError(f"{where}.sign is neither <= nor >=")
    return Target(sign, as_number(target.get("limit"), f"{where}.limit"))


def _plot(value: Any, where: str) -> Plot:
    plot = as_object(value, where)
    lines = as_list(plot.get("lines", []), f"{where}.lines", limit=MAX_LINES)
    return Plot(
        **{
            key: as_text(plot.get(key, ""), f"{where}.{key}", MAX_NAME_CHARS)
            for key in ("name", "title", "x_label", "y_label")
        },
        lines=tuple(_line(it, f"{where}.lines[{i}]") for i, it in enumerate(lines)),
        x_limits=as_numbers(plot.get("x_limits", []), f"{where}.x_limits", limit=MAX_LINES),
        y_limits=as_numbers(plot.get("y_limits", []), f"{where}.y_limits", limit=MAX_LINES),
        x_names=as_texts(plot.get("x_names", []), f"{where}.x_names", max_chars=MAX_NAME_CHARS),
    )


def _line(value: Any, where: str) -> Line:
    line = as_object(value, where)
    x, y, low, high = (
        as_numbers(line.get(key, []), f"{where}.{key}", limit=MAX_POINTS) for key in ("x", "y", "low", "high")
    )
    if not (len(x) == len(y) and len(low) == len(high) and len(low) in (0, len(x))):
        raise ConfigError(f"{where} has {len(x)} x, {len(y)} y, {len(low)} low and {len(high)} high")
    return thinned(Line(as_text(line.get("label", ""), f"{where}.label", MAX_NAME_CHARS), x, y, low, high))
