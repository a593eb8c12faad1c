"""A terminal with permanent rows above a few that are redrawn. In: rows of styled text. Out: control codes, one write.

Permanent rows are ordinary output, so the terminal's scrollback keeps them. Knows no transcripts.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypeAlias

from rich.cells import cell_len, chop_cells

from voxtide.cli.transcribe.results import TextSink

Style: TypeAlias = Literal["plain", "dim"]

_STYLE_CODES: dict[Style, str] = {"plain": "", "dim": "\x1b[2m"}
_RESET = "\x1b[0m"
_ERASE_RIGHT = "\x1b[K"
_ERASE_BELOW = "\x1b[J"
_HIDE_CURSOR = "\x1b[?25l"
_SHOW_CURSOR = "\x1b[?25h"


@dataclass(frozen=True, slots=True)
class Span:
    """A word or phrase in one style."""

    text: str
    style: Style = "plain"


Row: TypeAlias = Sequence[Span]
"""One terminal line: spans separated by spaces."""


class Screen:
    """Rows on a terminal. `close` leaves them as they are."""

    def __init__(self, file: TextSink, size: Callable[[], os.terminal_size], *, is_styled: bool) -> None:
        self._file = file
        self._size = size
        self.is_styled = is_styled
        self._drawn_widths: list[int] = []  # of the rows to redraw; the cursor is on the last

    @property
    def num_columns(self) -> int:
        """Usable width. The last column stays free: terminals differ in when they wrap there."""
        return max(1, self._size().columns - 1)

    @property
    def num_rows(self) -> int:
        """Height of the terminal."""
        return self._size().lines

    def update(self, permanent: Sequence[Row], redrawn: Sequence[Row]) -> None:
        """Append `permanent` rows, then show `redrawn` until the next update, cut to its last rows that fit."""
        redrawn = redrawn[-max(1, self._size().lines - 1) :]
        text = "\n".join(self._text(row) + _ERASE_RIGHT for row in [*permanent, *redrawn])
        end = "\n" if permanent and not redrawn else ""
        # Erase below last: some terminals save the screen to the scrollback when it is erased from the top left.
        self._file.write(self._back_to_first() + text + end + _ERASE_BELOW)
        self._file.flush()
        self._drawn_widths = [row_width(row) for row in redrawn]

    def close(self) -> None:
        """Leave the rows as they are, with the cursor below."""
        self._file.write(("\n" if self._drawn_widths else "") + _SHOW_CURSOR)
        self._file.flush()
        self._drawn_widths = []

    def _back_to_first(self) -> str:
        """Move to the first redrawn row. In a terminal made narrower, a row may take several lines."""
        columns = max(1, self._size().columns)
        num_lines = sum(max(1, -(-width // columns)) for width in self._drawn_widths)
        up = f"\x1b[{num_lines - 1}A" if num_lines > 1 else ""
        return f"{_HIDE_CURSOR}\r{up}"

    def _text(self, row: Row) -> str:
        runs = groupby(row, key=lambda span: span.style)
        return " ".join(self._styled(" ".join(span.text for span in run), style) for style, run in runs)

    def _styled(self, text: str, style: Style) -> str:
        code = _STYLE_CODES[style] if self.is_styled else ""
        return f"{code}{text}{_RESET}" if code else text


def spans(text: str, style: Style = "plain") -> list[Span]:
    """The words of `text`. Unprintable characters become "?", so that text cannot send control codes."""
    clean = "".join(char if char.isprintable() or char.isspace() else "?" for char in text)
    return [Span(word, style) for word in clean.split()]


def row_width(row: Row) -> int:
    """Width of a row in columns."""
    return sum(cell_len(span.text) for span in row) + max(0, len(row) - 1)


def wrap(words: Iterable[Span], num_columns: int) -> list[list[Span]]:
    """Words in rows of at most `num_columns`; a longer word is split."""
    rows: list[list[Span]] = [[]]
    for word in _split_long(words, num_columns):
        if rows[-1] and row_width([*rows[-1], word]) > num_columns:
            rows.append([])
        rows[-1].append(word)
    return rows if rows[0] else []


def _split_long(words: Iterable[Span], num_columns: int) -> Iterator[Span]:
    for word in words:
        if cell_len(word.text) <= num_columns:
            yield word
        else:
            yield from (Span(piece, word.style) for piece in chop_cells(word.text, max(2, num_columns)))
