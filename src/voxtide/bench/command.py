"""`voxtide bench` and `python -m voxtide.bench`. In: arguments. Out: a report on stdout, progress on stderr, files.

Both have this module's parser: the command line passes its arguments on unread, with a view for its terminal.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import re
import shlex
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from voxtide.audio.addresses import shown_name
from voxtide.bench.figure import Figure
from voxtide.bench.figures.plans import AREAS, FIGURES, PLAN_MINUTES, FigureEntry, Step, empty_areas, steps_of
from voxtide.bench.load.corpora.corpus import Corpus, open_corpus
from voxtide.bench.load.process import OtherPrograms
from voxtide.bench.load.session import BenchEngine, BenchSession, Size
from voxtide.bench.progress import Progress, RunOutput, Status, duration_text
from voxtide.bench.report import lines_of
from voxtide.bench.results import DEFAULT_DIRECTORY, REPORT_FILE, RESULTS_FILE, ResultFiles, Results, default_path
from voxtide.bench.running import INTERRUPTED, Stop, run_profiled
from voxtide.bench.tables import NUM_COLUMNS, packed, wrapped
from voxtide.engines.registry import engine_for
from voxtide.errors import ConfigError, MissingExtraError, VoxtideError

DEFAULT_ENGINE, REMOTE = "moonshine", "remote"
WRONG_USAGE, NOT_INSTALLED = 2, 3
"""Exit statuses, those of `voxtide`: a corpus cannot be used; without the extra nothing can be measured."""
MIN_PRICE, MAX_PRICE = 0.0001, 10_000
"""EUR per hour. The cheapest machines cost some cents a day, the dearest some hundreds an hour; beyond, reports would
have numbers of dozens of digits."""
TICK_S = 1.0
"""Between two updates of the time left."""


def main(
    arguments: Sequence[str] | None = None,
    output: RunOutput | None = None,
    *,
    program: str = "python -m voxtide.bench",
    key_of: Callable[[str, str | None], str | None] = lambda engine, server: None,
    again: Sequence[str] = ("-m", "voxtide.bench"),
) -> int:
    """Measure and report. Returns 0 if everything requested was measured, whether or not targets are met; else 1.

    With a corpus that cannot be used nothing is measured, and 2 is returned; without the bench extra 3. The first
    Ctrl-C ends the figure that is being measured; what is done is reported and written, and 130 is returned. The second
    one ends the process at once, also during the report. Files are written after each figure, the page at the end.

    Args:
        arguments: The command line's; None for the process's.
        output: The report and progress go here; None for stdout and stderr.
        program: The command's name, for its help.
        key_of: The API key for an engine and a server's address, if there is one.
        again: Python's arguments that start the caller's program: under py-spy too it has to find the key.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    options, output = parsed(arguments, program), output or RunOutput()
    try:
        OtherPrograms()
        corpus = _corpus(options)
    except (MissingExtraError, ConfigError) as error:
        output.note(str(error))
        return NOT_INSTALLED if isinstance(error, MissingExtraError) else WRONG_USAGE
    if options.profile:
        return record_profile(options, arguments, again)
    return _Run(options, corpus, output, key_of).run()


def parsed(arguments: Sequence[str], program: str) -> argparse.Namespace:
    """The options of a command line. Exits with status 2 and a message for one that cannot be used."""
    parser = _parser(program)
    options = parser.parse_args(arguments)
    options.engine = options.engine or (REMOTE if options.server else DEFAULT_ENGINE)
    options.plan = options.plan or "standard"
    try:
        engine_for(options.engine)
    except ConfigError as error:
        parser.error(str(error))
    if options.language is not None and options.corpus is None:
        parser.error("--language is that of a corpus; name one with --corpus")
    if options.corpus is None and (names := [name for name in options.names if FIGURES[name].needs_corpus]):
        parser.error(f"the figure {names[0]} needs a corpus; name one with --corpus")
    if options.server and not BenchEngine(options.engine).is_remote:
        parser.error(f"--server needs an engine that connects to a server, such as {REMOTE}; not {options.engine}")
    return options


def _corpus(options: argparse.Namespace) -> Corpus | None:
    """The named corpus, opened before anything is measured.

    Raises:
        ConfigError: It cannot be used, or the engine does not know its language.
    """
    if options.corpus is None:
        return None
    corpus = open_corpus(options.corpus, language=options.language)
    engine_for(options.engine, language=corpus.language, model=options.model)
    return corpus


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        allow_abbrev=False,  # `record_profile` removes --profile by its full name
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measure an engine or a server on this machine. Leave the machine idle meanwhile.",
        epilog=_MORE_HELP.format(
            areas=_named("Areas", AREAS), figures=_named("Figures", FIGURES), directory=DEFAULT_DIRECTORY
        ),
    )
    _add_figures(parser)
    _add_subject(parser)
    _add_output(parser)
    return parser


def _add_figures(parser: argparse.ArgumentParser) -> None:
    # No choices=: with nargs="*" argparse would refuse the empty list.
    parser.add_argument(
        "names", nargs="*", metavar="FIGURE", type=_figure_name, help="a figure to measure (default: those of the plan)"
    )
    parser.add_argument(
        "--only", action="append", default=[], choices=AREAS, metavar="AREA", help="an area; repeatable"
    )
    plans = parser.add_mutually_exclusive_group()
    for plan, text in _PLAN_HELP.items():
        plans.add_argument(f"--{plan}", dest="plan", action="store_const", const=plan, help=text)


def _add_subject(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what to measure")
    group.add_argument("--engine", metavar="NAME", help=f"what to measure (default: {DEFAULT_ENGINE})")
    group.add_argument("--model", metavar="NAME", help="one of the engine's models")
    group.add_argument(
        "--server",
        metavar="URL",
        help="measure this server instead; its key: VOXTIDE_API_KEY, or for Mistral's own service MISTRAL_API_KEY",
    )
    group.add_argument("--corpus", metavar="NAME", help="speech to use: a corpus of scripts/corpora, or a directory")
    group.add_argument("--language", metavar="LANG", help="the language of a corpus that is a directory (default: en)")
    group.add_argument(
        "--price", type=_price, metavar="EUR_PER_HOUR", help="what this machine costs; gives the cost per audio hour"
    )


def _add_output(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("output")
    group.add_argument("--verbose", action="store_true", help="list the wrong words")
    group.add_argument("--profile", type=Path, metavar="SVG", help="record a flame graph of the run with py-spy")
    group.add_argument("--json", type=Path, metavar="PATH", help="write the results to this file")
    group.add_argument(
        "--out", type=Path, metavar="DIR", help=f"write {REPORT_FILE}, plots and {RESULTS_FILE} into this directory"
    )


_MORE_HELP = """\
{areas}
{figures}
docs/bench.md describes each. Without --json and --out the results are written to
a dated file in {directory}.

Other commands:
  voxtide bench diff A B     compare two results
  voxtide bench report JSON  make a page of a result

Exit codes:
  0    measured, whether or not targets are met
  1    something failed
  2    wrong usage, or a corpus that cannot be used
  3    the extra bench is missing
  130  stopped by Ctrl-C; what was measured has been printed and written
"""


def _named(what: str, names: Iterable[str]) -> str:
    return "\n".join(wrapped(f"{what}: {', '.join(names)}.", NUM_COLUMNS))


_PLAN_HELP: dict[Size, str] = {
    "quick": f"a first impression, in about {PLAN_MINUTES['quick']} minutes",
    "standard": f"about {PLAN_MINUTES['standard']} minutes; the default",
    "full": f"everything, in about {PLAN_MINUTES['full']} minutes",
}


def _figure_name(text: str) -> str:
    if text not in FIGURES:
        raise argparse.ArgumentTypeError(f"there is no figure {text!r}; choose from {', '.join(FIGURES)}")
    return text


def _price(text: str) -> float:
    with suppress(ValueError):
        if MIN_PRICE <= float(text) <= MAX_PRICE:
            return float(text)
    raise argparse.ArgumentTypeError(
        f"{text!r} is no price from {MIN_PRICE} to {MAX_PRICE} EUR per hour; give one such as 0.08"
    )


def record_profile(options: argparse.Namespace, arguments: Sequence[str], again: Sequence[str]) -> int:
    """Repeat the command without --profile under py-spy. Returns the exit status of the command."""
    profiler = Path(sys.executable).with_name("py-spy")
    if not profiler.exists():
        sys.stderr.write(f"bench: {MissingExtraError('py-spy', 'bench', '--profile')}\n")
        return NOT_INSTALLED
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    own.add_argument("--profile")
    rest = own.parse_known_args(arguments)[1]
    results, is_new = options.json or (options.out and options.out / RESULTS_FILE), False
    if results is None:
        results, is_new = default_path(datetime.now(UTC), options.engine, options.plan), True
        rest += ["--json", str(results)]
    return run_profiled([sys.executable, *again, *rest], profiler, options.profile, results, is_new=is_new)


class _Run:
    """One run: what was requested, what is measured, what failed."""

    def __init__(
        self,
        options: argparse.Namespace,
        corpus: Corpus | None,
        output: RunOutput,
        key_of: Callable[[str, str | None], str | None],
    ) -> None:
        self._options, self._corpus = options, corpus
        self._output = output
        key = key_of(options.engine, options.server)
        self._choice = BenchEngine(options.engine, options.model, options.server, key)
        num_utterances = len(corpus.utterances) if corpus else 0
        self._steps = steps_of(options.plan, options.names, options.only, num_utterances=num_utterances)
        self._progress = Progress([step.seconds for step in self._steps])
        self._status: Status | None = None
        self._plays_cores: dict[tuple[str, Size], float | None] = {}
        about = {key: getattr(options, key) for key in ("plan", "only", "names", "corpus", "language", "price")}
        about["server"] = options.server and shown_name(options.server)  # reports are passed on
        self._results = Results(about={"is_quick": options.plan == "quick", **about})
        self._files = ResultFiles(self._json_paths(), options.out, self._output.note)

    def _json_paths(self) -> list[Path]:
        options = self._options
        named = [path for path in (options.json, options.out and options.out / RESULTS_FILE) if path]
        return named or [default_path(self._results.began, options.engine, options.plan)]

    def run(self) -> int:
        """Measure and report; returns the exit status."""
        stopping = f"stopping; Ctrl-C again ends at once, and `{self._page_command}` makes the page of what was saved"
        with Stop(stopping, self._output.view.clear) as stop:
            if not self._saved(lambda: self._files.begin(self._results)):  # an hour's work must have a place
                return 1
            facts = [f"{name}: {fact}" for name, fact in self._results.machine.items() if fact is not None]
            self._output.print("\n".join(packed(facts, self._output.max_columns)))
            try:
                is_complete = stop.run(self._measure_all)
            finally:
                self._output.view.clear()
            if not is_complete:
                self._fail("run", "stopped by Ctrl-C")
            self._report(is_complete=is_complete)
            return INTERRUPTED if stop.is_requested else int(bool(self._results.failures))

    @property
    def _page_command(self) -> str:
        return shlex.join(("voxtide", "bench", "report", str(self._files.json_paths[0])))

    def _report(self, *, is_complete: bool) -> None:
        results = self._results
        for name in empty_areas(self._options.plan, self._options.only):
            results.not_measured[name] = f"the plan {self._options.plan} has no figure of this area"
        for name, reason in results.not_measured.items():
            self._output.print_prose(f"not measured: {name}: {reason}")
        if results.noisy:
            busy = ", ".join(f"{name} {cores:.2f}" for name, cores in results.noisy.items())
            self._output.print_prose(
                f"noisy machine: other programs kept more than {results.noisy_cores:.2f} cores busy ({busy}); "
                "no verdict on times"
            )
        results.is_complete = is_complete
        self._save_page()
        if self._save():
            self._output.print(f"results: {', '.join(map(str, self._files.json_paths))}")

    def _fail(self, name: str, reason: str) -> None:
        """Print and record a failure."""
        self._results.failures[name] = reason
        self._output.print(f"{name}\n  FAILED  {reason}")

    def _save(self, figure: Figure | None = None) -> bool:
        """Write the documents and the plots of a new figure. Returns whether it worked; the failure is printed."""

        def save() -> None:
            self._files.write(self._results)
            if figure is not None:
                self._files.draw(figure)

        return self._saved(save)

    def _saved(self, save: Callable[[], None]) -> bool:
        try:
            save()
        except OSError as error:
            self._fail("results", _unwritten(error))
            return False
        return True

    def _save_page(self) -> None:
        try:
            if path := self._files.write_page(self._results):
                self._output.print(f"report: {path}")
        except OSError as error:
            self._fail("report", _unwritten(error))
        except ConfigError as error:
            self._fail("report", str(error))

    def _show(self, line: str) -> None:
        """Show what is measured now."""
        if self._status is not None:
            self._status = replace(self._status, line=line, left_s=self._progress.left_s)
            self._output.view.show(self._status)

    async def _measure_all(self) -> None:
        """Measure the steps in sequence. A failing figure does not stop the others."""
        options = self._options
        try:
            async with self._choice.open() as engine, self._ticking():
                self._results.engine = asdict(engine.info)
                session = BenchSession(
                    self._choice,
                    engine,
                    size=options.plan,
                    progress=self._show,
                    corpus=self._corpus,
                    price_eur_per_hour=options.price,
                )
                total_s = sum(step.seconds for step in self._steps)
                self._output.note(
                    f"measuring {', '.join(step.figure for step in self._steps)}: {duration_text(total_s)}"
                )
                for step in self._steps:
                    await self._measure(step, session)
        except VoxtideError as error:
            self._fail("engine", str(error))

    @asynccontextmanager
    async def _ticking(self) -> AsyncIterator[None]:
        """Update the time left in between."""

        async def tick() -> None:
            while True:
                await asyncio.sleep(TICK_S)
                if self._status is not None:
                    self._show(self._status.line)

        ticking = asyncio.create_task(tick())
        try:
            yield
        finally:
            ticking.cancel()
            with suppress(asyncio.CancelledError):
                await ticking

    async def _measure(self, step: Step, session: BenchSession) -> None:
        entry = FIGURES[step.figure]
        number = self._progress.begin()
        self._status = Status(step.figure, number, len(self._steps), "starting", self._progress.left_s)
        figure = None
        if reason := entry.refusal(session):
            self._results.not_measured[step.figure] = reason
        else:
            session.size = step.size
            figure = await self._figure(step, entry, session)
        self._progress.end(is_measured=figure is not None)
        self._status = None
        if figure is not None:
            self._results.figures.append(figure)
        self._results.engine = asdict(session.engine.info)  # a server has named its model by now
        self._save(figure)  # first: the reader of stdout may have gone
        for line in (
            lines_of(figure, is_verbose=self._options.verbose, max_columns=self._output.max_columns) if figure else ()
        ):
            self._output.print(line)

    async def _figure(self, step: Step, entry: FigureEntry, session: BenchSession) -> Figure | None:
        """The figure with a note of other programs' load, its verdicts suspended if that is much; None if it failed."""
        self._show("starting")
        try:
            others = OtherPrograms(self._choice.server)
            figure = await entry.measure(session)
            figure = replace(figure, definition=figure.definition or _definition(entry.measure))
        except VoxtideError as error:
            self._fail(step.figure, str(error))
            return None
        own_cores = others.num_cores
        plays = [
            (name, step.size) for name in entry.plays
        ]  # made in the first figure that uses them: they had its load
        known = [own_cores, *(self._plays_cores.setdefault(key, own_cores) for key in plays)]
        num_cores = max((cores for cores in known if cores is not None), default=None)
        if num_cores is None:
            return figure
        self._results.others[step.figure] = num_cores
        figure = replace(figure, notes=(*figure.notes, f"other programs kept {num_cores:.2f} cores busy meanwhile"))
        limit = self._results.noisy_cores
        if not entry.is_timed or num_cores <= limit:
            return figure
        return figure.suspended(f"noisy machine: other programs kept {num_cores:.2f} cores busy, over {limit:.2f}")


def _unwritten(error: OSError) -> str:
    return f"{error.filename or 'a file'} cannot be written: {error.strerror or error}"


def _definition(measure: Callable[..., object]) -> str:
    """The docstring of the figure's module, without the sentences that name its input and output."""
    text = inspect.getdoc(inspect.getmodule(measure)) or ""
    return re.sub(r" In: .*", "", text, count=1)
