"""The command line. In: arguments, environment, signals. Out: text, files, an exit code.

Knows no model and no protocol: it passes sources and engines to `voxtide.pipeline` and shows the results.
"""

from __future__ import annotations

import os
import sys
from errno import EBADF
from io import RawIOBase, TextIOWrapper

_INTERRUPTED = 130
"""`Exit.INTERRUPTED`: Ctrl-C may have stopped the import of its module."""


def main() -> None:
    """Run `voxtide` and exit with its code."""
    try:
        _run()
    except KeyboardInterrupt:  # before a command that handles it has started
        sys.exit(_INTERRUPTED)


def _run() -> None:
    from voxtide.cli.app import app
    from voxtide.cli.failures import Exit, drop_stdout, print_error

    _prepare_stdout()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # at interpreter exit a failure would print a traceback
    except BrokenPipeError:
        drop_stdout()
        sys.exit(Exit.BROKEN_PIPE)
    except OSError as error:
        drop_stdout()
        print_error(f"cannot write to stdout: {'it is closed' if error.errno == EBADF else error.strerror}")
        sys.exit(Exit.FAILED)


def _prepare_stdout() -> None:
    """Documents are UTF-8 in any locale; a terminal shows "?" for characters its encoding lacks."""
    if sys.stdout is None:  # closed by the caller; what is written to this raises EBADF
        os.dup2(os.open(os.devnull, os.O_RDONLY), 1)  # else a file that is opened later gets what libraries print
        sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115  # lives until exit
    elif isinstance(sys.stdout, TextIOWrapper):
        if isinstance(sys.stdout.buffer, RawIOBase):  # PYTHONUNBUFFERED; we flush and check for errors ourselves
            sys.stdout = open(sys.stdout.fileno(), "w", encoding=sys.stdout.encoding, closefd=False)  # noqa: SIM115  # as above
        is_terminal = sys.stdout.isatty()
        sys.stdout.reconfigure(encoding=None if is_terminal else "utf-8", errors="replace")
