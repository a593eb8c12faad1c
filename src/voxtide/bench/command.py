"""`python -m voxtide.bench`. In: arguments. Out: a report whose last line is one JSON document, and files."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from voxtide.bench.catalogue import FIGURES
from voxtide.bench.figure import Figure
from voxtide.bench.machine import describe_machine
from voxtide.bench.plots import draw
from voxtide.bench.profile import Share, StackSampler
from voxtide.bench.report import document, lines_of
from voxtide.bench.session import LIVE, EngineChoice, Session
from voxtide.bench.variants import with_tail
from voxtide.errors import VoxtideError

NUM_PROFILE_LINES = 25
RESULTS_FILE = "results.json"


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None, err: TextIO | None = None) -> int:
    """Measure and report. Returns 0 if everything asked for could be measured, targets met or not; else 1."""
    options = _parser().parse_args(arguments)
    return asyncio.run(_run(options, out or sys.stdout, err or sys.stderr))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m voxtide.bench",
        description="Measure an engine on this machine. Leave the machine alone meanwhile.",
        epilog=f"Figures: {', '.join(FIGURES)}. docs/bench.md says what each is.",
    )
    # No choices=: with nargs="*" argparse would refuse the empty list.
    parser.add_argument("names", nargs="*", metavar="NAME", type=_figure_name, help="a figure to measure; default: all")
    parser.add_argument("--engine", default="moonshine", metavar="NAME", help="what to measure (default: %(default)s)")
    parser.add_argument("--model", metavar="NAME", help="one of the engine's models")
    parser.add_argument("--quick", action="store_true", help="do much less: a first impression in a few minutes")
    parser.add_argument("--verbose", action="store_true", help="list the words that went wrong")
    parser.add_argument("--profile", action="store_true", help="say where the time of a live stream goes")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the results to this file")
    parser.add_argument("--out", type=Path, metavar="DIR", help=f"write plots and {RESULTS_FILE} into this directory")
    return parser


def _figure_name(text: str) -> str:
    if text not in FIGURES:
        raise argparse.ArgumentTypeError(f"no figure {text!r}; there are {', '.join(FIGURES)}")
    return text


async def _run(options: argparse.Namespace, out: TextIO, err: TextIO) -> int:
    run = _Run(options, out, err)
    run.tell("  ".join(f"{name}: {fact}" for name, fact in run.machine.items() if fact is not None))
    await run.attempt("engine", run.measure())
    await run.attempt("files", run.write())
    run.tell(run.result())
    return 1 if run.failures else 0


class _Run:
    """One run: what was asked for, what has been measured, what could not be."""

    def __init__(self, options: argparse.Namespace, out: TextIO, err: TextIO) -> None:
        self.machine = describe_machine()
        self.failures: dict[str, str] = {}
        self._options = options
        self._out = out
        self._err = err
        self._began = datetime.now(UTC)
        self._engine: dict[str, Any] = {}
        self._figures: list[Figure] = []
        self._shares: list[Share] = []

    def tell(self, line: str) -> None:
        """To the report."""
        self._out.write(f"{line}\n")
        self._out.flush()

    def _say(self, line: str) -> None:
        """To whoever waits."""
        self._err.write(f"bench: {line}\n")
        self._err.flush()

    async def attempt(self, name: str, work: Awaitable[None]) -> None:
        """Do a part of the work. What fails is told and remembered, and the rest goes on."""
        try:
            await work
        except (VoxtideError, OSError) as error:
            self.failures[name] = str(error)
            self.tell(f"{name}\n  FAILED  {error}")

    async def measure(self) -> None:
        """All figures asked for, one after the other."""
        options = self._options
        choice = EngineChoice(options.engine, options.model)
        async with choice.open() as engine:
            self._engine = asdict(engine.info)
            session = Session(choice, engine, is_quick=options.quick, say=self._say)
            for name in options.names or FIGURES:
                await self.attempt(name, self._measure(name, session))
        if options.profile:
            await self.attempt("profile", self._profile(session))

    async def _measure(self, name: str, session: Session) -> None:
        figure = await FIGURES[name](session)
        self._figures.append(figure)
        for line in lines_of(figure, is_verbose=self._options.verbose):
            self.tell(line)

    async def _profile(self, session: Session) -> None:
        self._say("profiling")
        async with session.choice.open(num_threads=1) as engine:
            profiled = Session(session.choice, engine, is_quick=session.is_quick, say=self._say)
            with StackSampler() as sampler:
                for recording in session.recordings:
                    await profiled.text(with_tail(recording.samples), LIVE)
        self._shares = sampler.shares()
        self.tell("profile: live streams, one after the other, one thread; percent of the time at work, own and whole")
        for share in self._shares[:NUM_PROFILE_LINES]:
            self.tell(f"  {share.own_percent:5.1f} {share.whole_percent:5.1f}  {share.function}")

    async def write(self) -> None:
        """The files asked for."""
        options = self._options
        if options.json:
            options.json.write_text(self.result() + "\n", "utf-8")
        if not options.out:
            return
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / RESULTS_FILE).write_text(self.result() + "\n", "utf-8")
        for path in draw([plot for figure in self._figures for plot in figure.plots], options.out):
            self._say(f"drew {path}")

    def result(self) -> str:
        """The JSON document, on one line."""
        about = {
            "began": self._began.isoformat(timespec="seconds"),
            "took_s": (datetime.now(UTC) - self._began).total_seconds(),
            "machine": self.machine,
            "engine": self._engine,
            "is_quick": self._options.quick,
        }
        return json.dumps(document(self._figures, failures=self.failures, about=about, shares=self._shares))
