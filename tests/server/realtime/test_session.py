"""Sessions over real sockets: messages in, events out; bounds; failures of engines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from tests.support.serving import (
    END,
    FLUSH,
    append,
    engine,
    receive_until,
    running,
    send_speech,
    wait_for_restart,
    wait_for_sessions,
)
from voxtide.engines.base import Engine
from voxtide.engines.scripted import ScriptedConfig
from voxtide.server.config import ServerConfig


def update(**session: object) -> str:
    return json.dumps({"type": "session.update", "session": session})


def engine_that(**config: float | None) -> Callable[[], Engine]:
    return engine(ScriptedConfig(delay_ms=80, **config))  # type: ignore[arg-type]  # as given


async def test_a_flush_returns_the_text_and_the_session_continues() -> None:
    async with running() as server, connect(server.ws()) as socket:
        await receive_until(socket, "session.created")
        await send_speech(socket, "who built the White Tower")
        await socket.send(FLUSH)
        assert (await receive_until(socket, "transcription.done"))[-1]["text"] == "who built the White Tower"
        await send_speech(socket, "and when")
        await socket.send(END)
        assert (await receive_until(socket, "transcription.done"))[-1]["text"] == "and when"
        await socket.wait_closed()
        assert socket.close_code == 1000


async def test_deltas_arrive_before_the_flush() -> None:
    async with running() as server, connect(server.ws()) as socket:
        await send_speech(socket, "early words come early")
        await receive_until(socket, "transcription.text.delta")


async def test_new_options_open_another_stream_and_time_continues() -> None:
    async with running() as server, connect(server.ws()) as socket:
        await socket.send(update(language="fr"))
        await send_speech(socket, "deux mots")
        await socket.send(FLUSH)
        assert (await receive_until(socket, "transcription.done"))[-1]["text"] == "deux mots"
        await socket.send(update(language="de"))  # an error in this dialect, but the session continues
        assert "cannot be changed" in (await receive_until(socket, "error"))[-1]["error"]["message"]
        await send_speech(socket, "encore")
        await socket.send(FLUSH)
        assert (await receive_until(socket, "transcription.done"))[-1]["text"] == "encore"


async def test_audio_too_far_ahead_is_an_error_with_a_code() -> None:
    config = ServerConfig(max_audio_ahead_s=2.0)
    async with running(config) as server, connect(server.ws()) as socket:
        await receive_until(socket, "session.created")
        await socket.send(append(bytes(32_000 * 3)))
        message = (await receive_until(socket, "error"))[-1]["error"]["message"]
        assert "ahead of real time" in message
        await socket.wait_closed()
        assert socket.close_code not in (1000, 1001)
        assert 'voxtide_errors_total{code="audio_ahead"} 1.0' in await server.metrics()


async def test_an_expired_session_sends_its_final_text(caplog: pytest.LogCaptureFixture) -> None:
    config = ServerConfig(max_session_s=0.4)
    async with running(config) as server, connect(server.ws()) as socket:
        await send_speech(socket, "last words")
        assert (await receive_until(socket, "transcription.done"))[-1]["text"] == "last words"
        assert "a session lasts 0.4 s at most" in (await receive_until(socket, "error"))[-1]["error"]["message"]
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (1013, "session_expired")
    assert "session_expired" in {getattr(record, "code", None) for record in caplog.records}


async def test_an_idle_session_is_closed() -> None:
    config = ServerConfig(max_idle_s=0.2)
    async with running(config) as server, connect(server.ws()) as socket:
        assert "no message came" in (await receive_until(socket, "error"))[-1]["error"]["message"]
        await socket.wait_closed()
        await wait_for_sessions(server)


async def test_a_session_with_messages_is_not_idle() -> None:
    config = ServerConfig(max_idle_s=1.0)
    async with running(config) as server, connect(server.ws()) as socket:
        for _ in range(3):
            await asyncio.sleep(0.4)  # the subject of the test is time
            await socket.send(append(bytes(640)))
        await socket.send(FLUSH)
        await receive_until(socket, "transcription.done")


async def test_a_dead_engine_fails_its_sessions_and_is_replaced() -> None:
    loads: list[Engine] = []

    def load() -> Engine:
        dies_at_s = None if loads else 2.0
        loads.append(engine_that(dies_at_s=dies_at_s)())
        return loads[-1]

    async with running(load=load) as server, connect(server.ws()) as first, connect(server.ws()) as second:
        await send_speech(second, "I am alive")
        await receive_until(second, "transcription.text.delta")
        await send_speech(first, "this goes on until the engine dies of it")
        for socket in (first, second):
            await receive_until(socket, "error")
            await socket.wait_closed()
            assert socket.close_code == 1011
        await wait_for_restart(server.supervisor)
        async with connect(server.ws()) as third:
            await send_speech(third, "as good as new")
            await third.send(FLUSH)
            assert (await receive_until(third, "transcription.done"))[-1]["text"] == "as good as new"
        assert len(loads) == 2
        assert "voxtide_engine_restarts_total 1.0" in await server.metrics()


async def test_a_failed_stream_ends_its_own_session_only() -> None:
    async with running(load=engine_that(fails_at_s=1.0)) as server:
        async with connect(server.ws()) as fine, connect(server.ws()) as unlucky:
            await send_speech(unlucky, "this goes on until the stream fails")
            with pytest.raises(ConnectionClosedError):
                while True:
                    await unlucky.recv()
            assert unlucky.close_code == 1011
            await send_speech(fine, "short")
            await fine.send(FLUSH)
            assert (await receive_until(fine, "transcription.done"))[-1]["text"] == "short"
        assert server.supervisor.num_restarts == 0


async def test_pings_are_answered_while_the_session_waits_for_the_engine() -> None:  # rule 18
    """Eleven seconds of audio for an engine that holds ten and is slower than speech."""
    async with running(load=engine_that(slowness=5.0)) as server, connect(server.ws(), ping_interval=None) as socket:
        for _ in range(11):
            await socket.send(append(bytes(32_000)))
        async with asyncio.timeout(5.0):
            await (await socket.ping())
