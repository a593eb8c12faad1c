"""`python -m voxtide.bench`. In: arguments. Out: a report that ends in one line of JSON, and files."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from voxtide.bench.figure import Figure
from voxtide.bench.figures import (
    accuracy,
    completeness,
    cost,
    flush,
    hour,
    memory,
    server,
    streams,
    talks,
    vocabulary,
    voxtral,
    words,
)
from voxtide.bench.load.corpora.corpus import open_corpus
from voxtide.bench.load.process import OtherPrograms
from voxtide.bench.load.session import BenchEngine, BenchSession
from voxtide.bench.machine import describe_machine
from voxtide.bench.report import document, lines_of
from voxtide.bench.reports.html import html_report
from voxtide.bench.reports.plots import draw
from voxtide.errors import ConfigError, MissingExtraError, VoxtideError

RESULTS_FILE = "results.json"
REPORT_FILE = "report.html"


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None, err: TextIO | None = None) -> int:
    """Measure and report. Returns 0 if everything requested was measured, whether or not targets are met; else 1.

    Ctrl-C stops measuring; the report covers what is done, and 130 is returned.
    """
    options = _parser().parse_args(arguments)
    if options.profile:
        return record_profile(options.profile, sys.argv[1:] if arguments is None else arguments)
    run = _Run(options, out or sys.stdout, err or sys.stderr)
    is_stopped = False
    try:
        asyncio.run(run.measure())
    except KeyboardInterrupt:
        is_stopped = True
        run.fail("run", "stopped by Ctrl-C")
    run.report()
    return 130 if is_stopped else int(run.has_failed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m voxtide.bench",
        allow_abbrev=False,  # `record_profile` removes --profile by its full name
        description="Measure an engine on this machine. Leave the machine idle meanwhile.",
        epilog=f"Figures: {', '.join(FIGURES)}. docs/bench.md describes each.",
    )
    # No choices=: with nargs="*" argparse would refuse the empty list.
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        type=_figure_name,
        help="a figure to measure (default: all but talks, voxtral)",
    )
    parser.add_argument("--engine", default="moonshine", metavar="NAME", help="what to measure (default: %(default)s)")
    parser.add_argument("--model", metavar="NAME", help="one of the engine's models")
    parser.add_argument("--corpus", metavar="NAME", help="for talks: a corpus of scripts/corpora, or a directory")
    parser.add_argument("--language", metavar="LANG", help="the language of a corpus that is a directory (default: en)")
    parser.add_argument("--quick", action="store_true", help="do much less: a first impression in a few minutes")
    parser.add_argument("--verbose", action="store_true", help="list the wrong words")
    parser.add_argument("--profile", type=Path, metavar="SVG", help="record a flame graph of the run with py-spy")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the results to this file")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help=f"write {REPORT_FILE}, plots and {RESULTS_FILE} into this directory"
    )
    return parser


def record_profile(path: Path, arguments: Sequence[str]) -> int:
    """Repeat the command without --profile under py-spy, servers and other child processes included.

    py-spy samples from outside, so the run keeps its speed. Its exit status hides the command's, so the result comes
    from the command's JSON: 0 if everything requested was measured, else 1.
    """
    profiler = Path(sys.executable).with_name("py-spy")
    if not profiler.exists():
        sys.stderr.write(f"bench: {MissingExtraError('py-spy', 'bench', '--profile')}\n")
        return 1
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    options.add_argument("--profile")
    options.add_argument("--json", type=Path)
    own, rest = options.parse_known_args(arguments)
    with TemporaryDirectory() as directory:
        results = own.json or Path(directory) / RESULTS_FILE
        command = [profiler, "record", "--subprocesses", "--output", path, "--"]
        command += [sys.executable, "-m", "voxtide.bench", *rest, "--json", results]
        subprocess.run(list(map(str, command)), check=False)
        try:
            return int(bool(json.loads(results.read_text("utf-8"))["failures"]))
        except OSError:
            return 1


def _figure_name(text: str) -> str:
    if text not in FIGURES:
        raise argparse.ArgumentTypeError(f"there is no figure {text!r}; choose from {', '.join(FIGURES)}")
    return text


class _Run:
    """One run: what was requested, what is measured, what failed."""

    def __init__(self, options: argparse.Namespace, out: TextIO, err: TextIO) -> None:
        self._machine = describe_machine()
        self._failures: dict[str, str] = {}
        self._options = options
        self._out = out
        self._err = err
        self._began = datetime.now(UTC)
        self._engine: dict[str, Any] = {}
        self._figures: list[Figure] = []

    @property
    def has_failed(self) -> bool:
        """Whether anything requested failed."""
        return bool(self._failures)

    def fail(self, name: str, reason: str) -> None:
        """Print and record a failure."""
        self._failures[name] = reason
        self._print(f"{name}\n  FAILED  {reason}")

    def _print(self, line: str) -> None:
        """Write a line of the report."""
        self._out.write(f"{line}\n")
        self._out.flush()

    def _progress(self, line: str) -> None:
        """Write a line of progress."""
        self._err.write(f"bench: {line}\n")
        self._err.flush()

    async def measure(self) -> None:
        """Measure the requested figures in sequence. A failing figure does not stop the others."""
        self._print("  ".join(f"{name}: {fact}" for name, fact in self._machine.items() if fact is not None))
        options = self._options
        choice = BenchEngine(options.engine, options.model)
        try:
            corpus = open_corpus(options.corpus, language=options.language) if options.corpus else None
            async with choice.open() as engine:
                self._engine = asdict(engine.info)
                session = BenchSession(choice, engine, is_quick=options.quick, progress=self._progress, corpus=corpus)
                for name in options.names or [name for name in FIGURES if name not in ON_REQUEST]:
                    await self._measure(name, session)
        except VoxtideError as error:
            self.fail("engine", str(error))

    async def _measure(self, name: str, session: BenchSession) -> None:
        try:
            others = OtherPrograms()
            figure = await FIGURES[name](session)
        except VoxtideError as error:
            self.fail(name, str(error))
            return
        if (num_cores := others.num_cores) is not None:
            note = f"other programs kept {num_cores:.2f} cores busy meanwhile"
            figure = replace(figure, notes=(*figure.notes, note))
        figure = replace(figure, definition=figure.definition or _definition(FIGURES[name]))
        self._figures.append(figure)
        for line in lines_of(figure, is_verbose=self._options.verbose):
            self._print(line)

    def report(self) -> None:
        """Write the requested files, then the last line."""
        if self._options.json:
            self._write(self._options.json, json.dumps(self._result()))
        if self._options.out:
            self._write(self._options.out / RESULTS_FILE, json.dumps(self._result()))
            self._draw(self._options.out)
            self._write_page(self._options.out / REPORT_FILE)
        self._print(json.dumps(self._result()))

    def _write(self, path: Path, text: str) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text.rstrip()}\n", "utf-8")
        except OSError as error:
            self.fail("results", f"{path} cannot be written: {error.strerror or error}")

    def _write_page(self, path: Path) -> None:
        try:
            self._write(path, html_report(self._result()))
        except ConfigError as error:  # such as a number that is not finite
            self.fail("report", str(error))

    def _draw(self, directory: Path) -> None:
        try:
            for path in draw([plot for figure in self._figures for plot in figure.plots], directory):
                self._progress(f"drew {path}")
        except MissingExtraError as error:
            self._progress(f"no plots: {error}")
        except OSError as error:
            self.fail("plots", f"{directory} cannot be written: {error.strerror or error}")

    def _result(self) -> dict[str, Any]:
        """The document for JSON."""
        about = {
            "began": self._began.isoformat(timespec="seconds"),
            "took_s": (datetime.now(UTC) - self._began).total_seconds(),
            "machine": self._machine,
            "engine": self._engine,
            "is_quick": self._options.quick,
        }
        return document(self._figures, failures=self._failures, about=about)


def _definition(measure: Callable[..., object]) -> str:
    """The docstring of the figure's module, without the sentences that name its input and output."""
    text = inspect.getdoc(inspect.getmodule(measure)) or ""
    return re.sub(r" In: .*", "", text, count=1)


FIGURES: dict[str, Callable[[BenchSession], Awaitable[Figure]]] = {
    "accuracy": accuracy.measure,
    "talks": talks.measure,
    "completeness": completeness.measure,
    "vocabulary": vocabulary.measure,
    "words": words.measure_latency,
    "stability": words.measure_stability,
    "cost": cost.measure,
    "flush": flush.measure,
    "streams": streams.measure,
    "memory": memory.measure,
    "server": server.measure,
    "hour": hour.measure,
    "voxtral": voxtral.measure,
}
"""In the order of measurement."""

ON_REQUEST = frozenset({"talks", "voxtral"})
"""Measured only on request: `talks` needs a corpus, `voxtral` torch and a model of its own; it ignores --engine."""
