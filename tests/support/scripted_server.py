"""A server of the Mistral dialect on a real socket with scripted faults. It recognises the tones of `speak`."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import numpy as np
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from voxtide.engines.scripted import ScriptedConfig
from voxtide.engines.scripted.recogniser import ScriptedRecogniser
from voxtide.transcript.events import Delta, Finished, Flushed, SegmentEnded, TranscriptEvent
from voxtide.types import StreamOptions


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How the server behaves on one connection.

    Attributes:
        status: HTTP status of the refusal; None to accept the connection.
        is_silent: Never send `session.created`.
        ignores_flush: Do not answer flushes.
        num_dones: Number of `done` messages per flush.
        flush_delay_s: Delay of the answer to a flush.
        ignores_every: Ignore every n-th flush; 0 for none.
        repeat_after_s: Repeat each answer after this delay, without its segments; None for no repeats.
        ignores_end: Do not answer the end of the audio.
        end_delay_s: Delay of the answer to the end.
        abort_after_s: Abort the TCP connection when this much audio has arrived.
        aborts_at_flush: Abort it at a flush.
        aborts_at_end: Abort it at the end of the audio.
        has_deltas: Send deltas.
        has_segments: Send segments in `done`.
        transform: Applied to all text sent.
        close_code: Close the connection with this code at the first audio.
        error: Error sent at the first audio.
        interim: Interim text sent after each audio message.
        closes_when_ready: Close the connection after `session.created`.
        refuses_update: Error message in answer to the settings.
    """

    status: int | None = None
    is_silent: bool = False
    ignores_flush: bool = False
    num_dones: int = 1
    flush_delay_s: float = 0.0
    ignores_every: int = 0
    repeat_after_s: float | None = None
    ignores_end: bool = False
    end_delay_s: float = 0.0
    abort_after_s: float | None = None
    aborts_at_flush: bool = False
    aborts_at_end: bool = False
    has_deltas: bool = True
    has_segments: bool = True
    transform: Callable[[str], str] = str
    close_code: int | None = None
    error: dict[str, Any] | None = None
    interim: str | None = None
    closes_when_ready: bool = False
    refuses_update: str | None = None


GOOD = Behaviour()


@dataclass
class Seen:
    """What one connection received."""

    path: str
    headers: dict[str, str]
    kinds: list[str] = field(default_factory=list)
    session: dict[str, Any] = field(default_factory=dict)
    num_audio_bytes: int = 0
    is_open: bool = True


class ScriptedServer:
    """`behaviour` maps a connection's number to its behaviour."""

    def __init__(self, behaviour: Callable[[int], Behaviour]) -> None:
        self._behaviour = behaviour
        self.seen: list[Seen] = []
        self.num_refused = 0
        self._sockets: set[ServerConnection] = set()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def num_open(self) -> int:
        return sum(seen.is_open for seen in self.seen)

    def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        status = self._behaviour(len(self.seen) + self.num_refused).status
        if status is None:
            return None
        self.num_refused += 1
        response = connection.respond(HTTPStatus(status), '{"message":"not now"}\n')
        response.headers["Location"] = "http://elsewhere.example/?key=secret"
        return response

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        seen = Seen(socket.request.path, dict(socket.request.headers.raw_items()))
        behaviour = self._behaviour(len(self.seen) + self.num_refused)
        self.seen.append(seen)
        self._sockets.add(socket)
        with suppress(ConnectionClosed):
            await _Session(socket, behaviour, seen).run()
        self._sockets.discard(socket)
        seen.is_open = False

    def abort_all(self) -> None:
        """Abort all connections."""
        for socket in self._sockets:
            socket.transport.abort()


class _Session:
    def __init__(self, socket: ServerConnection, behaviour: Behaviour, seen: Seen) -> None:
        self._socket = socket
        self._behaviour = behaviour
        self._seen = seen
        self._recogniser = ScriptedRecogniser(
            ScriptedConfig(delay_ms=80, is_revising=False), StreamOptions(), _no_sleep
        )
        self._num_flushes = 0
        self._num_requested = 0
        self._repeats: asyncio.TaskGroup
        self._segments: list[SegmentEnded] = []

    async def run(self) -> None:
        if self._behaviour.is_silent:
            await self._socket.wait_closed()
            return
        await self._send("session.created", session=self._session())
        if self._behaviour.closes_when_ready:
            await self._socket.close()
        async with asyncio.TaskGroup() as self._repeats:
            with suppress(ConnectionClosed):
                await self._receive_all()

    async def _receive_all(self) -> None:
        async for frame in self._socket:
            message = json.loads(frame)
            self._seen.kinds.append(message["type"])
            await self._handle(message)

    async def _handle(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "session.update":
                if self._behaviour.refuses_update is not None:
                    await self._send("error", error={"message": self._behaviour.refuses_update, "code": 400})
                self._seen.session |= message["session"]
                await self._send("session.updated", session=self._session())
            case "input_audio.append":
                await self._handle_audio(base64.b64decode(message["audio"]))
            case "input_audio.flush":
                await self._flush()
            case "input_audio.end":
                await self._end()

    async def _handle_audio(self, payload: bytes) -> None:
        behaviour = self._behaviour
        if behaviour.error is not None:
            await self._send("error", error=behaviour.error)
        if behaviour.close_code is not None:
            await self._socket.close(behaviour.close_code)
            return
        self._seen.num_audio_bytes += len(payload)
        self._recogniser.feed(np.frombuffer(payload, "<i2").astype(np.float32) / 32768)
        await self._send_events(self._steps())
        if behaviour.interim is not None:
            await self._send("transcription.text.interim", text=behaviour.interim)
        if behaviour.abort_after_s is not None and self._seen.num_audio_bytes >= 32_000 * behaviour.abort_after_s:
            await self._abort()

    async def _flush(self) -> None:
        if self._behaviour.aborts_at_flush:
            await self._abort()
        self._num_requested += 1
        is_ignored = self._behaviour.ignores_every and self._num_requested % self._behaviour.ignores_every == 0
        if self._behaviour.ignores_flush or is_ignored:
            return
        await asyncio.sleep(self._behaviour.flush_delay_s)
        self._num_flushes += 1
        self._recogniser.flush(self._num_flushes)
        await self._send_events(self._steps())

    async def _end(self) -> None:
        if self._behaviour.aborts_at_end:
            await self._abort()
        if self._behaviour.ignores_end:
            return
        await asyncio.sleep(self._behaviour.end_delay_s)
        self._recogniser.flush(0)
        events = self._steps()
        self._recogniser.finish()
        await self._send_events(events)
        await self._socket.close()

    async def _abort(self) -> None:
        await asyncio.sleep(0.01)  # for the messages just sent to leave
        self._socket.transport.abort()
        raise ConnectionClosed(None, None)

    def _steps(self) -> list[TranscriptEvent]:
        events: list[TranscriptEvent] = []
        while (step_events := self._recogniser.step(is_behind=False)) is not None:
            events += step_events
        return events

    async def _send_events(self, events: list[TranscriptEvent]) -> None:
        for event in events:
            match event:
                case Delta(text) if self._behaviour.has_deltas:
                    await self._send("transcription.text.delta", text=self._behaviour.transform(text))
                case SegmentEnded() if self._behaviour.has_segments:
                    self._segments.append(event)
                case Flushed(_, text):
                    for _ in range(self._behaviour.num_dones):
                        await self._done(self._behaviour.transform(text))
                    self._segments.clear()
                    if self._behaviour.repeat_after_s is not None:
                        self._repeats.create_task(self._repeat(text, self._behaviour.repeat_after_s))
                case Finished():
                    raise AssertionError("the recogniser never finishes here")

    async def _repeat(self, text: str, after_s: float) -> None:
        await asyncio.sleep(after_s)
        with suppress(ConnectionClosed):
            await self._done(text)

    async def _done(self, text: str) -> None:
        segments = [
            {"text": it.segment.text, "start": it.segment.start_s, "end": it.segment.end_s} for it in self._segments
        ]
        await self._send("transcription.done", text=text, model="tones", language=None, segments=segments, usage={})

    def _session(self) -> dict[str, Any]:
        audio_format = {"encoding": "pcm_s16le", "sample_rate": 16000}
        return {"request_id": "ws-1", "model": "tones", "audio_format": audio_format} | self._seen.session

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._socket.send(json.dumps({**fields, "type": kind}))


@asynccontextmanager
async def serving(
    behaviour: Callable[[int], Behaviour] | Behaviour = GOOD, *, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[ScriptedServer]:
    """A local server. `behaviour` applies to all connections, or maps a connection's number to its behaviour."""
    server = ScriptedServer(behaviour if callable(behaviour) else lambda _: behaviour)
    async with serve(
        server.handle, "127.0.0.1", port, ssl=tls, process_request=server.admit, compression=None, ping_interval=None
    ) as listener:
        server.port = next(iter(listener.sockets)).getsockname()[1]
        try:
            yield server
        finally:
            listener.close(close_connections=True)


def after(*first: Behaviour, rest: Behaviour = GOOD) -> Callable[[int], Behaviour]:
    """`first` for the first connections, `rest` for the others."""
    return lambda number: first[number] if number < len(first) else rest


def _no_sleep(_: float) -> None:
    pass
