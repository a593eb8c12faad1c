"""The command `serve`. In: a request. Out: a server on a port until a signal; an exit code.

Also `serve --calibrate`, which measures this machine's capacity and stores it in a file.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import typer

import voxtide
from voxtide.audio.vad import VadModel
from voxtide.cli.failures import Exit, drop_stdout, print_note
from voxtide.cli.interrupts import Interrupts, run_watched
from voxtide.cli.models import PullView
from voxtide.cli.serve.console import log_to_stderr, startup_text
from voxtide.cli.serve.request import ServeRequest
from voxtide.config import Settings
from voxtide.engines.base import Engine
from voxtide.engines.registry import load_engine
from voxtide.errors import ConfigError, ModelError
from voxtide.models import ModelStore
from voxtide.server.calibration import MAX_STREAMS, max_sustained_streams
from voxtide.server.config import ServerConfig
from voxtide.server.http.endpoints import http_endpoints
from voxtide.server.serving import assemble, listen
from voxtide.server.supervisor import EngineSupervisor
from voxtide.types import StreamOptions

_log = logging.getLogger("voxtide.server")

NUM_SPARE_STREAMS = 8
"""Engine streams beside those of sessions and files, for sessions that replace their stream."""

SESSIONS_PER_CORE = 4
"""Without calibration: two thirds of what the default engine sustains on two slow cores (docs/bench.md)."""


def serve(request: ServeRequest) -> Exit:
    """Serve until the first signal; then let the sessions finish.

    Raises:
        ConfigError: A setting cannot be used, or the port cannot be bound.
        ModelError: The engine's model cannot be used.
    """
    if sys.__stdout__ is None:
        drop_stdout()  # a service may close stdout; the log goes to stderr
    settings = Settings.from_environment(os.environ)
    config = request.server_config(os.environ, capacity=_capacity(request, settings), web_dir=_web_dir())
    max_streams = request.streams or config.capacity + _num_other_streams(request)
    with PullView() as progress, listen(config) as sock:
        load = _loader(request, settings, max_streams, progress)
        log_to_stderr(is_json=request.log_format == "json")
        return run_watched(partial(_serve, config, load, sock, settings))


def calibrate(request: ServeRequest) -> Exit:
    """Measure how many live streams this machine sustains, print the number, and store it for `serve`.

    Raises:
        ConfigError: A setting cannot be used.
        ModelError: The engine's model cannot be used.
    """
    settings = Settings.from_environment(os.environ)
    max_streams = request.streams or MAX_STREAMS

    async def run(interrupts: Interrupts) -> Exit:
        with PullView() as progress:
            engine = await asyncio.to_thread(_loader(request, settings, max_streams, progress))
        async with engine:
            num_streams = await max_sustained_streams(
                engine, on_trial=lambda result: print_note(result), max_streams=max_streams
            )
        path = store_capacity(settings, request, num_streams)
        typer.echo(f"{request.engine} sustains {num_streams} live streams here")
        print_note(
            f"voxtide serve --engine {request.engine} now admits that many sessions; the number is stored in {path}"
        )
        return Exit.DONE

    return run_watched(run)


def default_capacity() -> int:
    """The capacity of a machine without calibration."""
    return SESSIONS_PER_CORE * (os.cpu_count() or 1)


def calibrated_capacity(settings: Settings, request: ServeRequest) -> int | None:
    """The calibration stored for this engine, options, threads and core count, or None."""
    found = _read_capacities(_capacity_path(settings)).get(_calibration_key(request))
    return found if isinstance(found, int) and found > 0 else None


def store_capacity(settings: Settings, request: ServeRequest, num_streams: int) -> Path:
    """Store a result. Returns the file."""
    path = _capacity_path(settings)
    capacities = _read_capacities(path) | {_calibration_key(request): num_streams}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(capacities, indent=2) + "\n", "utf-8")
    return path


async def _serve(
    config: ServerConfig, load: Callable[[], Engine], sock: socket.socket, settings: Settings, interrupts: Interrupts
) -> Exit:
    async with EngineSupervisor(load) as supervisor:
        supervisor.info.check(StreamOptions(language=config.language))
        server = assemble(config, supervisor, version=voxtide.__version__, vad=_vad(settings), endpoints=http_endpoints)
        typer.echo(startup_text(config, supervisor.info, port=sock.getsockname()[1]))
        with interrupts.finishing():
            interrupts.on_stop = lambda: _log.info(
                "waiting for sessions to finish; press Ctrl-C again to stop at once", extra={"event": "draining"}
            )
            await server.serve(sock, interrupts.stop)
    return interrupts.code or Exit.DONE


def _loader(request: ServeRequest, settings: Settings, max_streams: int, progress: PullView) -> Callable[[], Engine]:
    return partial(
        load_engine,
        request.engine,
        model=request.model,
        store=ModelStore.from_settings(settings),
        num_threads=request.threads,
        max_streams=max_streams,
        progress=progress,
        server=request.server,
        api_key=request.api_key,
        options=request.engine_options,
    )


def _capacity(request: ServeRequest, settings: Settings) -> int:
    """Concurrent sessions; with --streams at most what those allow."""
    capacity, streams = request.capacity, request.streams
    if streams is None:
        return capacity or calibrated_capacity(settings, request) or default_capacity()
    if capacity is not None and capacity > streams:
        raise ConfigError(f"{capacity} sessions need more than {streams} streams; lower --capacity or raise --streams")
    return capacity or max(streams - _num_other_streams(request), (streams + 1) // 2)


def _num_other_streams(request: ServeRequest) -> int:
    """Streams beside the sessions': those of files, and the spare ones."""
    return request.config.max_files + NUM_SPARE_STREAMS


def _vad(settings: Settings) -> VadModel | None:
    """The VAD model if it is stored; engines that need it have pulled it by now."""
    store = ModelStore.from_settings(replace(settings, is_offline=True))
    try:
        return VadModel.from_store(store)
    except ModelError as error:
        print_note(f"clients cannot choose how turns are detected: {error}")
        return None


def _web_dir() -> Path | None:
    """The packaged web page, if present."""
    path = Path(voxtide.__file__).parent / "web"
    return path if (path / "index.html").is_file() else None


def _calibration_key(request: ServeRequest) -> str:
    threads = "own" if request.threads is None else request.threads
    options = "".join(f" {option}={value}" for option, value in sorted(request.engine_options.items()))
    return f"{request.engine} {request.model or 'default'} threads={threads} cores={os.cpu_count()}{options}"


def _capacity_path(settings: Settings) -> Path:
    return settings.models_dir.parent / "capacity.json"


def _read_capacities(path: Path) -> dict[str, Any]:
    try:
        capacities = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        logging.getLogger("voxtide.cli").warning("%s cannot be read (%s); calibrate again", path, error)
        return {}
    return capacities if isinstance(capacities, dict) else {}
