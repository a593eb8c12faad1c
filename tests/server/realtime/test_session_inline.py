"""Messages handled in the connection's callback: what needs no await at once, the rest in order, and failures.

No sockets: a test feeds bytes to a connection and checks the effects before it yields to the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import numpy as np

from tests.support.waiting import until
from tests.support.websocket_bytes import TEXT, frame, upgrade
from voxtide.engines.base import EngineStream
from voxtide.errors import EngineFailedError, VoxtideError
from voxtide.protocols.realtime.dialect import Close, Effect, Feed, Finish, Flush, Send
from voxtide.server.config import ServerConfig
from voxtide.server.handshake import Handshake
from voxtide.server.realtime.connection import Admitted, ServerConnection
from voxtide.server.realtime.session import Session
from voxtide.transcript.events import TranscriptEvent
from voxtide.types import Samples, StreamOptions


def audio(value: int) -> Feed:
    """A tenth of a second of a distinct value."""
    return Feed(np.full(1600, value, "<i2").tobytes())


class HeldStream(EngineStream):
    """Records what it is fed, up to `room` chunks."""

    def __init__(self) -> None:
        self.fed: list[object] = []
        self.room = 100
        self.error: Exception | None = None
        self._has_room = asyncio.Event()
        self._is_closed = asyncio.Event()

    def make_room(self) -> None:
        self.room = 100
        self._has_room.set()

    def try_feed(self, samples: Samples) -> bool:
        if self.error is not None:
            raise self.error
        if not self.room:
            return False
        self.room -= 1
        self.fed.append(round(float(samples[0]) * 32768))
        return True

    async def feed(self, samples: Samples) -> None:
        while not self.try_feed(samples):
            await self._has_room.wait()

    async def flush(self) -> int:
        self.fed.append("flush")
        return 1

    async def finish(self) -> None:
        self.fed.append("finish")

    async def close(self) -> None:
        self._is_closed.set()

    async def __aiter__(self) -> AsyncIterator[TranscriptEvent]:
        await self._is_closed.wait()
        for event in ():
            yield event

    @property
    def lag_s(self) -> float:
        return 0.0


class Scripted:
    """The dialect, engine and observer of a session. A message is the key of its effects."""

    def __init__(self, effects: dict[str, list[Effect]]) -> None:
        self.effects = effects
        self.stream = HeldStream()
        self.errors: list[str] = []

    # The dialect.

    def begin(self) -> list[Effect]:
        return [audio(0)]  # opens the stream

    def receive(self, message: str | bytes) -> list[Effect]:
        return self.effects[str(message)]

    def on_event(self, event: object) -> list[Effect]:
        return []

    def fail(self, error: VoxtideError) -> list[Effect]:
        return [Send(error.code), Close(1011)]

    def drain(self, error: VoxtideError | None = None) -> list[Effect]:
        return [Finish()]

    # The engine and the observer.

    def open(self, options: StreamOptions | None = None) -> EngineStream:
        return self.stream

    def check_health(self) -> None:
        self.errors.append("check_health")

    def on_flushed(self, took_s: float) -> None:
        raise AssertionError

    def on_error(self, code: str) -> None:
        self.errors.append(code)


class FakeTransport(asyncio.Transport):
    """Records what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass

    def sent(self) -> list[str]:
        """The short texts written so far."""
        _, _, rest = self.written.partition(b"\r\n\r\n")
        texts = []
        while rest and rest[0] == 0x80 | TEXT:
            size = rest[1]
            texts.append(rest[2 : 2 + size].decode())
            rest = rest[2 + size :]
        return texts


class Client:
    """A session on a connection without a socket."""

    def __init__(self, script: Scripted, config: ServerConfig) -> None:
        self.script = script
        self.transport = FakeTransport()
        self.connection = ServerConnection(self, config, set())
        self.session = Session(self.connection, script, script, session_id="s", config=config, observer=script)
        self.connection.connection_made(self.transport)
        self.connection.data_received(upgrade())

    def admit(self, handshake: Handshake) -> Admitted:
        return Admitted(run=lambda _: self.session.run(), on_done=lambda _: None, message_bytes=1000)

    def send(self, *messages: str) -> None:
        """All in one packet."""
        self.connection.data_received(b"".join(frame(TEXT, message.encode()) for message in messages))

    @property
    def fed(self) -> list[object]:
        return self.script.stream.fed


@asynccontextmanager
async def client_of(*, config: ServerConfig | None = None, **effects: Sequence[Effect]) -> AsyncIterator[Client]:
    """A client whose session waits for a message and has fed 0."""
    client = Client(Scripted({name: list(of) for name, of in effects.items()}), config or ServerConfig())
    await until(lambda: client.fed == [0] and client.connection.mailbox.is_waiting)
    try:
        yield client
    finally:
        session = cast("asyncio.Task[None]", client.connection._session)
        client.connection.connection_lost(None)
        await asyncio.wait({session}, timeout=10)
        assert session.done()


async def test_effects_without_await_run_in_the_callback() -> None:
    async with client_of(a=[audio(1), Send("x")], b=[audio(2)]) as client:
        client.send("a", "b", "a")
        assert client.fed == [0, 1, 2, 1]
        assert client.transport.sent() == ["x", "x"]


async def test_a_full_engine_delays_the_rest_of_a_message_and_all_later_ones() -> None:
    message = [audio(1), Send("x"), audio(2), Send("y"), audio(3)]
    async with client_of(a=message, b=[audio(4), Send("z")]) as client:
        client.script.stream.room = 1
        client.send("a", "b")
        assert (client.fed, client.transport.sent()) == ([0, 1], ["x"])
        await asyncio.sleep(0)
        client.send("b")  # while the session waits for the engine
        assert (client.fed, client.transport.sent()) == ([0, 1], ["x"])
        client.script.stream.make_room()
        await until(lambda: len(client.transport.sent()) == 4)
        assert client.fed == [0, 1, 2, 3, 4, 4]
        assert client.transport.sent() == ["x", "y", "z", "z"]
        await until(lambda: client.connection.mailbox.is_waiting)
        client.send("b")  # in the callback again
        assert client.fed == [0, 1, 2, 3, 4, 4, 4]


async def test_nothing_overtakes_a_flush() -> None:
    async with client_of(a=[audio(1), Flush(), audio(2)], b=[audio(3)]) as client:
        client.send("a", "b")
        client.send("b")
        assert client.fed == [0, 1]
        await until(lambda: len(client.fed) == 6)
        assert client.fed == [0, 1, "flush", 2, 3, 3]


async def test_audio_too_far_ahead_ends_the_session_and_later_messages_are_ignored() -> None:
    config = ServerConfig(max_audio_ahead_s=0.25)
    async with client_of(config=config, a=[audio(1)], b=[audio(2)]) as client:
        client.send("a", "b", "b")
        assert client.fed == [0, 1]
        await until(lambda: client.connection.is_over)
        client.send("a")
        assert client.fed == [0, 1]
        assert client.transport.sent() == ["audio_ahead"]
        assert (client.script.errors, client.connection.close_code) == (["audio_ahead"], 1011)


async def test_a_dead_engine_is_reported_and_its_health_checked() -> None:
    async with client_of(a=[audio(1), Send("x")]) as client:
        client.script.stream.error = EngineFailedError("gone")
        client.send("a", "a")
        assert client.transport.sent() == []
        await until(lambda: client.connection.is_over)
        assert client.transport.sent() == ["engine_failed"]
        assert client.script.errors == ["check_health", "engine_failed"]


async def test_nothing_follows_a_close() -> None:
    async with client_of(a=[Send("x"), Close(1000), Send("y"), audio(1)], b=[audio(2), Send("z")]) as client:
        client.send("a", "b")
        assert client.connection.close_code == 1000
        client.send("b")
        await until(lambda: cast("asyncio.Task[None]", client.connection._session).done())
        assert (client.fed, client.transport.sent()) == ([0], ["x"])


async def test_the_session_waits_for_a_client_that_does_not_read() -> None:
    async with client_of(a=[audio(1), Send("x")]) as client:
        client.connection.pause_writing()
        client.send("a", "a")  # the first answer is sent before the session notices
        assert (client.fed, client.transport.sent()) == ([0, 1], ["x"])
        await asyncio.sleep(0)
        client.send("a")
        assert client.fed == [0, 1]
        client.connection.resume_writing()
        await until(lambda: client.transport.sent() == ["x"] * 3)
        assert client.fed == [0, 1, 1, 1]


async def test_messages_after_the_drain_are_ignored() -> None:
    async with client_of(a=[audio(1)]) as client:
        client.send("a")
        client.connection.shutdown()
        client.send("a")  # arrives before the session has handled the drain
        await until(lambda: client.fed == [0, 1, "finish"] and client.connection.mailbox.is_waiting)
        client.send("a")
        assert client.fed == [0, 1, "finish"]
