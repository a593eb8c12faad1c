"""Failures become one plain line and an exit code. In: exceptions. Out: stderr, the code, on demand a traceback."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from voxtide.errors import ConfigError, MissingExtraError, ModelError, UnknownModelError, VoxtideError

_log = logging.getLogger("voxtide.cli")


class Exit(IntEnum):
    """What `voxtide` tells the shell. The three above 128 are 128 and the number of the signal, as shells have it."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_INSTALLED = 3
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


EXIT_CODES_HELP = """\b
Exit codes:
  0    all done
  1    at least one source failed
  2    wrong usage, or an option that cannot be used
  3    a model or an optional package is missing, or a model is corrupt
  130  stopped by Ctrl-C; what was said until then has been printed
  141  the reader of the output went away
  143  stopped by SIGTERM, as by Ctrl-C
"""


def exit_code(error: VoxtideError) -> Exit:
    """The exit code for an error that ends everything."""
    match error:
        case UnknownModelError() | ConfigError():
            return Exit.USAGE
        case ModelError() | MissingExtraError():
            return Exit.NOT_INSTALLED
        case _:
            return Exit.FAILED


def print_note(headline: object, *lines: object) -> None:
    """Tell the user something beside the result, on stderr."""
    typer.echo("\n".join([f"voxtide: {headline}", *(f"  {line}" for line in lines)]), err=True)


def print_error(message: object) -> None:
    """Tell of a failure: one line on stderr, whatever the message holds."""
    print_note(f"error: {' '.join(str(message).split())}")


@contextmanager
def reporting() -> Iterator[None]:
    """Run a command's body; turn what it raises into a line on stderr and an exit code. --debug logs the traceback.

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
        _log.debug("the error in full:", exc_info=error)
        is_ours = isinstance(error, VoxtideError)
        if not (isinstance(error, OSError) and _is_stdout_stuck()):  # of that, `main` tells
            print_error(
                error if is_ours else f"unexpected {type(error).__name__}: {error} (voxtide --debug tells where)"
            )
        raise typer.Exit(exit_code(error) if isinstance(error, VoxtideError) else Exit.FAILED) from None


def _is_stdout_stuck() -> bool:
    """Whether what was written cannot be sent out. It stays in the buffer, so trying again fails again."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False


def drop_stdout() -> None:
    """Let what is still buffered for a reader who went away fall into the void, so that exiting does not complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
