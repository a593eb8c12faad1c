"""The command line. In: arguments, environment, signals. Out: text, files, an exit code. Puts everything together.

Knows no model and no wire: it hands sources and engines to `voxtide.pipeline` and shows what comes out.
"""

from __future__ import annotations

import os
import sys
from io import RawIOBase, TextIOWrapper

_INTERRUPTED = 130
"""`Exit.INTERRUPTED`, whose own module may be what Ctrl-C kept from being imported."""


def main() -> None:
    """Run `voxtide` and exit with its code."""
    try:
        _run()
    except KeyboardInterrupt:  # no command has begun yet, which would see to it
        sys.exit(_INTERRUPTED)


def _run() -> None:
    from voxtide.cli.app import app
    from voxtide.cli.failures import Exit, drop_stdout, print_error

    _prepare_stdout()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # here failing has an exit code; at the interpreter's end it would have a traceback
    except BrokenPipeError:
        drop_stdout()
        sys.exit(Exit.BROKEN_PIPE)
    except OSError as error:
        drop_stdout()
        print_error(f"cannot write to stdout: {error.strerror}")
        sys.exit(Exit.FAILED)


def _prepare_stdout() -> None:
    """Documents are UTF-8 whatever the locale; a terminal shows "?" for what it has no letter for."""
    if sys.stdout is None:  # closed by the caller
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # as long-lived as the stream it stands for
    elif isinstance(sys.stdout, TextIOWrapper):
        if isinstance(sys.stdout.buffer, RawIOBase):  # as PYTHONUNBUFFERED wants it; but we flush, and look at failures
            sys.stdout = open(sys.stdout.fileno(), "w", encoding=sys.stdout.encoding, closefd=False)  # noqa: SIM115  # as above
        is_terminal = sys.stdout.isatty()
        sys.stdout.reconfigure(encoding=None if is_terminal else "utf-8", errors="replace" if is_terminal else None)
