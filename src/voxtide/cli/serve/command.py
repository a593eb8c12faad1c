"""The command `serve`. In: a request. Out: a server on a port, until a signal; an exit code.

Puts the server together: engine, speech model, keys, web page, log.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import typer

import voxtide
from voxtide.audio.vad import VadModel
from voxtide.cli.failures import Exit, print_note
from voxtide.cli.interrupts import Interrupts, run_watched
from voxtide.cli.models import PullView
from voxtide.cli.serve.console import greeting, log_to_stderr
from voxtide.cli.serve.request import ServeRequest
from voxtide.config import Settings
from voxtide.engines.base import Engine
from voxtide.engines.registry import load_engine
from voxtide.errors import ConfigError, ModelError
from voxtide.models import ModelStore
from voxtide.server.calibration import MAX_STREAMS, num_carried
from voxtide.server.config import ServerConfig
from voxtide.server.http.endpoints import http_endpoints
from voxtide.server.serving import assemble, listen
from voxtide.server.supervisor import EngineSupervisor

_log = logging.getLogger("voxtide.server")

NUM_SPARE_STREAMS = 8
"""Engine streams beside those of sessions and files: for sessions that change from one to the next."""


def serve(request: ServeRequest) -> Exit:
    """Serve until the first signal; then finish what was said.

    Raises:
        ConfigError: A setting cannot be used, or the port cannot be had.
        ModelError: The engine's model cannot be used.
    """
    settings = Settings.from_environment(os.environ)
    config = request.server_config(os.environ, capacity=_capacity(request, settings), web_dir=_web_dir())
    with PullView() as progress, listen(config) as sock:

        def load() -> Engine:
            return load_engine(
                request.engine,
                model=request.model,
                store=ModelStore.from_settings(settings),
                num_threads=request.threads,
                max_streams=request.streams or config.capacity + _num_others(request),
                progress=progress,
                server=request.server,
                api_key=request.api_key,
                options=request.engine_options,
            )

        log_to_stderr(is_json=request.log_format == "json")
        return run_watched(partial(_serve, config, load, sock, settings))


def calibrate(request: ServeRequest) -> Exit:
    """Find out how many live streams the machine carries, tell, and remember it for `serve`.

    Raises:
        ConfigError: A setting cannot be used.
        ModelError: The engine's model cannot be used.
    """
    settings = Settings.from_environment(os.environ)
    max_streams = request.streams or MAX_STREAMS

    async def run(interrupts: Interrupts) -> Exit:
        with PullView() as progress:
            engine = await asyncio.to_thread(
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
        async with engine:
            carried = await num_carried(engine, on_tried=lambda tried: print_note(tried), max_streams=max_streams)
        path = remember(settings, request, carried)
        typer.echo(f"{request.engine} carries {carried} live streams here")
        print_note(f"voxtide serve --engine {request.engine} admits so many from now on; it is noted in {path}")
        return Exit.DONE

    return run_watched(run)


async def _serve(
    config: ServerConfig, load: Callable[[], Engine], sock: socket.socket, settings: Settings, interrupts: Interrupts
) -> Exit:
    async with EngineSupervisor(load) as supervisor:
        server = assemble(
            config, supervisor, version=voxtide.__version__, voice=_voice(settings), endpoints=http_endpoints
        )
        typer.echo(greeting(config, supervisor.info, port=sock.getsockname()[1]))
        with interrupts.finishing():
            interrupts.on_stop = lambda: _log.info(
                "finishing what was said; Ctrl-C again ends at once", extra={"event": "draining"}
            )
            await server.serve(sock, interrupts.stop)
    return interrupts.code or Exit.DONE


def _capacity(request: ServeRequest, settings: Settings) -> int:
    """Sessions at once; with --streams no more than there is room for."""
    asked, streams = request.capacity, request.streams
    if streams is None:
        return asked or calibrated(settings, request) or default_capacity()
    if asked is not None and asked > streams:
        raise ConfigError(f"{asked} sessions need more than {streams} streams; lower --capacity or raise --streams")
    return asked or max(streams - _num_others(request), (streams + 1) // 2)


def _num_others(request: ServeRequest) -> int:
    """Streams that are not sessions' own: those of files, and the spare ones."""
    return request.config.max_files + NUM_SPARE_STREAMS


def _voice(settings: Settings) -> VadModel | None:
    """The speech model, where it is there already; the engines that need it have pulled it."""
    store = ModelStore.from_settings(replace(settings, is_offline=True))
    try:
        return VadModel.from_store(store)
    except ModelError as error:
        print_note(f"clients cannot choose how turns are detected: {error}")
        return None


def _web_dir() -> Path | None:
    """The web page that comes with the package, if it does."""
    path = Path(voxtide.__file__).parent / "web"
    return path if (path / "index.html").is_file() else None


SESSIONS_PER_CORE = 4
"""Where nothing was measured: two thirds of what the default engine carried on two slow cores (docs/bench.md)."""


def default_capacity() -> int:
    """A number for a machine that was not calibrated."""
    return SESSIONS_PER_CORE * (os.cpu_count() or 1)


def calibrated(settings: Settings, request: ServeRequest) -> int | None:
    """What was found for this engine, told the same, and threads on a machine of as many cores; None if nothing."""
    found = _load(_path(settings)).get(_name(request))
    return found if isinstance(found, int) and found > 0 else None


def remember(settings: Settings, request: ServeRequest, num_carried: int) -> Path:
    """Note what was found. Returns the file."""
    path = _path(settings)
    known = _load(path) | {_name(request): num_carried}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=2) + "\n", "utf-8")
    return path


def _name(request: ServeRequest) -> str:
    threads = "own" if request.threads is None else request.threads
    own = "".join(f" {option}={value}" for option, value in sorted(request.engine_options.items()))
    return f"{request.engine} {request.model or 'default'} threads={threads} cores={os.cpu_count()}{own}"


def _path(settings: Settings) -> Path:
    return settings.models_dir.parent / "capacity.json"


def _load(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        logging.getLogger("voxtide.cli").warning("%s cannot be read (%s); calibrate again", path, error)
        return {}
    return known if isinstance(known, dict) else {}
