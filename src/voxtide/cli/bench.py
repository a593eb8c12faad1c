"""The commands `bench`. In: arguments. Out: what `voxtide.bench` prints and writes, an exit code; progress on stderr.

`bench` without a command measures. Its options are read by the bench, which `python -m voxtide.bench` shares.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import Any

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text
from typer.core import TyperCommand

from voxtide.bench import command
from voxtide.bench.progress import RunOutput, Status
from voxtide.cli.bench_results import add_results_commands
from voxtide.cli.failures import reporting
from voxtide.cli.remote import choose_engine

MEASURE = "measure"
PROGRAM = "voxtide bench"
AGAIN = ("-c", "from voxtide.cli import main; main()", "bench")
"""Starts this program in another Python: where the script `voxtide` is, is not known."""


def with_command(args: list[str], commands: list[str]) -> list[str]:
    """The arguments of `bench` with the name of a command in front: without one it measures."""
    return args if args and args[0] in commands else [MEASURE, *args]


class _Measure(TyperCommand):
    """Leaves its arguments to the bench's own parser, which exits with a message for what cannot be used."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        command.parsed(args, PROGRAM)
        ctx.obj = list(args)
        return super().parse_args(ctx, [])


bench_app = typer.Typer(name="bench", rich_markup_mode=None)


@bench_app.callback()
def _bench() -> None:
    """Measure accuracy, latency and speed on this machine."""


@bench_app.command(MEASURE, cls=_Measure, hidden=True)
def _measure(ctx: typer.Context) -> None:
    with reporting():
        output = RunOutput(
            view=TerminalView() if sys.stderr.isatty() and os.environ.get("TERM") != "dumb" else None,
            max_columns=shutil.get_terminal_size().columns if sys.stdout.isatty() else None,
        )
        raise typer.Exit(command.main(ctx.obj, output, program=PROGRAM, key_of=_key_of, again=AGAIN))


add_results_commands(bench_app)


def _key_of(engine: str, server: str | None) -> str | None:
    """The API key for an engine's server, from the environment; None for an engine that needs none."""
    return choose_engine(engine, server, None, os.environ).api_key


class TerminalView:
    """Shows the progress in one line at the bottom of the terminal; it is a `View`."""

    def __init__(self, console: Console | None = None) -> None:
        """Take the terminal; None for the one that stderr is."""
        self._live = Live(
            console=console or Console(stderr=True, highlight=False),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def show(self, status: Status) -> None:
        """Replace the line."""
        line = Text(str(status), style="dim", no_wrap=True, overflow="ellipsis")
        if not self._live.is_started:
            self._live.start()
        self._live.update(line, refresh=True)

    def clear(self) -> None:
        """Remove the line; the next status shows it again."""
        self._live.stop()
