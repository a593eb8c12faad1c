from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support.http_calls import Answer, call, files_server
from tests.support.serving import MISTRAL, RunningServer
from voxtide.server.config import ServerConfig

KEY = {"Authorization": "Bearer key"}
LOCKED = ServerConfig(keys=("key",))


async def minted(server: RunningServer, path: str, body: Any, headers: dict[str, str] | None = None) -> Answer:
    return await call(server, "POST", path, json.dumps(body).encode(), KEY if headers is None else headers)


async def test_a_mistral_token_opens_a_session_of_its_model() -> None:
    async with files_server(LOCKED) as server:
        answer = await minted(server, "/v1/client/sessions", {"purpose": "realtime", "model": "tones"})
        assert (answer.status, answer.headers["cache-control"]) == (201, "no-store")
        token = answer.json["client_secret"]["value"]
        assert token.startswith("rt_")
        async with connect(server.ws(f"{MISTRAL}?model=tones"), subprotocols=["realtime", token]) as socket:
            assert socket.subprotocol == "realtime"
            assert json.loads(await socket.recv())["type"] == "session.created"
        with pytest.raises(InvalidStatus, match="401"):
            await connect(server.ws(f"{MISTRAL}?model=other"), subprotocols=["realtime", token])


async def test_an_openai_token_opens_a_session() -> None:
    session = {"type": "transcription", "audio": {"input": {"transcription": {"language": "en"}}}}
    async with files_server(LOCKED) as server:
        answer = await minted(server, "/v1/realtime/client_secrets", {"session": session})
        assert answer.status == 200
        assert answer.json["session"]["audio"]["input"]["transcription"]["language"] == "en"
        assert answer.json["session"]["id"].startswith("sess_")
        offered = ["realtime", f"openai-insecure-api-key.{answer.json['value']}"]
        async with connect(server.ws("/v1/realtime?intent=transcription"), subprotocols=offered) as socket:
            assert json.loads(await socket.recv())["type"] == "session.created"


@pytest.mark.parametrize("path", ["/v1/client/sessions", "/v1/realtime/client_secrets"])
async def test_minting_needs_a_key_and_not_a_token(path: str) -> None:
    async with files_server(LOCKED) as server:
        assert (await minted(server, path, {"model": "tones"}, headers={})).status == 401
        token = (await minted(server, path, {"model": "tones"})).json
        value = token.get("value") or token["client_secret"]["value"]
        again = await minted(server, path, {"model": "tones"}, headers={"Authorization": f"Bearer {value}"})
        assert again.status == 401


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/client/sessions", b"{}", 422),
        ("/v1/client/sessions", b'{"model": "m", "ttl_seconds": 1}', 422),
        ("/v1/client/sessions", b"[]", 400),
        ("/v1/client/sessions", b"\xff", 400),
        ("/v1/realtime/client_secrets", b'{"session": {"type": "realtime"}}', 400),
        ("/v1/realtime/client_secrets", b"x" * 70_000, 413),
    ],
)
async def test_an_invalid_request_is_refused(path: str, body: bytes, status: int) -> None:
    async with files_server() as server:
        answer = await call(server, "POST", path, body)
    assert answer.status == status
