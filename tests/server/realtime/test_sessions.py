"""Admission: capacity, keys, tokens, origins, rates; and the shutdown of a server."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.support.serving import FLUSH, MISTRAL, append, engine, receive_until, running, send_speech, wait_for_sessions
from voxtide.engines.scripted import ScriptedConfig
from voxtide.server.config import ServerConfig
from voxtide.server.http.endpoints import http_endpoints

KEYED = ServerConfig(keys=("first-key", "second-key"))


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def refused(uri: str, **more: object) -> tuple[int, Headers, str]:
    """Status, headers and message of a refusal."""
    with pytest.raises(InvalidStatus) as raised:
        async with connect(uri, **more):  # type: ignore[arg-type]  # passed on
            pass
    response = raised.value.response
    return response.status_code, response.headers, json.loads(response.body or b"{}")["error"]["message"]


async def test_a_full_server_sends_retry_after() -> None:
    async with running(ServerConfig(capacity=1)) as server:
        async with connect(server.ws()) as socket:
            status, headers, message = await refused(server.ws())
            assert (status, headers["Retry-After"]) == (503, "5")
            assert "1 of 1" in message
            await send_speech(socket, "still here")
            await socket.send(FLUSH)
            assert (await receive_until(socket, "transcription.done"))[-1]["text"] == "still here"
        await wait_for_sessions(server)
        async with connect(server.ws()):
            assert 'voxtide_sessions_refused_total{code="capacity"} 1.0' in await server.metrics()


async def test_only_a_valid_key_is_accepted() -> None:
    async with running(KEYED) as server:
        for key in KEYED.keys:
            async with connect(server.ws(), additional_headers=bearer(key)) as socket:
                await receive_until(socket, "session.created")
        for headers in ({}, bearer("third-key"), bearer("first-key "[:-2]), {"Authorization": "Basic first-key"}):
            status, got, message = await refused(server.ws(), additional_headers=headers)
            assert (status, got["WWW-Authenticate"]) == (401, "Bearer")
            assert "first" not in message


async def test_browsers_send_a_key_or_a_token_as_a_subprotocol() -> None:
    async with running(KEYED) as server:
        token = server.services.tokens.mint(prefix="rt_", ttl_s=60, model="tones").value
        for secret in (token, "openai-insecure-api-key.second-key"):
            offered = [Subprotocol("realtime"), Subprotocol(secret)]
            async with connect(server.ws(), subprotocols=offered) as socket:
                assert socket.subprotocol == "realtime"
        for secret in ("rt_invented", "openai-insecure-api-key.third"):
            status, _, _ = await refused(server.ws(), subprotocols=[Subprotocol("realtime"), Subprotocol(secret)])
            assert status == 401
        status, _, message = await refused(server.ws() + "?model=other", additional_headers=bearer(token))
        assert (status, message) == (401, "the token is for model 'tones'")
        assert (await server.get("/v1/models", Authorization=f"Bearer {token}")).status == 401


async def test_pages_of_other_sites_are_refused() -> None:
    config = ServerConfig(origins=("https://mine.example",))
    async with running(config) as server:
        for origin in ("https://mine.example", f"http://127.0.0.1:{server.port}"):
            async with connect(server.ws(), origin=origin):  # type: ignore[arg-type]  # a NewType of str
                pass
        status, _, message = await refused(server.ws(), origin="https://evil.example")
        assert status == 403
        assert "evil.example" in message
        assert "--origin" in message


async def test_a_plain_request_for_a_session_returns_the_reason_of_the_refusal() -> None:
    """Browsers hide why a WebSocket was refused: the page repeats the request without an upgrade."""
    async with running(ServerConfig(capacity=1, keys=("k",))) as server:
        own = f"http://127.0.0.1:{server.port}"

        async def code(**headers: str) -> str:
            head = [f"POST {MISTRAL} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", "Connection: close"]
            head += [f"{name}: {value}" for name, value in headers.items()]
            answer = await server.send(("\r\n".join(head) + "\r\n\r\n").encode())
            return f"{answer.status} {json.loads(answer.body)['error']['code']}"

        assert await code(Origin=own) == "401 invalid_api_key"
        assert await code(Origin="https://evil.example", **bearer("k")) == "403 origin_not_allowed"
        assert await code(Origin=own, **bearer("k")) == "426 upgrade_required"
        async with connect(server.ws(), additional_headers=bearer("k")):
            assert await code(Origin=own, **bearer("k")) == "503 capacity"
        server.sessions.is_draining = True
        assert await code(Origin=own, **bearer("k")) == "503 unavailable"


async def test_requests_and_sessions_of_one_address_are_rate_limited() -> None:
    async with running(ServerConfig(sessions_per_minute=6, requests_per_minute=6)) as server:
        async with connect(server.ws()):
            status, headers, _ = await refused(server.ws())
            assert (status, headers["Retry-After"]) == (429, "10")
        assert (await server.get("/v1/nothing")).status == 404
        assert (await server.get("/v1/nothing")).status == 429
        assert (await server.get("/healthz")).status == 200


async def test_a_stopping_server_lets_sessions_finish() -> None:
    async with running() as server, connect(server.ws()) as socket:
        await send_speech(socket, "famous last words")
        await receive_until(socket, "session.created")
        server.stop.set()
        assert (await receive_until(socket, "transcription.done"))[-1]["text"] == "famous last words"
        await socket.wait_closed()
        assert socket.close_code == 1001
        with pytest.raises(OSError):
            await server.get("/readyz")


async def test_messages_received_before_the_stop_are_handled() -> None:
    """The messages are in the mailbox when the server stops."""
    async with running() as server, connect(server.ws()) as socket:
        await receive_until(socket, "session.created")
        await send_speech(socket, "all of these words")
        server.stop.set()
        assert (await receive_until(socket, "transcription.done"))[-1]["text"] == "all of these words"


async def test_a_session_that_cannot_begin_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxtide.server.realtime.sessions.open_dialect", lambda *arguments: 1 / 0)
    async with running() as server, connect(server.ws()) as socket:
        await socket.wait_closed()
        assert socket.close_code == 1011
        await wait_for_sessions(server)


async def test_stopping_is_bounded() -> None:
    """The engine needs minutes for the audio."""
    config = ServerConfig(drain_s=0.3)
    slow = engine(ScriptedConfig(slowness=3.0))
    async with running(config, load=slow) as server, connect(server.ws()) as socket:
        await socket.send(append(bytes(96_000)))
        await receive_until(socket, "session.created")
        async with asyncio.timeout(10):
            server.stop.set()
            await socket.wait_closed()
        assert socket.close_code == 1001


async def test_a_request_that_outlasts_the_drain_gets_503(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An upload that stopped half-way."""
    monkeypatch.setattr("voxtide.server.serving.SHUTDOWN_S", 0.6)
    config = ServerConfig(drain_s=0.4)
    async with running(config, endpoints=http_endpoints) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        head = "POST /v1/client/sessions HTTP/1.1", "Host: x", "Content-Length: 9", "", "{"
        writer.write("\r\n".join(head).encode())
        await server.get("/healthz")  # the server is reading the first request by now
        server.stop.set()
        async with asyncio.timeout(10):
            answer = (await reader.read()).decode()
        writer.close()
    assert answer.startswith("HTTP/1.1 503 ")
    assert "the server is going away; try again later" in answer
    assert not any(record.exc_info for record in caplog.records)


async def test_readiness_follows_the_engine() -> None:
    loads = 0

    def load() -> object:
        nonlocal loads
        loads += 1
        if loads > 1:
            raise RuntimeError("out of memory")
        return engine(ScriptedConfig(dies_at_s=0.5))()

    async with running(load=load) as server:
        assert (await server.get("/readyz")).status == 200
        async with connect(server.ws()) as socket:
            await send_speech(socket, "until the end of the engine")
            await receive_until(socket, "error")
        while (answer := await server.get("/readyz")).status == 200:
            pass
        assert answer.status == 503
        assert (await server.get("/healthz")).status == 200
        status, _, message = await refused(server.ws())
        assert status == 503
        assert "engine is being restarted" in message
        assert "voxtide_engine_up 0.0" in await server.metrics()
