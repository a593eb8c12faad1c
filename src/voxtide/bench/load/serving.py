"""Runs a server in its own process. In: which one, on which core. Out: its port, processor time and resources."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import multiprocessing
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from voxtide.bench.load.process import num_open_files, resident_mb, use_core
from voxtide.bench.load.session import BenchEngine
from voxtide.engines.base import Engine
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine
from voxtide.errors import VoxtideError
from voxtide.server.config import ServerConfig
from voxtide.server.serving import assemble, listen, tuned_gc
from voxtide.server.supervisor import EngineSupervisor

MAX_SESSIONS = 4000
START_S = 120.0
"""Includes loading a model."""


@dataclass(frozen=True, slots=True)
class Served:
    """Which server: `choice` None for the scripted engine; `is_bare` for a receiver that only decodes messages."""

    choice: BenchEngine | None = None
    is_bare: bool = False
    core: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Processor time used and resources held by a server's process."""

    cpu_s: float
    num_sessions: int
    num_streams: int
    num_tasks: int
    num_files: int
    resident_mb: float


class ServerProcess:
    """A running server in another process."""

    def __init__(self, pipe: Connection, port: int) -> None:
        self._pipe = pipe
        self.port = port

    async def holdings(self) -> Holdings:
        """Its resources now."""
        self._pipe.send("holdings")
        return Holdings(**await asyncio.to_thread(_receive, self._pipe))


@asynccontextmanager
async def serving(served: Served) -> AsyncIterator[ServerProcess]:
    """Start a server and stop it at the end of the block.

    Raises:
        VoxtideError: It did not start.
    """
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_main, args=(theirs, served), daemon=True)
    process.start()
    theirs.close()
    try:
        with tuned_gc():  # a collection here would pause the clients and look like server latency
            yield ServerProcess(ours, int(await asyncio.to_thread(_receive, ours)))
    finally:
        ours.close()  # asks it to stop
        await asyncio.to_thread(process.join, 30)
        process.kill()


def _receive(pipe: Connection) -> Any:
    try:
        if not pipe.poll(START_S):
            raise VoxtideError("the server's process does not answer")
        return pipe.recv()
    except EOFError as error:
        raise VoxtideError("the server's process ended; its error is above") from error


def _main(pipe: Connection, served: Served) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal: the caller decides
    if served.core is not None:
        use_core(served.core)
    asyncio.run(_serve_bare(pipe) if served.is_bare else _serve(pipe, served.choice))


async def _serve(pipe: Connection, choice: BenchEngine | None) -> None:
    config = ServerConfig(port=0, capacity=MAX_SESSIONS)
    stop = asyncio.Event()

    def load() -> Engine:
        return scripted if choice is None else choice.open()

    scripted = ScriptedEngine(ScriptedConfig(delay_ms=80), max_streams=MAX_SESSIONS)

    async with EngineSupervisor(load) as supervisor:
        server = assemble(config, supervisor, version="bench")
        with listen(config) as sock:
            pipe.send(sock.getsockname()[1])
            sessions = server.services.sessions
            _answer(pipe, lambda: sessions.num_sessions, lambda: scripted.num_open_streams, stop)
            await server.serve(sock, stop)


async def _serve_bare(pipe: Connection) -> None:
    """Decode JSON and base64 of every message, nothing else."""
    from websockets.asyncio.server import ServerConnection, serve

    async def receive(socket: ServerConnection) -> None:
        async for message in socket:
            base64.b64decode(json.loads(message)["audio"])

    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # it would log every aborted client
    stop = asyncio.Event()
    async with serve(receive, "127.0.0.1", 0, compression=None, backlog=MAX_SESSIONS) as server:
        pipe.send(next(iter(server.sockets)).getsockname()[1])
        _answer(pipe, lambda: 0, lambda: 0, stop)
        await stop.wait()


def _answer(
    pipe: Connection, num_sessions: Callable[[], int], num_streams: Callable[[], int], stop: asyncio.Event
) -> None:
    """Answer requests for `Holdings`. Set `stop` when the pipe closes."""
    loop = asyncio.get_running_loop()

    def on_request() -> None:
        try:
            pipe.recv()
        except EOFError:
            loop.remove_reader(pipe.fileno())
            stop.set()
            return
        pipe.send(
            {
                "cpu_s": time.process_time(),
                "num_sessions": num_sessions(),
                "num_streams": num_streams(),
                "num_tasks": len(asyncio.all_tasks()),
                "num_files": num_open_files(),
                "resident_mb": resident_mb(),
            }
        )

    loop.add_reader(pipe.fileno(), on_request)
