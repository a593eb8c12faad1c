"""The command `compare`. In: a request. Out: two ways side by side on a terminal, a table, JSON, a plot; an exit code.

source -> samples -> reference -> chunked ways, one after the other -> streaming, in real time -> comparison
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path

import typer

from voxtide.audio import addresses
from voxtide.audio.addresses import shown_name
from voxtide.audio.opening import MICROPHONE, STDIN, is_live, open_source
from voxtide.bench.compare.chunked import parse_lengths
from voxtide.bench.compare.comparison import Comparison
from voxtide.bench.compare.reference import Reference, read_text, reference_of, text_beside
from voxtide.bench.compare.report import document_of, lines_of, plot_of
from voxtide.bench.compare.ways import FAST, MAX_AUDIO_S, Way, chunked_way, read_samples, streaming_way, warm_up
from voxtide.bench.load.process import OtherPrograms
from voxtide.bench.machine import describe_machine
from voxtide.bench.reports.plots import draw
from voxtide.bench.reports.replacing import is_writable, replace_file
from voxtide.bench.tables import wrapped
from voxtide.cli.compare.view import SideBySide
from voxtide.cli.failures import Exit, print_note, printable
from voxtide.cli.interrupts import Interrupts, interruptible
from voxtide.cli.models import PullView
from voxtide.cli.remote import EngineChoice
from voxtide.cli.transcribe.live import showing_logs
from voxtide.cli.transcribe.screen import Screen
from voxtide.cli.transcribe.spill import TerminalSink
from voxtide.engines.base import Engine
from voxtide.errors import ConfigError
from voxtide.types import SAMPLE_RATE_HZ, Samples, parse_language

DEMO = "beckett.wav"
"""The recording without a source, as of `demo`."""

PROGRESS_S = 10.0
"""Time between two lines of progress of a way that takes long."""

MIN_BUSY_CORES = 0.1
"""Other programs that take less do not matter."""

PLOT_SUFFIX = ".svg"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """The command's argument and options, by the same names. None means the default.

    Raises:
        ConfigError: The chunk lengths, the source or the name of the plot cannot be used.
    """

    source: str | None
    engine: EngineChoice
    chunk: str
    model: str | None = None
    threads: int | None = None
    language: str | None = None
    reference: Path | None = None
    has_words: bool = False
    json: Path | None = None
    plot: Path | None = None
    is_on_terminal: bool = False
    """Whether stdout is a terminal that can redraw lines."""

    def __post_init__(self) -> None:
        _ = self.lengths_s  # checks them
        if self.source is not None and is_live(self.source):
            what = {MICROPHONE: "a microphone", STDIN: "stdin"}.get(self.source, shown_name(self.source))
            raise ConfigError(f"{what} plays once, and every way needs all of it: record it, and name the file")
        if self.plot is not None and self.plot.suffix != PLOT_SUFFIX:
            raise ConfigError(f"--plot {self.plot} must end in {PLOT_SUFFIX}")
        for option, path in (("--json", self.json), ("--plot", self.plot)):
            if path is not None:
                with _naming(option, path):
                    self._check_output(option, path)

    def _check_output(self, option: str, path: Path) -> None:
        """Refuse now what would be lost after minutes, or would replace what is compared."""
        if not path.parent.is_dir():
            raise ConfigError(f"cannot write {option} {path}: there is no directory {path.parent}")
        if path.is_dir():
            raise ConfigError(f"cannot write {option} {path}: it is a directory; name a file in it")
        if not is_writable(path):
            raise ConfigError(f"cannot write {option} {path}: permission denied; name another file")
        source = None if self.source is None else addresses.parse(self.source)
        for what, used in {"the recording": source, "the spoken text": self.text_file}.items():
            if isinstance(used, Path) and used.exists() and path.exists() and path.samefile(used):
                raise ConfigError(f"{option} {path} is {what} itself; name another file")

    @property
    def lengths_s(self) -> tuple[float, ...]:
        """The lengths of chunks."""
        return parse_lengths(self.chunk)

    @property
    def text_file(self) -> Path | None:
        """The file with the spoken text, stated or beside the source."""
        if self.reference is not None or self.source is None:
            return self.reference
        path = addresses.parse(self.source)
        return text_beside(path) if isinstance(path, Path) else None


def compare(request: CompareRequest) -> Exit:
    """Measure every way of one recording, and print the table.

    Raises:
        ConfigError: An option is invalid; nothing was measured.
        MissingExtraError: A plot is wanted, and the bench extra is not installed.
        VoxtideError: The source, the model or the engine failed.
    """
    if request.reference is not None:
        read_text(request.reference)  # before the model is loaded
    if request.plot is not None:
        draw([], request.plot.parent)  # likewise: raises if it cannot
    with interruptible() as interrupts, ExitStack() as stack:
        path = request.source or str(stack.enter_context(as_file(files("voxtide") / "data" / DEMO)))
        with PullView() as progress:
            engine = request.engine.open(model=request.model, num_threads=request.threads, progress=progress)
        return interrupts.run(_Job(request, path, engine, interrupts).run)


class _Job:
    """One run of the command: what is measured so far."""

    def __init__(self, request: CompareRequest, path: str, engine: Engine, interrupts: Interrupts) -> None:
        self._request = request
        self._path = path
        self._engine = engine
        self._interrupts = interrupts
        self._ways: list[Way] = []
        self._others = OtherPrograms(request.engine.server) if find_spec("psutil") else None  # of the extra bench
        self._notes: list[str] = []  # about the source
        self._is_complete = False

    async def run(self) -> Exit:
        async with self._engine:
            samples = await self._read()
            reference = await self._reference(samples)
            try:
                await self._measure(samples)
                self._is_complete = self._interrupts.code is None
            finally:  # also when a signal or a failure ended it: what is done counts
                if self._ways:
                    self._report(samples, reference)
        return self._interrupts.code or Exit.DONE

    async def _read(self) -> Samples:
        """The source's audio. Notes in the report name what is special about it, or left out."""
        async with open_source(self._path) as source:
            if is_live(self._path, is_endless=source.duration_s is None):
                raise ConfigError(f"{source.name} has no known length and may never end: save it to a file first")
            samples, has_more = await read_samples(source)
            self._notes += [notice.message for notice in source.notices]
            if has_more:
                whole = "" if source.duration_s is None else f" of {source.duration_s:.0f} s"
                self._notes.append(f"only the first {MAX_AUDIO_S:.0f} s{whole} are compared")
                if self._request.text_file is not None:
                    raise ConfigError(
                        f"{source.name} is longer than {MAX_AUDIO_S:.0f} s, but {self._request.text_file} is the text "
                        "of all of it: cut the recording and its text, or rename the text to go without"
                    )
        return samples

    async def _reference(self, samples: Samples) -> Reference:
        options = replace(FAST, language=self._request.language)
        reference = await reference_of(self._engine, samples, options, self._request.text_file)
        if self._request.plot is not None and not reference.words:
            raise ConfigError(f"--plot needs the times of words, but {reference.reason}; leave it out")
        return reference

    async def _measure(self, samples: Samples) -> None:
        language = parse_language(self._request.language)
        await warm_up(self._engine, samples, language)
        audio_s = len(samples) / SAMPLE_RATE_HZ
        for length_s in self._request.lengths_s:
            progress = _progress(f"chunks of {length_s:g} s", audio_s)
            self._ways.append(await chunked_way(self._engine, samples, length_s, language, progress))
        print_note(f"playing {audio_s:.0f} s in real time")
        with self._viewing(audio_s) as views, self._interrupts.finishing():
            way = await streaming_way(self._engine, samples, language, observers=views, stop=self._interrupts.stop)
            for view in views:
                await view.wait_for_chunks(self._interrupts.stop)
        drawn_s = sum(view.cpu_s for view in views)
        if way.audio_s:
            self._ways.append(way if way.cpu_s is None else replace(way, cpu_s=way.cpu_s - drawn_s))

    @contextmanager
    def _viewing(self, audio_s: float) -> Iterator[Sequence[SideBySide]]:
        """The view on a terminal: the first of the chunk lengths beside the stream."""
        if not self._request.is_on_terminal:
            yield ()
            return
        screen = Screen(TerminalSink(), shutil.get_terminal_size, is_styled=not os.environ.get("NO_COLOR"))
        view = SideBySide(screen, self._ways[0], audio_s)
        with closing(view), showing_logs(view.show_note) if sys.stderr.isatty() else nullcontext():
            yield (view,)

    def _report(self, samples: Samples, reference: Reference) -> None:
        """Write the files and print the table. The files come first: the reader of stdout may have gone."""
        name = shown_name(self._path) if self._request.source else DEMO
        info, audio_s = self._engine.info, len(samples) / SAMPLE_RATE_HZ
        comparison = Comparison(name, audio_s, info, reference, self._ways, notes=[*self._notes, *self._busy()])
        max_columns = shutil.get_terminal_size().columns  # 80 off a terminal
        head = printable(f"{name}, {audio_s:.1f} s, {' '.join(filter(None, (info.name, info.model)))}")
        lines = lines_of(comparison, has_words=self._request.has_words, max_columns=max_columns)
        try:
            self._write(comparison)
        finally:
            typer.echo("\n".join(["", *wrapped(head, max_columns), "", *map(printable, lines)]))

    def _write(self, comparison: Comparison) -> None:
        """Write --json and --plot.

        Raises:
            ConfigError: One cannot be written; the other is.
        """
        try:
            if (path := self._request.json) is not None:
                document = document_of(comparison, machine=describe_machine(), is_complete=self._is_complete)
                with _naming("--json", path):
                    replace_file(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        finally:
            if (path := self._request.plot) is not None:
                with _naming("--plot", path):
                    draw([plot_of(comparison, path.stem)], path.parent)

    def _busy(self) -> list[str]:
        """A note if other programs lengthened the latencies."""
        num_cores = self._others.num_cores if self._others else None
        if num_cores is None or num_cores < MIN_BUSY_CORES:
            return []
        return [f"other programs kept {num_cores:.2f} cores busy meanwhile, which lengthens every time"]


def _progress(what: str, audio_s: float) -> Callable[[float], None]:
    """Announce a way; the function returned prints how far it is, at most every `PROGRESS_S`."""
    print_note(f"transcribing {what}")
    printed_s = time.monotonic()

    def on_chunk(done_s: float) -> None:
        nonlocal printed_s
        if time.monotonic() - printed_s >= PROGRESS_S:
            printed_s = time.monotonic()
            print_note(f"  {done_s:.0f} of {audio_s:.0f} s")

    return on_chunk


@contextmanager
def _naming(option: str, path: Path) -> Iterator[None]:
    """Add the option and the path to an OSError."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"cannot write {option} {path}: {error.strerror or error}; name another file") from error
