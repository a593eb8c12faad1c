"""A comparison as lines of text, as JSON and as a plot. In: a `Comparison`. Out: each of them. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from voxtide.bench.compare.comparison import Comparison, WayFigures
from voxtide.bench.compare.ways import Way
from voxtide.bench.figure import Line, Plot, percentile
from voxtide.bench.tables import NUM_COLUMNS, cut, tables, wrapped
from voxtide.bench.word_errors import WordErrors, normaliser_name
from voxtide.types import Word

LINE_CHARS = 100
"""Notes and the method are wrapped at this width on a wider terminal: longer lines are hard to read."""

MAX_WORD_COLUMNS = 24
"""Longer words are cut in the list of words; few are, and the JSON document has all of each."""

_LATENCIES = (
    "shown, final: seconds from the end of a word in the recording to the first text that has it, and to its final "
    "text, p50 / p95; last: to the final text of the last word; all of the words that the text has"
)
_WORDS = "words: spoken words that the text has; cut: of the words that a chunk border cuts, those that it lacks"
_CHUNKS = (
    "chunks: each was transcribed by itself, as fast as the engine takes it, with nothing else of voxtide running; on "
    "the clock it begins when it is complete and the one before it is done"
)
_STREAMING = "streaming: played once in real time, with nothing else of voxtide running"
_CPU = "CPU: processor seconds of this process per second of audio; - if the engine runs on a server"


def lines_of(comparison: Comparison, *, has_words: bool = False, max_columns: int = NUM_COLUMNS) -> list[str]:
    """The table, notes and the method as text; with `has_words`, each word's times before.

    Args:
        comparison: What was measured.
        has_words: Whether to list the words.
        max_columns: The width. A wider table continues in another one below it.
    """
    words = [*_word_table(comparison, max_columns), ""] if has_words and comparison.words else []
    prose = [*(f"note: {note}" for note in comparison.notes()), *_method(comparison)]
    lines = (part for line in prose for part in wrapped(line, min(LINE_CHARS, max_columns)))
    return [*words, *_table(comparison, max_columns), "", *lines]


def _table(comparison: Comparison, max_columns: int) -> list[str]:
    ways = comparison.figures
    columns = {"way": [it.way.name for it in ways]}
    if comparison.words:
        columns["shown"] = [_pair(it.shown_s) for it in ways]
        columns["final"] = [_pair(it.final_s) for it in ways]
        columns["last"] = [_seconds(it.last_word_s) for it in ways]
        columns["words"] = [_of(len(it.times), len(comparison.words)) for it in ways]
        columns["cut"] = [_of(it.num_cut_missing, it.num_cut) if it.way.chunks else "-" for it in ways]
    else:
        columns["first text"] = [_seconds(it.first_text_s) for it in ways]
        columns["all final"] = [_seconds(it.end_to_final_s) for it in ways]
    if any(it.errors for it in ways):
        columns["errors"] = [_errors(it.errors) for it in ways]
    columns["CPU"] = ["-" if it.way.cpu_share is None else f"{it.way.cpu_share:.3f}" for it in ways]
    rows = [list(columns), *map(list, zip(*columns.values(), strict=True))]
    return tables(rows, max_columns, num_keys=1, num_left=1)


def _word_table(comparison: Comparison, max_columns: int) -> list[str]:
    rows = [["spoken", "word", *(name for it in comparison.figures for name in _columns(it.way))]]
    for index, word in enumerate(comparison.words):
        row = [_seconds(word.end_s), cut(word.text, MAX_WORD_COLUMNS)]
        for it in comparison.figures:
            shown_s, final_s = it.times.get(index, (None, None))
            row += [_seconds(final_s)] if it.way.chunks else [_seconds(shown_s), _seconds(final_s)]
        rows.append(row)
    return tables(rows, max_columns, num_keys=2, num_left=1)


def _method(comparison: Comparison) -> list[str]:
    """How the figures were measured, a line each."""
    reference = comparison.reference
    times = {
        "known": "word times: known, by forced alignment",
        "read": f"word times: as {comparison.engine.name} reads them from the whole recording, at pace fast",
        "none": f"no word times: {reference.reason}; first text: seconds from the recording's start to the first "
        "text; all final: from its end to the last final text",
    }[reference.timing]
    lines = [times, *([_LATENCIES, _WORDS] if comparison.words else [])]
    if any(it.errors for it in comparison.figures):
        lines.append(f"errors: against {reference.origin}, after {normaliser_name(comparison.language)}")
    return [*lines, _CHUNKS, _STREAMING, _CPU]


def document_of(comparison: Comparison, **about: Any) -> dict[str, Any]:
    """Everything measured, ready for JSON."""
    return {
        **about,
        "source": comparison.source,
        "audio_s": comparison.audio_s,
        "played_s": comparison.played_s,
        "engine": {"name": comparison.engine.name, "model": comparison.engine.model},
        "word_times": comparison.reference.timing,
        "reference": comparison.reference.origin or None,
        "notes": comparison.notes(),
        "method": _method(comparison),
        "ways": [_way_document(it) for it in comparison.figures],
        "words": [_word_document(comparison, index, word) for index, word in enumerate(comparison.words)],
    }


def _word_document(comparison: Comparison, index: int, word: Word) -> dict[str, Any]:
    found = {it.way.name: it.times.get(index) for it in comparison.figures}
    return {
        "text": word.text,
        "start_s": word.start_s,
        "end_s": word.end_s,
        "shown_s": {name: times and times[0] for name, times in found.items()},
        "final_s": {name: times and times[1] for name, times in found.items()},
    }


def plot_of(comparison: Comparison, name: str) -> Plot:
    """How many of the words are shown and final by when.

    Curves end below 100 % if words are missing. Without word times they have no points.
    """
    lines, num_words = [], len(comparison.words)
    for it in comparison.figures:
        if it.way.chunks:
            lines.append(_share(it.way.name, it.final_s, num_words))
        else:
            lines += [_share(f"{it.way.name}, shown", it.shown_s, num_words)]
            lines += [_share(f"{it.way.name}, final", it.final_s, num_words)]
    return Plot(
        name=name,
        title=f"Words shown and final, {comparison.engine.name}",
        x_label="s after the end of the word",
        y_label="% of the words",
        lines=tuple(lines),
    )


def _share(label: str, latencies_s: Sequence[float], num_words: int) -> Line:
    ordered = sorted(latencies_s)
    return Line(label, ordered, [100 * (i + 1) / num_words for i in range(len(ordered))])


def _columns(way: Way) -> tuple[str, ...]:
    return (way.name,) if way.chunks else (f"{way.name}: shown", f"{way.name}: final")


def _way_document(it: WayFigures) -> dict[str, Any]:
    errors = it.errors and {"words": it.errors.num_words, "errors": it.errors.num_errors, "percent": it.errors.percent}
    return {
        "name": it.way.name,
        "text": it.way.text,
        "words_found": len(it.times),
        "spoken_to_shown_s": _percentiles(it.shown_s),
        "spoken_to_final_s": _percentiles(it.final_s),
        "last_word_to_final_s": it.last_word_s,
        "first_text_s": it.first_text_s,
        "end_to_final_s": it.end_to_final_s,
        "errors": errors,
        "words_cut": it.num_cut,
        "words_cut_and_missing": it.num_cut_missing,
        "cpu_s_per_s": it.way.cpu_share,
        "chunks": [asdict(chunk) for chunk in it.way.chunks],
    }


def _percentiles(values: Sequence[float]) -> dict[str, float] | None:
    return {"p50": percentile(values, 50), "p95": percentile(values, 95)} if values else None


def _pair(values: Sequence[float]) -> str:
    return f"{_seconds(percentile(values, 50))}/{_seconds(percentile(values, 95))}" if values else "-"


def _of(num_words: int, num_all: int) -> str:
    return f"{num_words}/{num_all}"


def _errors(errors: WordErrors | None) -> str:
    return "-" if errors is None else f"{errors.num_errors} ({errors.percent:.1f} %)"


def _seconds(value: float | None) -> str:
    """Hundredths below 10 s, else tenths: times are not more exact, and the table stays narrow."""
    if value is None:
        return "-"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
