"""stdout that loses no text of a live source. In: text. Out: stdout; once it takes no more, a file. Knows no formats.

When a reader ends, what it did not read is lost with the pipe, and when a disk is full, a part that was buffered. So
the file begins with the last text written, up to what a pipe holds. If stdout was closed from the start, the text of
any source goes to the file.
"""

from __future__ import annotations

import errno
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from voxtide.cli.failures import drop_stdout, print_note
from voxtide.cli.rescue import new_rescue_file

PIPE_CHARS = 64 * 1024
"""What a pipe holds on Linux (fewer bytes elsewhere); older text has been read."""

_GONE = {errno.EPIPE, errno.EIO}
"""The reader closed the pipe, or the terminal is closed."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""stdout is a file, and its disk, its owner's share of it or the file has no space."""


class SpillingStdout:
    """`sys.stdout` until its reader is gone while a live source runs; a file if it is closed from the start.

    Attributes:
        is_live: Whether a live source is transcribed. Else a write that fails raises, as usual.
        spilled: The file that has the rest of the text, if stdout takes no more.
    """

    def __init__(self, suffix: str) -> None:
        """`suffix` is that of the file's name."""
        self.is_live = False
        self.spilled: Path | None = None
        self._suffix = suffix
        self._recent: deque[str] = deque()
        self._num_recent_chars = 0
        self._file: TextIO | None = None

    def write(self, text: str, /) -> None:
        """Append `text`; `flush` sends it."""
        if self._file is not None:
            self._file.write(text)
            return
        self._recent.append(text)
        self._num_recent_chars += len(text)
        try:
            sys.stdout.write(text)
        except OSError as error:
            self._spill(error)

    def flush(self) -> None:
        """Send what is buffered.

        Raises:
            OSError: stdout or the file cannot be written.
        """
        if self._file is not None:
            self._file.flush()
            return
        try:
            sys.stdout.flush()
        except OSError as error:
            self._spill(error)
        while self._recent and self._num_recent_chars - len(self._recent[0]) >= PIPE_CHARS:
            self._num_recent_chars -= len(self._recent.popleft())

    def close(self) -> None:
        """Close the file, if any."""
        if self._file is not None:
            self._file.close()

    def rescue(self, text: str) -> None:
        """Write text that a terminal showed before it was closed."""
        if self._file is None:
            self._divert("the terminal is closed; its text is in")
        self.write(text)
        self.flush()

    def _spill(self, error: OSError) -> None:
        """Write the recent text to a file; the rest follows it."""
        is_closed = error.errno == errno.EBADF
        if not is_closed and not (self.is_live and error.errno in _GONE | _FULL):
            raise error
        drop_stdout()
        gone = "the reader of stdout is gone" if error.errno in _GONE else f"stdout is full: {error.strerror}"
        rest = f"{gone}; the last text and the rest go to"
        self._divert("stdout is closed; the text goes to" if is_closed else rest)

    def _divert(self, headline: str) -> None:
        self._file = new_rescue_file(self._suffix, "".join(self._recent))
        self.spilled = Path(self._file.name)
        self._recent.clear()
        print_note(f"{headline} {self.spilled}")


class TerminalSink:
    """stdout for the live view. Once the terminal is closed, `is_gone` is set and what is written is dropped."""

    def __init__(self) -> None:
        self.is_gone = False

    def write(self, text: str, /) -> None:
        """Append `text`; `flush` sends it."""
        with self._watching():
            sys.stdout.write(text)

    def flush(self) -> None:
        """Send what is buffered."""
        with self._watching():
            sys.stdout.flush()

    @contextmanager
    def _watching(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self.is_gone = True
            drop_stdout()
