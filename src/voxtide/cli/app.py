"""The commands. In: arguments. Out: a call of the module that does the work, and its exit code.

Each command imports its module when it runs, which keeps --help fast.
"""

from __future__ import annotations

import logging
import os
import sys
from abc import ABC, abstractmethod
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from voxtide.cli import options
from voxtide.cli.failures import COMPARE_EXIT_CODES_HELP, EXIT_CODES_HELP, SERVE_EXIT_CODES_HELP, reporting
from voxtide.cli.serve import options as serve_options
from voxtide.server.config import ServerConfig

MIB = 1024 * 1024

_SERVER = ServerConfig()
"""The defaults of `serve`."""

_EXAMPLES = """\b
Examples:
  voxtide demo                                    a sample recording, transcribed as if live
  voxtide transcribe mic                          your speech, until Ctrl-C
  voxtide transcribe talk.mp3                     watch the text on the terminal
  voxtide transcribe talk.mp3 --output talk.srt   subtitles
  voxtide transcribe talk.mp3 --language french   another language than English
  voxtide transcribe *.wav --output texts/        one text file for each
  voxtide compare talk.wav                        streaming against chunks, side by side
  voxtide serve                                   a web page and an API for other programs
  voxtide doctor                                  what works here, and how to fix the rest
  voxtide bench --quick                           how accurate and how fast it is here
"""

_TRANSCRIBE_EXAMPLES = """\b
Examples:
  voxtide transcribe mic --output notes.txt
  voxtide transcribe https://example.com/talk.mp3 --format srt > talk.srt
  voxtide transcribe a.wav b.mp3 --format json
  arecord -f S16_LE -r 16000 | voxtide transcribe - --encoding pcm_s16le --format jsonl --pace real
  voxtide transcribe - --encoding pcm_mulaw --sample-rate 8000 < call.raw
  voxtide transcribe call.wav --vocabulary names.txt --vocabulary Kubernetes
  voxtide transcribe mic --server http://localhost:8000
  MISTRAL_API_KEY=... voxtide transcribe talk.mp3 --engine remote

"""

_SERVE_EXAMPLES = """\b
Examples:
  voxtide serve
  voxtide serve --calibrate
  voxtide serve --host 0.0.0.0 --keys-file keys.txt --tls-cert cert.pem --tls-key key.pem
  voxtide serve --engine whisper --capacity 4 --log-format json

"""

_COMPARE_EXAMPLES = """\b
Examples:
  voxtide compare
  voxtide compare talk.mp3 --chunk 2,5 --words
  voxtide compare talk.wav --reference talk.txt --json talk.json --plot talk.svg
  voxtide compare talk.wav --engine whisper --language French --chunk 5
  voxtide compare talk.wav --server http://localhost:8000

"""

app = typer.Typer(
    name="voxtide",
    help="Speech to text while the speaker is still talking, on your own machine.",
    epilog=_EXAMPLES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


class _Later(TyperGroup, ABC):
    """A group whose commands are imported on first use: their imports are slow."""

    def list_commands(self, ctx: Any) -> list[str]:
        return self._loaded().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return self._loaded().get_command(ctx, cmd_name)

    def _loaded(self) -> TyperGroup:
        group = get_command(self._app())
        assert isinstance(group, TyperGroup)
        return group

    @abstractmethod
    def _app(self) -> typer.Typer:
        """Import the commands."""


class _Models(_Later):
    """The commands of cli/models.py."""

    def _app(self) -> typer.Typer:
        from voxtide.cli.models import models_app

        return models_app


class _Bench(_Later):
    """The commands of cli/bench.py. Without a command it measures."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        from voxtide.cli.bench import with_command

        return super().parse_args(ctx, with_command(args, self.list_commands(ctx)))

    def _app(self) -> typer.Typer:
        from voxtide.cli.bench import bench_app

        return bench_app


app.add_typer(
    typer.Typer(cls=_Models, no_args_is_help=True, rich_markup_mode=None),
    name="models",
    help="Pull, verify and locate models.",
)
app.add_typer(
    typer.Typer(cls=_Bench, rich_markup_mode=None),
    name="bench",
    help="Measure accuracy, latency and speed on this machine.",
)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"voxtide {version('voxtide')}")
        raise typer.Exit


@app.callback()
def _main(
    debug: options.Debug = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    detail = "%(asctime)s %(name)s %(levelname)s %(message)s"
    plain = "voxtide: warning: %(message)s"
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, format=detail if debug else plain)


@app.command(epilog=_TRANSCRIBE_EXAMPLES + EXIT_CODES_HELP, short_help="Transcribe files, URLs, stdin or a microphone.")
def transcribe(
    sources: options.Sources,
    engine: options.AnyEngine = None,
    server: options.ServerAddress = None,
    api_key: options.ApiKey = None,
    model: options.Model = None,
    language: options.Language = None,
    task: options.Task = "transcribe",
    delay_ms: options.DelayMs = None,
    vocabulary: options.Vocabulary = None,
    threads: options.Threads = None,
    device: options.Device = None,
    compute_type: options.ComputeType = None,
    weights: options.Weights = None,
    window_minutes: options.WindowMinutes = None,
    interim_every_ms: options.InterimEveryMs = None,
    format: options.Format = None,
    output: options.Output = None,
    append: options.Append = False,
    force: options.Force = False,
    pace: options.Pace = None,
    interim: options.Interim = True,
    flush_at_pauses: options.FlushAtPauses = False,
    line_length: options.LineLength = None,
    max_lines: options.MaxLines = None,
    metrics: options.Metrics = False,
    chunk_ms: options.ChunkMs = 80,
    microphone: options.Microphone = None,
    encoding: options.Encoding = None,
    sample_rate: options.SampleRate = None,
    channels: options.Channels = None,
    track: options.Track = None,
) -> None:
    """Transcribe files, URLs, stdin or a microphone.

    On a terminal, words appear while they are spoken; text that may still change is dim. In a pipe, and with --output,
    the result is a document. Ctrl-C ends the audio, and the speech up to then is still transcribed; a second Ctrl-C
    stops at once.
    """
    with reporting():
        from voxtide.cli.interrupts import interruptible

        with interruptible(is_receiving=sources[0] == "-") as interrupts:  # a pipe holds audio while this imports
            from voxtide.cli.remote import choose_engine, engine_options
            from voxtide.cli.transcribe.command import transcribe as run
            from voxtide.cli.transcribe.request import Request
            from voxtide.cli.transcribe.vocabulary import read_vocabulary

            own = engine_options(device, compute_type, weights, window_minutes, interim_every_ms)
            request = Request(
                sources=tuple(sources),
                engine=choose_engine(
                    engine, server, api_key, os.environ, own, language=language, model=model, task=task
                ),
                model=model,
                threads=threads,
                language=language,
                task=task,
                delay_ms=delay_ms,
                vocabulary=read_vocabulary(vocabulary or ()),
                has_interim=interim,
                format=format,
                output=output,
                is_appending=append,
                is_forced=force,
                pace=pace,
                chunk_ms=chunk_ms,
                microphone=microphone,
                encoding=encoding,
                sample_rate_hz=sample_rate,
                channels=channels,
                track=track,
                line_length=line_length,
                max_lines=max_lines,
                has_metrics=metrics,
                is_flushing_at_pauses=flush_at_pauses,
                is_on_terminal=_is_on_terminal(),
            )
            raise typer.Exit(run(request, interrupts))


@app.command(epilog=EXIT_CODES_HELP, short_help="Transcribe a sample recording as if live.")
def demo(
    recording: options.Recording = "beckett", engine: options.Engine = "auto", pace: options.DemoPace = "real"
) -> None:
    """Transcribe a recording that comes with voxtide as if it were live, flushing at each pause."""
    with reporting():
        from voxtide.cli.transcribe.command import demo as run

        raise typer.Exit(run(recording, engine=engine, pace=pace, is_on_terminal=_is_on_terminal()))


@app.command(
    epilog=_COMPARE_EXAMPLES + COMPARE_EXIT_CODES_HELP, short_help="Compare streaming with chunks, side by side."
)
def compare(
    source: options.Compared = None,
    chunk: options.Chunk = "1,3,5,10",
    engine: options.AnyEngine = None,
    server: options.ServerAddress = None,
    api_key: options.ApiKey = None,
    model: options.Model = None,
    language: options.Language = None,
    threads: options.Threads = None,
    device: options.Device = None,
    compute_type: options.ComputeType = None,
    weights: options.Weights = None,
    window_minutes: options.WindowMinutes = None,
    interim_every_ms: options.InterimEveryMs = None,
    reference: options.Reference = None,
    words: options.Words = False,
    json: options.JsonPath = None,
    plot: options.PlotPath = None,
) -> None:
    """Compare streaming with chunks: record some seconds, send them, wait; the same audio, model and machine.

    On a terminal both run side by side in real time. Then a table has when words were shown and final in each way, the
    errors where the spoken text is known, and the processor time. At most 10 minutes of the recording are used. Ctrl-C
    ends it and prints what is done.
    """
    with reporting():
        from voxtide.cli.compare.command import CompareRequest
        from voxtide.cli.compare.command import compare as run
        from voxtide.cli.remote import choose_engine, engine_options

        own = engine_options(device, compute_type, weights, window_minutes, interim_every_ms)
        request = CompareRequest(
            source=source,
            engine=choose_engine(engine, server, api_key, os.environ, own, language=language, model=model),
            chunk=chunk,
            model=model,
            threads=threads,
            language=language,
            reference=reference,
            has_words=words,
            json=json,
            plot=plot,
            is_on_terminal=_is_on_terminal(),
        )
        raise typer.Exit(run(request))


@app.command(epilog=_SERVE_EXAMPLES + SERVE_EXIT_CODES_HELP, short_help="Serve transcription to other programs.")
def serve(
    engine: options.AnyEngine = None,
    server: options.ServerAddress = None,
    api_key: options.ApiKey = None,
    model: options.Model = None,
    language: serve_options.Language = None,
    threads: options.Threads = None,
    device: options.Device = None,
    compute_type: options.ComputeType = None,
    weights: options.Weights = None,
    window_minutes: options.WindowMinutes = None,
    interim_every_ms: options.InterimEveryMs = None,
    host: serve_options.Host = _SERVER.host,
    port: serve_options.Port = _SERVER.port,
    capacity: serve_options.Capacity = None,
    streams: serve_options.Streams = None,
    calibrate: serve_options.Calibrate = False,
    keys_file: serve_options.KeysFile = None,
    origin: serve_options.Origins = None,
    tls_cert: serve_options.TlsCertificate = None,
    tls_key: serve_options.TlsKey = None,
    max_message_bytes: serve_options.MaxMessageBytes = _SERVER.max_message_bytes,
    max_audio_ahead: serve_options.MaxAudioAhead = _SERVER.max_audio_ahead_s or 0,
    max_session: serve_options.MaxSession = _SERVER.max_session_s or 0,
    max_idle: serve_options.MaxIdle = _SERVER.max_idle_s or 0,
    max_unread: serve_options.MaxUnread = _SERVER.max_unread_s,
    ping_interval: serve_options.PingInterval = _SERVER.ping_interval_s,
    pong_wait: serve_options.PongWait = _SERVER.pong_wait_s,
    close_wait: serve_options.CloseWait = _SERVER.close_wait_s,
    max_files: serve_options.MaxFiles = _SERVER.max_files,
    max_upload_mb: serve_options.MaxUpload = _SERVER.max_upload_bytes // MIB,
    max_file_audio: serve_options.MaxFileAudio = _SERVER.max_file_audio_s,
    fetch_private: serve_options.FetchPrivate = _SERVER.can_fetch_private,
    drain: serve_options.Drain = _SERVER.drain_s,
    requests_per_minute: serve_options.RequestsPerMinute = _SERVER.requests_per_minute or 0,
    sessions_per_minute: serve_options.SessionsPerMinute = _SERVER.sessions_per_minute or 0,
    log_format: serve_options.LogFormat = "text",
) -> None:
    """Serve clients that speak the Mistral, OpenAI or vLLM realtime protocol, or upload files.

    Ctrl-C and SIGTERM let every session finish its audio; a second signal stops at once. API keys come from
    --keys-file and from VOXTIDE_KEYS (separated by commas); without any, everyone who can reach the server may use it.
    With --server or --engine remote it is a gateway: another server transcribes.
    """
    with reporting():
        from voxtide.cli.remote import choose_engine, engine_options
        from voxtide.cli.serve import command
        from voxtide.cli.serve.request import ServeRequest

        own = engine_options(device, compute_type, weights, window_minutes, interim_every_ms)
        choice = choose_engine(engine, server, api_key, os.environ, own, language=language, model=model)
        request = ServeRequest(
            engine=choice.name,
            server=choice.server,
            api_key=choice.api_key,
            engine_options=choice.options,
            model=model,
            threads=threads,
            capacity=capacity,
            streams=streams,
            keys_file=keys_file,
            config=ServerConfig(
                host=host,
                port=port,
                language=language,
                origins=tuple(origin or ()),
                tls_certificate=tls_cert,
                tls_key=tls_key,
                max_message_bytes=max_message_bytes,
                max_unread_s=max_unread,
                ping_interval_s=ping_interval,
                pong_wait_s=pong_wait,
                close_wait_s=close_wait,
                max_audio_ahead_s=max_audio_ahead or None,
                max_session_s=max_session or None,
                max_idle_s=max_idle or None,
                max_files=max_files,
                max_upload_bytes=max_upload_mb * MIB,
                max_file_audio_s=max_file_audio,
                can_fetch_private=fetch_private,
                drain_s=drain,
                requests_per_minute=requests_per_minute or None,
                sessions_per_minute=sessions_per_minute or None,
            ),
            log_format=log_format,
        )
        raise typer.Exit(command.calibrate(request) if calibrate else command.serve(request))


@app.command(short_help="Show what works on this machine, and how to fix the rest.")
def doctor(
    engine: options.Engine = "auto",
    model: options.Model = None,
    device: options.Device = None,
    compute_type: options.ComputeType = None,
    weights: options.Weights = None,
    window_minutes: options.WindowMinutes = None,
    show_all: options.All = False,
    as_json: options.Json = False,
) -> None:
    """Check this machine: whether the engine can run, what works, and how to fix the rest.

    With --engine voxtral it also shows how many streams fit. The exit code is 0 if the engine can run, else 1.
    """
    with reporting():
        from voxtide.cli.doctor import doctor as run
        from voxtide.cli.remote import engine_options

        own = engine_options(device, compute_type, weights, window_minutes)
        raise typer.Exit(run(is_json=as_json, is_complete=show_all, engine=engine, model=model, options=own))


@app.command()
def devices(meter: options.Meter = False, microphone: options.Microphone = None) -> None:
    """List the microphones."""
    with reporting():
        from voxtide.cli.devices import devices as run

        raise typer.Exit(run(is_metering=meter, device=microphone, is_on_terminal=_is_on_terminal()))


def _is_on_terminal() -> bool:
    """Whether stdout is a terminal that can redraw lines."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
