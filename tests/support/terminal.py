"""A small terminal emulator: output of `Screen` becomes rows and scrollback. Wraps as real terminals do."""

from __future__ import annotations

import io
import os
import re

_CODE = re.compile(r"\x1b\[(\??[0-9]*)([A-Za-z])")


class Terminal(io.StringIO):
    """Accepts text and control codes; fails on an unknown code. `lines` is the scrollback and the screen."""

    def __init__(self, columns: int = 40, num_rows: int = 10) -> None:
        super().__init__()
        self.columns = columns
        self.num_rows = num_rows
        self.lines: list[str] = [""]
        self.row = 0
        self.column = 0
        self.is_cursor_shown = True
        self.codes: list[str] = []

    def size(self) -> os.terminal_size:
        return os.terminal_size((self.columns, self.num_rows))

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> list[str]:
        """All lines with the scrollback, without blank lines at the end."""
        shown = [line.rstrip() for line in self.lines]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def resize(self, columns: int) -> None:
        """Re-wrap lines that are too long; the cursor stays on its character, as in most terminals."""
        folded: list[str] = []
        for number, line in enumerate(self.lines):
            pieces = [line[at : at + columns] for at in range(0, len(line), columns)] or [""]
            if number == self.row:
                self.row = len(folded) + min(self.column, max(0, len(line) - 1)) // columns
                self.column = min(self.column, len(line)) % columns
            folded += pieces
        self.lines, self.columns = folded, columns

    def write(self, text: str) -> int:
        at = 0
        while at < len(text):
            code = _CODE.match(text, at)
            if code:
                self._execute(code[1], code[2])
                at = code.end()
            else:
                self._put(text[at])
                at += 1
        return len(text)

    def _put(self, char: str) -> None:
        if char == "\n":
            self.row, self.column = self.row + 1, 0
        elif char == "\r":
            self.column = 0
        else:
            assert char.isprintable(), f"control character {char!r}"
            if self.column == self.columns:
                self.row, self.column = self.row + 1, 0
            self._reach()
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + char + line[self.column + 1 :]
            self.column += 1
        self._reach()

    def _reach(self) -> None:
        self.lines += [""] * (self.row + 1 - len(self.lines))

    def _execute(self, value: str, code: str) -> None:
        self.codes.append(value + code)
        match value, code:
            case number, "A":
                top = max(0, len(self.lines) - self.num_rows)
                self.row = max(top, self.row - int(number or 1))
            case "", "K":
                self.lines[self.row] = self.lines[self.row][: self.column]
            case "", "J":
                self.lines[self.row] = self.lines[self.row][: self.column]
                del self.lines[self.row + 1 :]
            case "?25", "l" | "h":
                self.is_cursor_shown = code == "h"
            case _, "m":
                pass
            case _:
                raise AssertionError(f"unknown control code {value}{code}")
