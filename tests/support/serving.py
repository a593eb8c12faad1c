"""Test servers on a free local port with a scripted engine, and helpers for their clients."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from websockets.asyncio.client import ClientConnection

from tests.support.waiting import until
from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.engines.base import Engine
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine, speak
from voxtide.server.app import Services
from voxtide.server.config import ServerConfig
from voxtide.server.realtime.sessions import Sessions
from voxtide.server.serving import Server, assemble, listen
from voxtide.server.supervisor import EngineSupervisor

MISTRAL = "/v1/audio/transcriptions/realtime"


@dataclass(frozen=True)
class Answer:
    """An HTTP response."""

    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RunningServer:
    """A running server and its parts."""

    server: Server
    supervisor: EngineSupervisor
    port: int
    stop: asyncio.Event

    @property
    def services(self) -> Services:
        return self.server.services

    @property
    def sessions(self) -> Sessions:
        return self.services.sessions

    def ws(self, path: str = MISTRAL) -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    async def get(self, path: str, **headers: str) -> Answer:
        """Send a GET request."""
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return await self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def send(self, request: bytes) -> Answer:
        """Send raw bytes; returns the response, read to the end of the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        status_line, *fields = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
        return Answer(int(status_line.split()[1]), headers, body.decode())

    async def metrics(self) -> str:
        return (await self.get("/metrics")).body


async def wait_for_sessions(server: RunningServer, num_sessions: int = 0) -> None:
    """Wait until `num_sessions` are open."""
    await until(lambda: server.sessions.num_sessions == num_sessions)


async def wait_for_restart(supervisor: EngineSupervisor) -> None:
    """Wait until a dead engine is replaced."""
    await until(lambda: supervisor.num_restarts > 0)


def engine(config: ScriptedConfig | None = None) -> Callable[[], Engine]:
    """A loader of a scripted engine with room for many streams."""
    return lambda: ScriptedEngine(config or ScriptedConfig(delay_ms=80), max_streams=1000)


@asynccontextmanager
async def running(
    config: ServerConfig | None = None, *, load: Callable[[], Any] | None = None, **more: Any
) -> AsyncIterator[RunningServer]:
    """A server on a free port, drained and stopped at the end."""
    config = replace(config or ServerConfig(), port=0)
    stop = asyncio.Event()
    async with EngineSupervisor(load or engine()) as supervisor:
        server = assemble(config, supervisor, version="test", **more)
        sock = listen(config)
        serving = asyncio.create_task(server.serve(sock, stop))
        try:
            yield RunningServer(server, supervisor, sock.getsockname()[1], stop)
        finally:
            stop.set()
            await serving
            sock.close()


def pcm(text: str) -> bytes:
    """16-bit PCM that the scripted engine transcribes as `text`."""
    return encode_pcm(speak(text), Encoding.PCM_S16LE)


def append(payload: bytes) -> str:
    return json.dumps({"type": "input_audio.append", "audio": base64.b64encode(payload).decode()})


FLUSH = json.dumps({"type": "input_audio.flush"})
END = json.dumps({"type": "input_audio.end"})


async def receive_until(socket: ClientConnection, until: str) -> list[dict[str, Any]]:
    """Receive messages up to the first of type `until`."""
    messages = []
    while not messages or messages[-1]["type"] != until:
        messages.append(json.loads(await socket.recv()))
    return messages


async def send_speech(socket: ClientConnection, text: str) -> None:
    """Send `text` as audio in chunks of 80 ms."""
    audio = pcm(text)
    for start in range(0, len(audio), 2560):
        await socket.send(append(audio[start : start + 2560]))
