"""The commands `transcribe` and `demo`. In: a request. Out: text on the screen, documents or events; an exit code.

source -> pipeline -> live view, plain view, event writer or progress bar -> document
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    closing,
    contextmanager,
    nullcontext,
)
from importlib.resources import as_file, files

import typer

from voxtide.audio.addresses import shown_name
from voxtide.audio.microphone import MicrophoneSource
from voxtide.audio.opening import MICROPHONE, is_live, open_source
from voxtide.audio.pacing import paced
from voxtide.audio.source import AudioSource
from voxtide.cli.failures import Exit, exit_code, print_error, print_note, printable
from voxtide.cli.interrupts import Interrupts, interruptible, uninterrupted
from voxtide.cli.models import PullView
from voxtide.cli.remote import EngineChoice
from voxtide.cli.transcribe.documents import DocumentWriter, EventWriter, error_document, whole_document
from voxtide.cli.transcribe.live import LiveView, PlainView, showing_logs
from voxtide.cli.transcribe.metrics import LatencyMetrics, metrics_lines
from voxtide.cli.transcribe.output import Destination, open_destination
from voxtide.cli.transcribe.progress import ProgressBar
from voxtide.cli.transcribe.request import PaceName, Request
from voxtide.cli.transcribe.results import Existing, Result
from voxtide.cli.transcribe.screen import Screen
from voxtide.cli.transcribe.spill import SpillingStdout, TerminalSink
from voxtide.engines.base import Engine, EngineStream
from voxtide.engines.registry import engine_for
from voxtide.errors import VoxtideError
from voxtide.pipeline import Observer, Outcome, run_stream
from voxtide.transcript.writers import to_txt
from voxtide.types import Notice, Samples, StreamOptions, Transcript

_log = logging.getLogger("voxtide.cli")

NOTHING = Transcript(text="", segments=(), language=None, audio_s=0.0)


def transcribe(request: Request, interrupts: Interrupts) -> Exit:
    """Transcribe every source with one engine, inside `interruptible`.

    Raises:
        ConfigError: An option is invalid; nothing was transcribed.
        ModelError: The model cannot be used; nothing was transcribed.
    """
    interrupts.is_receiving = is_live(request.sources[0])
    with ExitStack() as stack:
        stdout = stack.enter_context(closing(SpillingStdout(f".{request.document_format or 'txt'}")))
        with uninterrupted():  # else a signal could leave a partial file behind
            destination = stack.enter_context(_destination(request, stdout))
        microphone = stack.enter_context(_recording(request, interrupts))
        with PullView() as progress:
            engine = request.engine.open(model=request.model, num_threads=request.threads, progress=progress)
        job = _Job(request, engine, destination, stdout, microphone, interrupts)
        return interrupts.run(job.run)


def _destination(request: Request, stdout: SpillingStdout) -> Destination | nullcontext[None]:
    if request.document_format is None:
        return nullcontext()
    existing = Existing(is_appended=request.is_appending, is_forced=request.is_forced)
    return open_destination(request.output, request.document_format, request.sources, existing, stdout)


@contextmanager
def _recording(request: Request, interrupts: Interrupts) -> Iterator[MicrophoneSource | None]:
    """The microphone, if it is the first source: it records from now on, while the model loads, up to a signal."""
    if request.sources[0] != MICROPHONE:
        yield None
        return
    microphone = _open_source(request, MICROPHONE)
    assert isinstance(microphone, MicrophoneSource), "open_source makes one for this name"
    microphone.start()
    try:
        with interrupts.calling(microphone.end):  # not while `stop` or `start` holds its lock
            _print_microphone(microphone)
            yield microphone
    finally:
        microphone.stop()


def _print_microphone(microphone: AudioSource) -> None:
    print_note(f"Listening on {microphone.name}. Ctrl-C stops.")


def _open_source(request: Request, source: str) -> AudioSource:
    return open_source(
        source,
        chunk_ms=request.chunk_ms,
        device=request.microphone,
        encoding=request.encoding,
        sample_rate_hz=request.sample_rate_hz,
        channels=request.channels,
        track=request.track,
    )


class _Job:
    """One run of the command: its sources in order."""

    def __init__(
        self,
        request: Request,
        engine: Engine,
        destination: Destination | None,
        stdout: SpillingStdout,
        microphone: MicrophoneSource | None,
        interrupts: Interrupts,
    ) -> None:
        self._request = request
        self._engine = engine
        self._destination = destination
        self._stdout = stdout
        self._microphone = microphone  # if it records already
        self._terminal = TerminalSink()
        self._interrupts = interrupts
        self._bar = ProgressBar(len(request.sources), is_shown=not request.is_live)
        self._failures: list[tuple[str, VoxtideError]] = []  # message and cause

    async def run(self) -> Exit:
        num_done = 0
        try:
            async with self._engine:
                with self._bar:
                    for source in self._request.sources:
                        await self._transcribe(source)
                        num_done += 1
                        if self._interrupts.code is not None:
                            break
        finally:
            for message, _ in self._failures:
                print_error(message)
        return self._code(num_left=len(self._request.sources) - num_done)

    def _code(self, num_left: int) -> Exit:
        if num_left:
            print_note(f"stopped; {num_left} of {len(self._request.sources)} sources not transcribed")
        if self._interrupts.code is not None:
            return self._interrupts.code
        if self._stdout.spilled is not None:
            return Exit.BROKEN_PIPE
        if self._failures:
            return exit_code(self._failures[0][1]) if len(self._request.sources) == 1 else Exit.FAILED
        return Exit.DONE

    async def _transcribe(self, source: str) -> None:
        name = shown_name(source)
        if self._destination is None:
            outcome = await self._attempt(source, None)
        else:
            outcome = await self._write_to(self._destination, source)
        if outcome.failure is not None:
            _log.debug("traceback:", exc_info=outcome.failure)
            rest = "; the text before it is in the result" if outcome.transcript.text else ""
            message = f"{outcome.failure}{rest}"
            if len(self._request.sources) > 1 and not str(outcome.failure).endswith(f" {name}"):
                message = f"{name}: {message.removeprefix(f'{name} ')}"
            self._failures.append((message, outcome.failure))

    async def _write_to(self, destination: Destination, source: str) -> Outcome:
        """As `_write`. One of several results that cannot be written does not stop the others."""
        try:
            with destination.open(shown_name(source)) as result:
                return await self._write(source, result)
        except VoxtideError as error:
            if len(self._request.sources) == 1:
                raise
            return Outcome(NOTHING, error)

    async def _write(self, source: str, result: Result) -> Outcome:
        """Run one source's stream and write its result. A failure without text leaves an existing file unchanged."""
        name = shown_name(source)
        if self._request.document_format == "jsonl":
            writer = EventWriter(lambda line: result.grow(line, ""), self._details(source))
            outcome = await self._attempt(source, result, writer)
            if outcome.failure is not None:
                writer.fail(name, outcome.failure)
            with self._bar.hidden():
                result.finish(None)
            return outcome
        outcome = await self._attempt(source, result)
        document = self._document(name, outcome)
        if document is not None:
            with self._bar.hidden():
                result.finish(document)
        return outcome

    async def _attempt(self, source: str, result: Result | None, *observers: Observer) -> Outcome:
        """Run one source's stream. A failure to start is an outcome, too."""
        self._interrupts.is_receiving = is_live(source)
        try:
            async with self._open(source) as audio:
                self._stdout.is_live = is_live(source, is_endless=audio.duration_s is None)
                saved = None
                if result is not None and self._stdout.is_live:
                    saved = result.begin_live()
                    observers += self._growing(source, result)
                async with self._engine.open(self._options(source)) as stream:
                    return await self._run(source, audio, stream, observers, saved)
        except VoxtideError as error:
            return Outcome(NOTHING, error)
        finally:
            self._interrupts.is_receiving = False

    def _growing(self, source: str, result: Result) -> tuple[Observer, ...]:
        """The observers that write a live source's document as it grows. For jsonl `EventWriter` does."""
        doc_format = self._request.document_format
        if doc_format is None or doc_format == "jsonl":
            return ()
        return (DocumentWriter(doc_format, shown_name(source), result, self._request.cue_shape),)

    async def _run(
        self, source: str, audio: AudioSource, stream: EngineStream, observers: tuple[Observer, ...], saved: str | None
    ) -> Outcome:
        metrics = LatencyMetrics()
        self._bar.begin(printable(audio.name), audio.duration_s)
        with self._viewing(audio.name, metrics, saved) as views, self._interrupts.finishing():
            outcome = await run_stream(
                audio,
                stream,
                (metrics, *observers, *views, self._bar),
                stop=self._interrupts.stop,
                is_flushing_at_pauses=self._request.is_flushing_at_pauses,
            )
        if self._terminal.is_gone and self._destination is None:
            self._stdout.rescue(to_txt(outcome.transcript.segments))
        if self._request.has_metrics:
            with self._bar.hidden():
                print_note(f"metrics of {audio.name}", *metrics_lines(metrics))
        return outcome

    @contextmanager
    def _viewing(self, name: str, metrics: LatencyMetrics, saved: str | None) -> Iterator[list[Observer]]:
        """The view of one source, if any."""
        if not self._request.is_live:
            yield [_NotePrinter(self._bar.hidden, saved)]
            return
        if len(self._request.sources) > 1:
            self._stdout.write(f"==> {printable(name)} <==\n")
        shown_metrics = metrics if self._request.has_metrics else None
        if not self._request.is_on_terminal:
            yield [PlainView(self._stdout, shown_metrics), _NotePrinter(nullcontext, saved)]
            return
        screen = Screen(self._terminal, shutil.get_terminal_size, is_styled=not os.environ.get("NO_COLOR"))
        view = LiveView(screen, title=self._engine.info.name, metrics=shown_metrics)
        self._interrupts.on_stop = lambda: view.show_state("finishing; Ctrl-C again stops at once")
        with closing(view), showing_logs(view.show_note) if sys.stderr.isatty() else nullcontext():
            yield [view, _NotePrinter(view.hidden, saved)]

    @asynccontextmanager
    async def _open(self, source: str) -> AsyncIterator[AudioSource]:
        is_microphone = source == MICROPHONE
        audio = self._microphone if is_microphone and self._microphone else _open_source(self._request, source)
        if self._request.is_real_time(source) and not is_microphone:
            audio = paced(audio)
        async with AsyncExitStack() as stack:
            await self._interrupts.opened(stack.enter_async_context(audio))
            if is_microphone and audio is not self._microphone:
                _print_microphone(audio)
            yield audio

    def _options(self, source: str) -> StreamOptions:
        request = self._request
        is_streamed = request.is_live or request.document_format == "jsonl"
        return StreamOptions(
            language=request.language,
            task=request.task,
            delay_ms=request.delay_ms,
            interim=request.has_interim and is_streamed,
            vocabulary=request.vocabulary,
            pace="live" if request.is_real_time(source) else "fast",
        )

    def _details(self, source: str) -> dict[str, str]:
        info = self._engine.info
        pace = "real" if self._request.is_real_time(source) else "fast"
        return {"source": shown_name(source), "engine": info.name, "model": info.model, "pace": pace}

    def _document(self, name: str, outcome: Outcome) -> str | None:
        transcript, failure = outcome.transcript, outcome.failure
        doc_format = self._request.document_format
        if failure is not None and not transcript.text:
            is_in_array = doc_format == "json" and len(self._request.sources) > 1 and self._request.output is None
            return error_document(name, failure) if is_in_array else None
        return whole_document(doc_format, transcript, name, self._request.cue_shape)


_OPTIONS = {"language_doubted": "--engine whisper"}
"""The options that a notice suggests, by its code. Its message names none: it is also for the API and for clients."""


class _NotePrinter(Observer):
    """Prints each notice of a source on stderr, and with the first audio the file in which its text is saved."""

    def __init__(self, hidden: Callable[[], AbstractContextManager[None]], saved: str | None) -> None:
        """`hidden` hides what is redrawn on the terminal; `saved` is the note about the file, if any."""
        self._hidden = hidden
        self._saved = saved

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        if self._saved is not None:
            with self._hidden():
                print_note(self._saved)
            self._saved = None

    def on_notice(self, notice: Notice, wall_s: float) -> None:
        options = f" ({_OPTIONS[notice.code]})" if notice.code in _OPTIONS else ""
        with self._hidden():
            print_note(f"note: {' '.join(notice.message.split())}{options}")


INTRODUCTION = """\
A recording, played at the speed of speech. Dim text may still change.
At each pause voxtide flushes: the text becomes final, and the stream continues.
"""


def demo(recording: str, *, engine: str, pace: PaceName, is_on_terminal: bool) -> Exit:
    """Transcribe one of the recordings in `voxtide/data`, and show the metrics.

    Raises:
        ConfigError: There is no such engine.
        ModelError: Its model cannot be used.
    """
    typer.echo(INTRODUCTION)
    with as_file(files("voxtide") / "data" / f"{recording}.wav") as path:
        request = Request(
            sources=(str(path),),
            engine=EngineChoice(engine_for(engine)),
            format="live",
            pace=pace,
            has_metrics=True,
            is_flushing_at_pauses=True,
            is_on_terminal=is_on_terminal,
        )
        with interruptible() as interrupts:
            return transcribe(request, interrupts)
