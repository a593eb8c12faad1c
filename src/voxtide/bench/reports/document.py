"""Reads the JSON document of a run. In: a file, or the parsed JSON. Out: a `RunDocument`. Knows no figure by name.

The file may be a document or the output of a run that ends in one. Everything is checked, and text is cleared of
control characters, because a document may come from another machine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard
from unicodedata import category

from voxtide.bench.figure import FORMAT, Line, Plot, Target, thinned
from voxtide.errors import ConfigError

MAX_FILE_BYTES = 64 * 1024 * 1024
"""A standard run writes less than a megabyte."""

MAX_NUMBER = 1e15
"""Larger numbers are mistakes, and would be printed with hundreds of digits."""

REORDERING = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Unicode's marks of direction, which show a text in another order than it has."""


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
        noisy: Which figures were measured on a noisy machine, and how noisy it was, a line each.
        figures: What was measured.
        failures: What failed, by name, and why.
        not_measured: What was left out, by name, and why.
    """

    about: Mapping[str, Any]
    machine: Mapping[str, Any]
    engine: Mapping[str, Any]
    noisy: tuple[str, ...]
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
    whole = _dict(document, "the file")
    if "figures" not in whole:
        raise ConfigError("it has no figures")
    if (number := whole.get("format", FORMAT)) != FORMAT:
        raise ConfigError(f"its format is {clean(str(number))[:40]}, and this version of voxtide reads {FORMAT}")
    figures = _dict(whole["figures"], "figures")
    parts = {"format", "machine", "engine", "noise", "figures", "failures", "not_measured"}
    return RunDocument(
        about={clean(key): _cleaned(value) for key, value in whole.items() if key not in parts},
        machine=_cleaned(_dict(whole.get("machine", {}), "machine")),
        engine=_cleaned(_dict(whole.get("engine", {}), "engine")),
        noisy=_noisy(_dict(whole.get("noise", {}), "noise")),
        figures=tuple(_figure(name, value) for name, value in figures.items()),
        failures=_reasons(whole.get("failures", {}), "failures"),
        not_measured=_reasons(whole.get("not_measured", {}), "not_measured"),
    )


def _noisy(noise: Mapping[str, Any]) -> tuple[str, ...]:
    """The figures during which other programs kept more cores busy than the run allowed."""
    limit = _number(noise.get("limit_cores", 0), "noise.limit_cores")
    others = _dict(noise.get("others_cores", {}), "noise.others_cores")
    cores_of = {clean(name): _number(cores, f"noise.others_cores.{clean(name)}") for name, cores in others.items()}
    return tuple(
        f"{name}: other programs kept {cores:.2f} cores busy, over {limit:.2f}"
        for name, cores in cores_of.items()
        if cores > limit
    )


def _reasons(value: Any, where: str) -> dict[str, str]:
    return {clean(name): _text(reason, f"{where}.{clean(name)}") for name, reason in _dict(value, where).items()}


def _figure(name: str, value: Any) -> FigureResult:
    where = f"figures.{clean(name)}"
    figure = _dict(value, where)
    details = _dict(figure.get("details", {}), f"{where}.details")
    measures, plots = (_list(figure.get(key, []), f"{where}.{key}") for key in ("measures", "plots"))
    return FigureResult(
        name=clean(name),
        definition=_text(figure.get("definition", ""), f"{where}.definition"),
        measures=tuple(_measure(it, f"{where}.measures[{i}]", details) for i, it in enumerate(measures)),
        notes=_texts(figure.get("notes", []), f"{where}.notes"),
        errors=_texts(figure.get("errors", []), f"{where}.errors"),
        plots=tuple(_plot(it, f"{where}.plots[{i}]") for i, it in enumerate(plots)),
    )


def _measure(value: Any, where: str, details: Mapping[str, Any]) -> MeasureResult:
    measure = _dict(value, where)
    is_met, percent = measure.get("is_met"), measure.get("percent")
    if not (is_met is None or isinstance(is_met, bool)):
        raise ConfigError(f"{where}.is_met is not true, false or null")
    return MeasureResult(
        name=_text(measure.get("name"), f"{where}.name"),
        value=_number(measure.get("value"), f"{where}.value"),
        unit=_text(measure.get("unit", ""), f"{where}.unit"),
        method=_text(measure.get("method", ""), f"{where}.method"),
        target=_target(measure.get("target"), f"{where}.target"),
        is_met=is_met,
        suspended=_text(measure.get("suspended") or "", f"{where}.suspended"),
        data=details.get(_text(measure.get("data", ""), f"{where}.data")),
        percent=None if percent is None else _number(percent, f"{where}.percent"),
    )


def _target(value: Any, where: str) -> Target | None:
    if value is None:
        return None
    target = _dict(value, where)
    sign = target.get("sign")
    if sign not in ("<=", ">="):
        raise ConfigError(f"{where}.sign is neither <= nor >=")
    return Target(sign, _number(target.get("limit"), f"{where}.limit"))


def _plot(value: Any, where: str) -> Plot:
    plot = _dict(value, where)
    lines = _list(plot.get("lines", []), f"{where}.lines")
    return Plot(
        **{key: _text(plot.get(key, ""), f"{where}.{key}") for key in ("name", "title", "x_label", "y_label")},
        lines=tuple(_line(it, f"{where}.lines[{i}]") for i, it in enumerate(lines)),
        x_limits=_numbers(plot.get("x_limits", []), f"{where}.x_limits"),
        y_limits=_numbers(plot.get("y_limits", []), f"{where}.y_limits"),
        x_names=_texts(plot.get("x_names", []), f"{where}.x_names"),
    )


def _line(value: Any, where: str) -> Line:
    line = _dict(value, where)
    x, y, low, high = (_numbers(line.get(key, []), f"{where}.{key}") for key in ("x", "y", "low", "high"))
    if not (len(x) == len(y) and len(low) == len(high) and len(low) in (0, len(x))):
        raise ConfigError(f"{where} has {len(x)} x, {len(y)} y, {len(low)} low and {len(high)} high")
    return thinned(Line(_text(line.get("label", ""), f"{where}.label"), x, y, low, high))


def _dict(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where} is not a JSON object")
    return value


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigError(f"{where} is not a list")
    return value


def _number(value: Any, where: str) -> float:
    if not is_number(value):
        raise ConfigError(f"{where} is not a number below {MAX_NUMBER:.0e}")
    return float(value)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a JSON value is a number of usable size."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_NUMBER


def _numbers(value: Any, where: str) -> tuple[float, ...]:
    return tuple(_number(it, f"{where}[{i}]") for i, it in enumerate(_list(value, where)))


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise ConfigError(f"{where} is not text")
    return clean(value)


def _texts(value: Any, where: str) -> tuple[str, ...]:
    return tuple(_text(it, f"{where}[{i}]") for i, it in enumerate(_list(value, where)))


def clean(text: str) -> str:
    """The text without control characters, lone surrogates and marks that reorder text, which become U+FFFD."""
    return "".join(char if char == "\n" or _is_harmless(char) else "\ufffd" for char in text)


def _is_harmless(char: str) -> bool:
    return category(char) not in ("Cc", "Cs") and char not in REORDERING


def _cleaned(value: Any) -> Any:
    """A JSON value with clean text."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): _cleaned(inner) for key, inner in value.items()}
    return [_cleaned(inner) for inner in value] if isinstance(value, list) else value
