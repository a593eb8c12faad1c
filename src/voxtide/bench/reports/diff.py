"""Compares two runs. In: run. Out: what changed beyond noise, better or worse, as lines and as JSON.

`noise.py` decides what is noise. A number has the same figure, name and unit in both runs; others are listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from voxtide.bench.figure import number_text
from voxtide.bench.reports.document import FigureResult, MeasureResult, RunDocument
from voxtide.bench.reports.noise import compare
from voxtide.bench.tables import NUM_COLUMNS, aligned, width_of, wrapped

Key: TypeAlias = tuple[str, str, str]
"""Figure, name, unit."""

Row: TypeAlias = tuple[str, str, str, str, str, str, str]

Direction: TypeAlias = Literal["better", "worse", "changed"]

BETTER_HIGHER = ("found", "fixed", "exactly once", "success", "throughput")
BETTER_LOWER = (
    "WER",
    "real-time factor",
    "wall time",
    "missed",
    "misses",
    "cuts",
    "leaked",
    "changed",
    "lost",
    "differ",
    "without a latency",
)
"""Words in the names of numbers without a target."""

UNITS_BETTER_HIGHER = frozenset({"streams", "sessions", "GB/s"})
UNITS_BETTER_LOWER = frozenset(
    {"ms", "s", "MB", "MiB", "MB/h", "cores", "ms/s", "times", "steps", "points", "words", "runs", "phrases/h", "EUR/h"}
)
"""Units of numbers without a target and without such a word. `%` and none state no direction."""

IDENTITY = ("cpu", "cores", "system", "python", "onnxruntime", "numpy", "faster-whisper")
"""Facts of a machine without which its numbers are those of another."""

SPEECH_NOTES = ("talks of ", "corpus ")
"""How the notes begin that name the speech of a figure. Without --corpus it depends on what has been fetched."""

OWN = frozenset({"began", "took_s", "is_complete", "names", "only"})
"""Entries in which any two runs may differ; what they measured shows in their numbers."""


@dataclass(frozen=True, slots=True)
class Change:
    """A number that changed beyond noise, and by which rule."""

    figure: str
    name: str
    unit: str
    before: float
    after: float
    direction: Direction
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """Two runs compared.

    Attributes:
        warnings: Why the runs may not be comparable.
        runs: What each run is, a line each.
        changes: Changed numbers, the worse ones first.
        num_unchanged: Numbers that are equal or differ within noise.
        only_before: Numbers that only the first run has, as "figure: name".
        only_after: Those that only the second has.
    """

    warnings: tuple[str, ...]
    runs: tuple[str, str]
    changes: tuple[Change, ...]
    num_unchanged: int
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def is_worse(self) -> bool:
        """Whether any number became worse."""
        return any(change.direction == "worse" for change in self.changes)

    def as_json(self) -> dict[str, Any]:
        """Ready for JSON."""
        return {**asdict(self), "is_worse": self.is_worse}


def diff(before: RunDocument, after: RunDocument) -> Diff:
    """Compare two runs; `before` is the one to be compared with."""
    first, second = _measures(before), _measures(after)
    changes: list[Change] = []
    num_unchanged = 0
    for key, old in first.items():
        if (new := second.get(key)) is None:
            continue
        noise = compare(old, new)
        if noise.is_beyond:
            changes.append(Change(*key, old.value, new.value, direction(old, new), noise.rule))
        else:
            num_unchanged += 1
    order = ("worse", "better", "changed")
    return Diff(
        warnings=tuple(_warnings(before, after, num_shared=len(changes) + num_unchanged)),
        runs=(_run(before), _run(after)),
        changes=tuple(sorted(changes, key=lambda change: order.index(change.direction))),
        num_unchanged=num_unchanged,
        only_before=tuple(_title(key) for key in first if key not in second),
        only_after=tuple(_title(key) for key in second if key not in first),
    )


def _measures(run: RunDocument) -> dict[Key, MeasureResult]:
    """All numbers; those of equal name in a figure are numbered, so that none is dropped."""
    found: dict[Key, MeasureResult] = {}
    for figure in run.figures:
        for measure in figure.measures:
            name, number = measure.name, 1
            while (key := (figure.name, name, measure.unit)) in found:
                number += 1
                name = f"{measure.name} ({number})"
            found[key] = measure
    return found


def direction(before: MeasureResult, after: MeasureResult) -> Direction:
    """Whether `after` is better, by its target, else by its name, else by its unit; "changed" if that says nothing.

    It says nothing either about a number that a noisy machine has changed, whose verdict its run suspended.
    """
    if before.suspended or after.suspended:
        return "changed"
    sign = after.target.sign if after.target else _sign(after)
    if sign is None:
        return "changed"
    return "better" if (after.value < before.value) == (sign == "<=") else "worse"


def _sign(measure: MeasureResult) -> Literal["<=", ">="] | None:
    if any(word in measure.name for word in BETTER_HIGHER) or measure.unit in UNITS_BETTER_HIGHER:
        return ">="
    if any(word in measure.name for word in BETTER_LOWER) or measure.unit in UNITS_BETTER_LOWER:
        return "<="
    return None


def _run(run: RunDocument) -> str:
    machine = run.machine
    facts = (
        run.subject,
        f"voxtide {machine.get('voxtide', '?')}",
        f"commit {machine['commit']}" if machine.get("commit") else "",
        f"began {run.about['began']}" if run.about.get("began") else "",
    )
    return ", ".join(filter(None, facts))


def _warnings(before: RunDocument, after: RunDocument, *, num_shared: int) -> list[str]:
    """What must be equal and is not, and what spoilt a run."""
    machines = [{name: it.machine.get(name) for name in IDENTITY} for it in (before, after)]
    engines = [{name: it.engine.get(name) for name in ("name", "model")} for it in (before, after)]
    settings = [{name: value for name, value in it.about.items() if name not in OWN} for it in (before, after)]
    warnings = [*_unequal("machine", *machines), *_unequal("engine", *engines)]
    warnings += [*_unequal("setting", *settings), *_unequal_speech(before, after)]
    warnings += [] if num_shared else ["the runs have no number in common"]
    for name, run in {"A": before, "B": after}.items():
        if run.noisy:
            busy = ", ".join(f"{figure} {cores:.2f}" for figure, cores in run.noisy.items())
            warnings.append(
                f"{name} was measured on a noisy machine: other programs kept more than "
                f"{run.noisy_cores:.2f} cores busy ({busy})"
            )
        warnings += [f"{name} failed: {what}: {reason}" for what, reason in run.failures.items()]
    return warnings


def _unequal(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [
        f"different {kind}, {name}: {_shown(before.get(name))} and {_shown(after.get(name))}"
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    ]


def _unequal_speech(before: RunDocument, after: RunDocument) -> list[str]:
    """Which figures were measured on different sets of speech, a line for each pair of sets."""
    others = {figure.name: figure for figure in after.figures}
    figures: dict[tuple[str, str], list[str]] = {}
    for figure in before.figures:
        if figure.name in others and (sets := (_speech(figure), _speech(others[figure.name])))[0] != sets[1]:
            figures.setdefault(sets, []).append(figure.name)
    return [f"different speech in {', '.join(names)}: {a} in A, {b} in B" for (a, b), names in figures.items()]


def _speech(figure: FigureResult) -> str:
    return "; ".join(note for note in figure.notes if note.startswith(SPEECH_NOTES)) or "no corpus and no talks"


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)


def _title(key: Key) -> str:
    return f"{key[0]}: {key[1]}"


def lines_of_diff(found: Diff, *, max_columns: int = NUM_COLUMNS) -> list[str]:
    """As text: warnings, a table of the changes, then counts. Where the table is too wide, each change has two lines.

    Args:
        found: The comparison.
        max_columns: The width.
    """
    head = [f"A: {found.runs[0]}", f"B: {found.runs[1]}", *(f"warning: {warning}" for warning in found.warnings)]
    tail = [f"{len(found.changes)} changed beyond noise, {found.num_unchanged} did not"]
    for name, titles in {"A": found.only_before, "B": found.only_after}.items():
        tail += [f"only in {name}: {title}" for title in titles]
    return [*_wrapped(head, max_columns), *_changes(found, max_columns), *_wrapped(tail, max_columns)]


def _wrapped(lines: list[str], max_columns: int) -> list[str]:
    return [part for line in lines for part in wrapped(line, max_columns, indent="   ")]


def _changes(found: Diff, max_columns: int) -> list[str]:
    """The changes as a table, or as lines if that is too wide."""
    if not found.changes:
        return []
    rows = [_row(change) for change in found.changes]
    heads: Row = ("", "FIGURE", "NUMBER", "A", "B", "", "BEYOND NOISE BY")
    table = aligned([heads, *rows], num_left=len(heads))
    if width_of(table) <= max_columns:
        return table
    return [line for row in rows for line in _lines(row, max_columns)]


def _row(change: Change) -> Row:
    before, after = number_text(change.before), number_text(change.after)
    share = f"{100 * (change.after / change.before - 1):+.0f} %" if change.before > 0 else ""
    unit = f" {change.unit}".rstrip()
    return (change.direction, change.figure, change.name, f"{before}{unit}", f"{after}{unit}", share, change.rule)


def _lines(row: Row, max_columns: int) -> list[str]:
    """A change on lines of its own."""
    direction, figure, name, before, after, share, rule = row
    numbers = ", ".join(filter(None, (f"A {before}", f"B {after}", share, f"beyond noise by: {rule}")))
    indent = " " * len("changed  ")
    return [
        *wrapped(f"{direction:<7}  {figure}: {name}", max_columns, indent=indent),
        *wrapped(numbers, max_columns, first=indent, indent=indent),
    ]
