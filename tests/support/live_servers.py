"""Servers in their own thread, for clients that must not share their event loop; and a proxy that can be cut."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TypeVar

from voxtide.engines.base import Engine
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine
from voxtide.server.config import ServerConfig
from voxtide.server.serving import assemble, listen
from voxtide.server.supervisor import EngineSupervisor

T = TypeVar("T")

START_S = 30.0
"""Timeout for the start or stop of a server on a busy machine."""


class ServerThread:
    """A thread with an event loop. Context managers entered in it exit with it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test-servers", daemon=True)
        self._thread.start()
        self._stack = AsyncExitStack()

    def enter(self, server: AbstractAsyncContextManager[T]) -> T:
        """Enter a server; returns what it yields."""
        return self._run(self._stack.enter_async_context, server)

    def wait_for(self, coroutine_function: Callable[[], Coroutine[object, object, T]]) -> T:
        """Run a coroutine function in the thread and wait for its result."""
        return self._run(coroutine_function)

    def call(self, function: Callable[[], None]) -> None:
        """Call a function in the thread and wait until it returns."""
        done: Future[None] = Future()
        self._loop.call_soon_threadsafe(lambda: done.set_result(function()))
        done.result(START_S)

    def close(self) -> None:
        """Stop the servers in reverse order, then the thread."""
        self._run(self._stack.aclose)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)
        self._loop.close()

    def _run(self, coroutine_function: Callable[..., object], *arguments: object) -> T:
        coroutine = coroutine_function(*arguments)
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(START_S)  # type: ignore[arg-type]  # a coroutine


class CuttableProxy:
    """A TCP proxy that can be cut."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._writers: set[asyncio.StreamWriter] = set()
        self._listening: asyncio.Server | None = None
        self._is_cut = False
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def cut(self) -> None:
        """Abort all connections and accept no new ones. Call it in the server's thread."""
        self._is_cut = True
        if self._listening is not None:
            for sock in self._listening.sockets:
                asyncio.get_running_loop().remove_reader(sock.fileno())
            for _ in range(3):  # asyncio leaves open a connection accepted just before
                await asyncio.sleep(0)
            self._listening.close()
        self.interrupt()

    def interrupt(self) -> None:
        """Abort all connections; accept new ones. Call it in the server's thread."""
        for writer in self._writers:
            writer.transport.abort()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[CuttableProxy]:
        self._listening = await asyncio.start_server(self._join, "127.0.0.1", 0)
        self.port = self._listening.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            await self.cut()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._writers |= {writer, upstream_writer}
        if self._is_cut:
            self.interrupt()
        await asyncio.gather(_pump(reader, upstream_writer), _pump(upstream_reader, writer))
        self._writers -= {writer, upstream_writer}


@asynccontextmanager
async def voxtide_server(engine: Callable[[], Engine] | None = None, **config: object) -> AsyncIterator[str]:
    """A voxtide server on a free port with a scripted engine; yields its URL."""
    stop = asyncio.Event()
    settings = ServerConfig(port=0, **({"capacity": 500} | config))  # type: ignore[arg-type]  # checked by ServerConfig
    async with EngineSupervisor(engine or scripted_engine) as supervisor:
        server = assemble(settings, supervisor, version="test")
        sock = listen(settings)
        serving = asyncio.create_task(server.serve(sock, stop))
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            stop.set()
            await serving
            sock.close()


def scripted_engine() -> ScriptedEngine:
    return ScriptedEngine(ScriptedConfig(delay_ms=80), num_threads=2, max_streams=1000)


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()
