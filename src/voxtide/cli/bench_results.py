"""The commands `bench diff` and `bench report`. In: results of the bench as JSON. Out: a comparison, an HTML page.

Measures nothing, and loads no engine.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from voxtide.bench.reports.diff import diff, lines_of_diff
from voxtide.bench.reports.document import read_run
from voxtide.bench.reports.html import page
from voxtide.bench.reports.replacing import replace_file
from voxtide.cli.failures import Exit, print_note, printable, reporting
from voxtide.errors import ConfigError

DIFF_HELP = "Compare two results: what changed beyond noise."
REPORT_HELP = "Make a page of a result: one HTML file with tables and plots."

DIFF_EPILOG = """\b
Examples:
  voxtide bench diff before.json after.json
  voxtide bench diff before.json after.json --fail-on-worse
  voxtide bench diff before.json after.json --json > diff.json

\b
Exit codes:
  0  compared, whatever changed
  1  with --fail-on-worse: at least one number is worse
  2  a file is not a result of the bench
"""

REPORT_EPILOG = """\b
Examples:
  voxtide bench report results.json
  voxtide bench report results.json --output report.html --force

\b
Exit codes:
  0  written
  2  the file is not a result of the bench, or the page cannot be written
"""

ResultFile = Annotated[
    Path,
    typer.Argument(
        metavar="JSON",
        show_default=False,
        help="A result: what the bench wrote with --json or --out, or its output.",
    ),
]
Before = Annotated[Path, typer.Argument(metavar="A", show_default=False, help="The result to compare with.")]
After = Annotated[Path, typer.Argument(metavar="B", show_default=False, help="The result to judge.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON object for programs.")]
FailOnWorse = Annotated[bool, typer.Option("--fail-on-worse", help="Exit with 1 if a number is worse.")]
PageFile = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="HTML", help="Write this file; - is stdout. Default: JSON's name with .html."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")]


def add_results_commands(group: typer.Typer) -> None:
    """Add both commands to the group `bench`."""
    group.command("diff", epilog=DIFF_EPILOG, short_help=DIFF_HELP)(diff_command)
    group.command("report", epilog=REPORT_EPILOG, short_help=REPORT_HELP)(report_command)


def diff_command(before: Before, after: After, as_json: AsJson = False, fail_on_worse: FailOnWorse = False) -> None:
    """Compare two results: what changed beyond noise, the worse numbers first.

    Warnings name what may not be comparable: another machine, engine or setting, a noisy run. docs/bench.md states what
    counts as noise.
    """
    with reporting():
        found = diff(read_run(before), read_run(after))
        if as_json:
            typer.echo(json.dumps(found.as_json()))
        else:
            typer.echo("\n".join(map(printable, lines_of_diff(found, max_columns=shutil.get_terminal_size().columns))))
        raise typer.Exit(Exit.FAILED if fail_on_worse and found.is_worse else Exit.DONE)


def report_command(result: ResultFile, output: PageFile = None, force: Force = False) -> None:
    """Make a page of a result: one HTML file that loads nothing else, with tables and plots."""
    with reporting():
        text = page(read_run(result))
        path = output or result.with_suffix(".html")
        if path == Path("-"):
            typer.echo(text, nl=False)
            return
        try:
            if path.is_dir():
                raise ConfigError(f"{path} is a directory; name a file in it with --output")
            if path.exists() and path.samefile(result):
                raise ConfigError(f"{path} is the result itself; name another file with --output")
            if path.is_file() and not force:
                raise ConfigError(f"{path} exists; --force overwrites it")
            replace_file(path, text)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from None
        print_note(f"wrote {path}")
