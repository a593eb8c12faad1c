"""Turns failures into one line and an exit code. In: exceptions. Out: stderr, the code, with --debug a traceback."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from unicodedata import category

import typer

from voxtide.errors import ConfigError, MissingExtraError, ModelError, UnknownModelError, VoxtideError

_log = logging.getLogger("voxtide.cli")


_QUOTED_BYTE = re.compile(r"(?<!\\)((?:\\\\)*)\\udc([89a-f][0-9a-f])")


class Exit(IntEnum):
    """Exit codes of `voxtide`. Those above 128 are 128 plus the signal number, as in shells."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_INSTALLED = 3
    HUNG_UP = 129
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


EXIT_CODES_HELP = """\b
Exit codes:
  0    all done
  1    at least one source failed
  2    wrong usage, or an option that cannot be used
  3    a model or an optional package is missing, or a model is corrupt
  129  the terminal was closed (SIGHUP), otherwise like Ctrl-C
  130  stopped by Ctrl-C; the text up to then has been printed
  141  stdout was closed or full, or its reader ended; stderr names the text's file, if any
  143  stopped by SIGTERM, otherwise like Ctrl-C
"""

COMPARE_EXIT_CODES_HELP = """\b
Exit codes:
  0    compared
  1    the recording cannot be read, or the engine or the server failed
  2    wrong usage, or an option or a file that cannot be used
  3    a model or an optional package is missing, or a model is corrupt
  129  the terminal was closed (SIGHUP), otherwise like Ctrl-C
  130  stopped by Ctrl-C; what was measured has been printed and written
  141  stdout was closed, or its reader ended; --json and --plot have been written
  143  stopped by SIGTERM, otherwise like Ctrl-C
"""

SERVE_EXIT_CODES_HELP = """\b
Exit codes:
  0    --calibrate is done
  1    the server or the calibration failed
  2    wrong usage, or an option that cannot be used
  3    a model or an optional package is missing, or a model is corrupt
  129  stopped by SIGHUP
  130  stopped by Ctrl-C
  143  stopped by SIGTERM
"""


def exit_code(error: VoxtideError) -> Exit:
    """The exit code of an error that ends the command."""
    match error:
        case UnknownModelError() | ConfigError():
            return Exit.USAGE
        case ModelError() | MissingExtraError():
            return Exit.NOT_INSTALLED
        case _:
            return Exit.FAILED


def print_note(headline: object, *lines: object) -> None:
    """Print a message to stderr, apart from the result."""
    with suppress(OSError):  # stderr is a closed terminal: there is no place for the message
        typer.echo("\n".join(map(printable, [f"voxtide: {headline}", *(f"  {line}" for line in lines)])), err=True)


def printable(text: str) -> str:
    """`text` for a terminal: control codes, and bytes of a file name that are not UTF-8, are shown as escapes.

    Messages quote names by `repr`, which shows such a byte by its surrogate (PEP 383).
    """
    text = _QUOTED_BYTE.sub(r"\1\\x\2", text)
    return "".join(char if char.isprintable() or category(char) == "Zs" else _escape(char) for char in text)


def _escape(char: str) -> str:
    byte = os.fsencode(char) if "\udc80" <= char <= "\udcff" else b""
    return f"\\x{byte[0]:02x}" if len(byte) == 1 else char.encode("unicode_escape").decode()


def print_error(message: object) -> None:
    """Print an error as a single line to stderr."""
    print_note(f"error: {' '.join(str(message).split())}")


@contextmanager
def reporting() -> Iterator[None]:
    """Run a command's body; turn exceptions into a line on stderr and an exit code. --debug logs the traceback.

    Raises:
        typer.Exit: Always, when the body raised.
    """
    try:
        yield
    except typer.Exit:
        raise
    except BrokenPipeError:
        drop_stdout()
        raise typer.Exit(Exit.BROKEN_PIPE) from None
    except KeyboardInterrupt:
        raise typer.Exit(Exit.INTERRUPTED) from None
    except Exception as error:
        if is_interruption(error):
            raise typer.Exit(Exit.INTERRUPTED) from None
        _log.debug("traceback:", exc_info=error)
        is_ours = isinstance(error, VoxtideError)
        if not (isinstance(error, OSError) and _is_stdout_stuck()):  # `main` reports that
            print_error(
                error if is_ours else f"unexpected {type(error).__name__}: {error} (voxtide --debug shows where)"
            )
        raise typer.Exit(exit_code(error) if isinstance(error, VoxtideError) else Exit.FAILED) from None


def is_interruption(error: BaseException) -> bool:
    """Whether KeyboardInterrupt caused it: interrupted while it is imported, a C extension raises ImportError."""
    return isinstance(error, KeyboardInterrupt) or (error.__cause__ is not None and is_interruption(error.__cause__))


def _is_stdout_stuck() -> bool:
    """Whether buffered output cannot be written. It stays buffered, so every retry fails."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False


def drop_stdout() -> None:
    """Point stdout at /dev/null after EPIPE, so that the interpreter's final flush does not raise."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
