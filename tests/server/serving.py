"""Servers for tests: on a free port of this machine, over a scripted engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from websockets.asyncio.client import ClientConnection

from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.engines.base import Engine
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine, speak
from voxtide.server.assembly import assemble
from voxtide.server.config import ServerConfig
from voxtide.server.serving import Server, listen
from voxtide.server.supervisor import EngineSupervisor

MISTRAL = "/v1/audio/transcriptions/realtime"


@dataclass
class Running:
    """A server that runs, and what is behind it."""

    server: Server
    supervisor: EngineSupervisor
    port: int
    stop: asyncio.Event

    def ws(self, path: str = MISTRAL) -> str:
        return f"ws://127.0.0.1:{self.port}{path}"

    def http(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def scripted() -> Engine:
    return ScriptedEngine(ScriptedConfig(delay_ms=80), max_streams=1000)


@asynccontextmanager
async def running(
    config: ServerConfig | None = None, *, load: Callable[[], Engine] = scripted, **more: Any
) -> AsyncIterator[Running]:
    """A server on a free port; stopped, and drained, at the end."""
    config = replace(config or ServerConfig(), port=0)
    stop = asyncio.Event()
    async with EngineSupervisor(load) as supervisor:
        server = assemble(config, supervisor, version="test", **more)
        sock = listen(config)
        serving = asyncio.create_task(server.serve(sock, stop))
        try:
            yield Running(server, supervisor, sock.getsockname()[1], stop)
        finally:
            stop.set()
            await serving
            sock.close()


def pcm(text: str) -> bytes:
    """What the scripted engine hears as `text`, as 16-bit PCM."""
    return encode_pcm(speak(text), Encoding.PCM_S16LE)


def append(payload: bytes) -> str:
    import base64

    return json.dumps({"type": "input_audio.append", "audio": base64.b64encode(payload).decode()})


FLUSH = json.dumps({"type": "input_audio.flush"})
END = json.dumps({"type": "input_audio.end"})


async def heard(socket: ClientConnection, until: str) -> list[dict[str, Any]]:
    """Messages up to the first of type `until`."""
    messages = []
    while not messages or messages[-1]["type"] != until:
        messages.append(json.loads(await socket.recv()))
    return messages


async def say(socket: ClientConnection, text: str) -> None:
    """Send audio in chunks of 80 ms."""
    audio = pcm(text)
    for start in range(0, len(audio), 2560):
        await socket.send(append(audio[start : start + 2560]))
