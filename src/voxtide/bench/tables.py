"""Text for a width. In: rows of cells, prose, a number of columns. Out: lines that fit it. Knows no figure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from voxtide.transcript.cues import num_columns

NUM_COLUMNS = 80
"""Width of text that is not for a terminal: pagers, mails and logs show it whole."""

GAP = "  "


def aligned(rows: Sequence[Sequence[str]], *, num_left: int) -> list[str]:
    """Rows as columns, of which the first `num_left` are aligned to the left, the others to the right."""
    widths = [max(map(num_columns, column)) for column in zip(*rows, strict=True)]
    return [GAP.join(_filled(row, widths, num_left)).rstrip() for row in rows]


def _filled(row: Sequence[str], widths: Sequence[int], num_left: int) -> list[str]:
    spaces = [" " * (width - num_columns(cell)) for cell, width in zip(row, widths, strict=True)]
    return [
        cell + space if index < num_left else space + cell
        for index, (cell, space) in enumerate(zip(row, spaces, strict=True))
    ]


def tables(rows: Sequence[Sequence[str]], max_columns: int, *, num_keys: int, num_left: int) -> list[str]:
    """Rows as columns, in as many tables below each other as the width needs.

    Args:
        rows: The cells, those of the heads first.
        max_columns: The width. It is exceeded only if the keys and one other column do not fit.
        num_keys: Columns with which each table begins.
        num_left: Columns that are aligned to the left.
    """
    first = last = num_keys
    lines: list[str] = []
    while first < len(rows[0]):
        last, part = first + 1, _part(rows, num_keys, first, first + 1, num_left)
        while (
            last < len(rows[0]) and width_of(wider := _part(rows, num_keys, first, last + 1, num_left)) <= max_columns
        ):
            last, part = last + 1, wider
        lines += ([""] if lines else []) + part
        first = last
    return lines


def _part(rows: Sequence[Sequence[str]], num_keys: int, first: int, last: int, num_left: int) -> list[str]:
    return aligned([[*row[:num_keys], *row[first:last]] for row in rows], num_left=num_left)


def width_of(lines: Sequence[str]) -> int:
    """The columns of the widest line."""
    return max(map(num_columns, lines), default=0)


def wrapped(text: str, max_columns: int, *, first: str = "", indent: str = "  ") -> list[str]:
    """Prose in lines of at most `max_columns`; `first` precedes the first, `indent` the others. Names keep hyphens."""
    return textwrap.wrap(text, max_columns, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)


def fitted(line: str, max_columns: int | None, *, indent: str = "  ") -> list[str]:
    """A line, wrapped if it is wider than `max_columns`; None for any width."""
    if max_columns is None or num_columns(line) <= max_columns:
        return [line]
    return wrapped(line, max_columns, indent=indent)


def packed(items: Sequence[str], max_columns: int | None) -> list[str]:
    """Items side by side, in as many lines as the width needs; None for one line."""
    lines = [""]
    for item in items:
        longer = f"{lines[-1]}{GAP}{item}" if lines != [""] else item
        if max_columns is None or lines == [""] or num_columns(longer) <= max_columns:
            lines[-1] = longer
        else:
            lines.append(f"{GAP}{item}")
    return lines


def cut(text: str, max_columns: int) -> str:
    """The text, or its beginning and an ellipsis if it is wider than `max_columns`."""
    if num_columns(text) <= max_columns:
        return text
    while num_columns(text) > max_columns - 1:
        text = text[:-1]
    return f"{text}…"
