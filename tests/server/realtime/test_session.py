"""Sessions over real sockets: messages in, events out; bounds; failures of engines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError

from tests.support.serving import END, FLUSH, append, engine, heard, restarted, running, say, settled
from voxtide.engines.base import Engine
from voxtide.engines.scripted import ScriptedConfig
from voxtide.server.config import ServerConfig


def update(**session: object) -> str:
    return json.dumps({"type": "session.update", "session": session})


def engine_that(**config: float | None) -> Callable[[], Engine]:
    return engine(ScriptedConfig(delay_ms=80, **config))  # type: ignore[arg-type]  # as given


async def test_a_flush_brings_the_text_and_the_session_goes_on() -> None:
    async with running() as server, connect(server.ws()) as socket:
        await heard(socket, "session.created")
        await say(socket, "who built the White Tower")
        await socket.send(FLUSH)
        assert (await heard(socket, "transcription.done"))[-1]["text"] == "who built the White Tower"
        await say(socket, "and when")
        await socket.send(END)
        assert (await heard(socket, "transcription.done"))[-1]["text"] == "and when"
        await socket.wait_closed()
        assert socket.close_code == 1000


async def test_deltas_come_before_the_flush_is_asked_for() -> None:
    async with running() as server, connect(server.ws()) as socket:
        await say(socket, "early words come early")
        await heard(socket, "transcription.text.delta")


async def test_other_options_open_another_stream_and_time_goes_on() -> None:
    async with running() as server, connect(server.ws()) as socket:
        await socket.send(update(language="fr"))
        await say(socket, "deux mots")
        await socket.send(FLUSH)
        assert (await heard(socket, "transcription.done"))[-1]["text"] == "deux mots"
        await socket.send(update(language="de"))  # too late by this dialect's rules, so it says so, and lives on
        assert "cannot be changed" in (await heard(socket, "error"))[-1]["error"]["message"]
        await say(socket, "encore")
        await socket.send(FLUSH)
        assert (await heard(socket, "transcription.done"))[-1]["text"] == "encore"


async def test_audio_too_far_ahead_has_a_name() -> None:
    config = ServerConfig(max_audio_ahead_s=2.0)
    async with running(config) as server, connect(server.ws()) as socket:
        await heard(socket, "session.created")
        await socket.send(append(bytes(32_000 * 3)))
        message = (await heard(socket, "error"))[-1]["error"]["message"]
        assert "ahead of real time" in message
        await socket.wait_closed()
        assert socket.close_code not in (1000, 1001)
        assert 'voxtide_errors_total{code="audio_ahead"} 1.0' in await server.metrics()


async def test_a_session_that_lasted_long_enough_says_what_was_said(caplog: pytest.LogCaptureFixture) -> None:
    config = ServerConfig(max_session_s=0.4)
    async with running(config) as server, connect(server.ws()) as socket:
        await say(socket, "last words")
        assert (await heard(socket, "transcription.done"))[-1]["text"] == "last words"
        assert "a session lasts 0.4 s at most" in (await heard(socket, "error"))[-1]["error"]["message"]
        await socket.wait_closed()
        assert (socket.close_code, socket.close_reason) == (1013, "session_expired")
    assert "session_expired" in {getattr(record, "code", None) for record in caplog.records}


async def test_a_client_that_says_nothing_is_let_go() -> None:
    config = ServerConfig(max_idle_s=0.2)
    async with running(config) as server, connect(server.ws()) as socket:
        assert "no message came" in (await heard(socket, "error"))[-1]["error"]["message"]
        await socket.wait_closed()
        await settled(server)


async def test_messages_keep_a_session_from_being_idle() -> None:
    config = ServerConfig(max_idle_s=0.4)
    async with running(config) as server, connect(server.ws()) as socket:
        for _ in range(4):
            await asyncio.sleep(0.2)  # the subject of the test is time
            await socket.send(append(bytes(640)))
        await socket.send(FLUSH)
        await heard(socket, "transcription.done")


async def test_a_dead_engine_is_told_of_and_replaced() -> None:
    loads: list[Engine] = []

    def load() -> Engine:
        dies_at_s = None if loads else 2.0
        loads.append(engine_that(dies_at_s=dies_at_s)())
        return loads[-1]

    async with running(load=load) as server, connect(server.ws()) as first, connect(server.ws()) as second:
        await say(second, "I am alive")
        await heard(second, "transcription.text.delta")
        await say(first, "this goes on until the engine dies of it")
        for socket in (first, second):
            await heard(socket, "error")
            await socket.wait_closed()
            assert socket.close_code == 1011
        await restarted(server)
        async with connect(server.ws()) as third:
            await say(third, "as good as new")
            await third.send(FLUSH)
            assert (await heard(third, "transcription.done"))[-1]["text"] == "as good as new"
        assert len(loads) == 2
        assert "voxtide_engine_restarts_total 1.0" in await server.metrics()


async def test_a_failed_stream_is_one_sessions_misfortune() -> None:
    async with running(load=engine_that(fails_at_s=1.0)) as server:
        async with connect(server.ws()) as fine, connect(server.ws()) as unlucky:
            await say(unlucky, "this goes on until the stream fails")
            with pytest.raises(ConnectionClosedError):
                while True:
                    await unlucky.recv()
            assert unlucky.close_code == 1011
            await say(fine, "short")
            await fine.send(FLUSH)
            assert (await heard(fine, "transcription.done"))[-1]["text"] == "short"
        assert server.supervisor.num_restarts == 0


async def test_pings_are_answered_while_the_session_waits_for_the_engine() -> None:  # rule 18
    """Eleven seconds of audio for an engine that holds ten and is slower than speech."""
    async with running(load=engine_that(slowness=5.0)) as server, connect(server.ws(), ping_interval=None) as socket:
        for _ in range(11):
            await socket.send(append(bytes(32_000)))
        async with asyncio.timeout(5.0):
            await (await socket.ping())
