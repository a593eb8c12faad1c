"""A fake vLLM realtime server on a real socket, with vLLM's rules for queues and generations.

- Audio is only queued. A commit starts a generation; further commits are ignored while it runs.
- A final commit only queues the end of the audio.
- When a generation ends, the server sends `done` and discards the rest of the queue.
- A generation ends in no other way, and an invalid message is answered only by an error.

It recognises the audio of `speak`, with one recogniser per connection.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from voxtide.engines.scripted import ScriptedConfig
from voxtide.engines.scripted.recogniser import ScriptedRecogniser
from voxtide.transcript.events import Delta, Flushed
from voxtide.types import Samples, StreamOptions

MODEL = "mistralai/Voxtral-Mini-4B-Realtime-2602"


@dataclass
class VllmServer:
    """Records messages and simulates failures.

    Attributes:
        num_lost_dones: The first generations, this many, end without `done`.
        num_failing: The first generations, this many, end with an error.
        num_discarded: Discarded pieces of audio.
        num_ignored: Ignored commits.
    """

    num_lost_dones: int = 0
    num_failing: int = 0
    url: str = ""
    num_discarded: int = 0
    num_ignored: int = 0
    paths: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.paths.append(socket.request.path)
        session = _Session(self, socket)
        with suppress(ConnectionClosed):
            await session.run()
        await session.close()


class _Session:
    def __init__(self, server: VllmServer, socket: ServerConnection) -> None:
        self._server = server
        self._socket = socket
        self._queue: asyncio.Queue[Samples | None] = asyncio.Queue()
        self._generation: asyncio.Task[None] | None = None
        self._is_validated = False
        self._recogniser = ScriptedRecogniser(
            ScriptedConfig(delay_ms=80, is_revising=False), StreamOptions(), _no_sleep
        )
        self._num_generations = 0

    async def run(self) -> None:
        await self._send("session.created", id="sess-1", created=int(time.time()))
        async for frame in self._socket:
            message = json.loads(frame)
            self._server.kinds.append(message["type"])
            await self._take(message)

    async def close(self) -> None:
        if self._generation is not None:
            self._generation.cancel()
            await asyncio.wait({self._generation})

    async def _take(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "session.update" if message.get("model") == MODEL:
                self._is_validated = True
            case "session.update":
                await self._fail(f"The model `{message.get('model')}` does not exist.", "model_not_found")
            case "input_audio_buffer.append":
                audio = base64.b64decode(message["audio"])
                self._queue.put_nowait(np.frombuffer(audio, "<i2").astype(np.float32) / 32768)
            case "input_audio_buffer.commit" if message.get("final"):
                self._queue.put_nowait(None)
            case "input_audio_buffer.commit" if not self._is_validated:
                await self._fail("Model not validated. Send session.update first.", "model_not_validated")
            case "input_audio_buffer.commit" if self._generation is not None:
                self._server.num_ignored += 1
            case "input_audio_buffer.commit":
                self._generation = asyncio.create_task(self._generate())
            case kind:
                await self._fail(f"Unknown event type: {kind}", "unknown_event")

    async def _generate(self) -> None:
        with suppress(ConnectionClosed):
            while (samples := await self._queue.get()) is not None:
                self._recogniser.feed(samples)
                await self._send_events()
                await self._send("transcription.delta", delta="")  # a frame without text
            self._num_generations += 1
            self._recogniser.flush(self._num_generations)
            await self._send_events()
        self._generation = None
        while not self._queue.empty():
            self._server.num_discarded += self._queue.get_nowait() is not None

    async def _send_events(self) -> None:
        while (events := self._recogniser.step(is_behind=False)) is not None:
            for event in events:
                match event:
                    case Delta(text):
                        await self._send("transcription.delta", delta=text)
                    case Flushed(_, text):
                        await self._send_done(text)

    async def _send_done(self, text: str) -> None:
        if self._server.num_failing > 0:
            self._server.num_failing -= 1
            await self._fail("CUDA error", "processing_error")
        elif self._server.num_lost_dones > 0:
            self._server.num_lost_dones -= 1
        else:
            usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
            await self._send("transcription.done", text=text, usage=usage)

    async def _fail(self, error: str, code: str) -> None:
        await self._send("error", error=error, code=code)

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({"type": kind, **fields}))


@asynccontextmanager
async def serving_vllm(server: VllmServer | None = None) -> AsyncIterator[VllmServer]:
    """A vLLM server on a free port of this machine."""
    server = server or VllmServer()
    async with serve(server.handle, "127.0.0.1", 0, compression=None, ping_interval=None) as listening:
        server.url = f"http://127.0.0.1:{next(iter(listening.sockets)).getsockname()[1]}"
        try:
            yield server
        finally:
            listening.close(close_connections=True)


def _no_sleep(_: float) -> None:
    pass
