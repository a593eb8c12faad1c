"""The HTTP application: behaviour common to all endpoints."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.support.certificates import make_certificate
from tests.support.http_calls import spoken, transcribed
from tests.support.serving import FLUSH, MISTRAL, engine, receive_until, running, send_speech
from tests.support.waiting import until
from voxtide.engines.base import Engine
from voxtide.engines.scripted import ScriptedConfig
from voxtide.errors import ConfigError
from voxtide.server.config import ServerConfig
from voxtide.server.http.endpoints import http_endpoints
from voxtide.server.serving import assemble
from voxtide.server.supervisor import EngineSupervisor


async def test_an_unknown_path_is_a_json_error() -> None:
    async with running() as server:
        answer = await server.get("/v1/nothing")
        assert answer.status == 404
        assert json.loads(answer.body)["error"]["code"] == "not_found"
        assert answer.headers["x-request-id"].startswith("req-")


async def test_a_wrong_method_is_answered_with_the_allowed_ones() -> None:
    async with running() as server:
        answer = await server.send(b"DELETE /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.status == 405
        assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    ("method", "path", "status", "named"),
    [
        ("GET", "/v1/audio/transcriptions/realtime", 426, "ws://"),
        ("GET", "/v1/realtime", 426, "ws://"),
        ("POST", "/v1/realtime", 426, "ws://"),
        ("DELETE", "/v1/realtime", 405, "Allow"),
        ("DELETE", "/metrics", 405, "Allow"),
        ("POST", "/v1/nothing", 404, "/openapi.json"),
        ("GET", "/v1/" + "x" * 300, 404, "/openapi.json"),
        ("POST", "/", 405, "Allow"),
    ],
)
async def test_an_error_names_the_remedy(method: str, path: str, status: int, named: str, tmp_path: Path) -> None:
    """With a page at /, which must not answer for API paths."""
    (tmp_path / "index.html").write_text("<title>captions</title>", "utf-8")
    async with running(ServerConfig(web_dir=tmp_path)) as server:
        answer = await server.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert answer.status == status
        assert named in json.loads(answer.body)["error"]["message"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert ("allow" in answer.headers) == (status == 405)
        assert ("upgrade" in answer.headers) == (status == 426)


async def test_the_cause_of_an_engines_death_is_only_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    loads = [engine(ScriptedConfig(dies_at_s=0.1))]

    def load() -> Engine:
        if loads:
            return loads.pop()()
        raise FileNotFoundError("/opt/models/encoder.onnx")

    async with running(load=load, endpoints=http_endpoints) as server:
        assert (await transcribed(server, spoken("long enough to die"))).status == 503
        await until(lambda: "/opt/models" in caplog.text)
        request = f"POST {MISTRAL} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        session = await server.send(request.encode())
        file = await transcribed(server, spoken("no matter"))
        assert [answer.headers["retry-after"] for answer in (session, file)] == ["5", "5"]
        for answer in (session, file, await server.get("/readyz")):
            assert answer.status == 503
            assert "is being restarted" in str(answer)
            assert "/opt" not in str(answer)


async def test_invalid_requests_are_answered_400() -> None:
    async with running() as server:
        for request in (
            b"\r\n\r\n",
            b"GET\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
        ):
            assert (await server.send(request)).status == 400
        assert (await server.get("/healthz")).status == 200


async def test_the_page_is_served_if_configured(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<title>captions</title>", "utf-8")
    async with running(ServerConfig(web_dir=tmp_path, keys=("k",))) as server:
        page = await server.get("/")
        assert "captions" in page.body
        assert page.headers["content-security-policy"] == "frame-ancestors 'none'"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "no-referrer"
        again = await server.get("/", If_None_Match=page.headers["etag"])
        assert again.status == 304
        assert again.headers["cache-control"] == "no-cache"
        assert (await server.get("/../serving.py")).status == 404
        assert (await server.get("/v1/models")).status == 401


async def test_the_openapi_document_has_every_open_endpoint() -> None:
    async with running() as server:
        document = json.loads((await server.get("/openapi.json")).body)
    assert {"/healthz", "/readyz", "/metrics"} <= set(document["paths"])
    assert document["openapi"] == "3.1.0"


@pytest.fixture
def certificate(tmp_path: Path) -> ServerConfig:
    """A configuration with a certificate that only this test trusts."""
    path, key = make_certificate(tmp_path, "IP:127.0.0.1")
    return ServerConfig(tls_certificate=path, tls_key=key)


async def test_sessions_over_tls(certificate: ServerConfig) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate.tls_certificate))
    async with running(certificate) as server, connect(server.ws().replace("ws:", "wss:"), ssl=trusting) as socket:
        await send_speech(socket, "end to end encrypted")
        await socket.send(FLUSH)
        assert (await receive_until(socket, "transcription.done"))[-1]["text"] == "end to end encrypted"


async def test_requests_over_tls(certificate: ServerConfig) -> None:
    trusting = ssl.create_default_context(cafile=str(certificate.tls_certificate))
    async with running(certificate) as server, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trusting)
        for path in ("healthz", "openapi.json"):  # a response of one TLS record, and one of several
            writer.write(f"GET /{path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            assert head.startswith("HTTP/1.1 200 ")
            length = next(line for line in head.splitlines() if line.startswith("content-length: "))
            json.loads(await reader.readexactly(int(length.split()[1])))
        writer.close()


def test_a_key_with_a_passphrase_is_refused_without_a_prompt(certificate: ServerConfig, tmp_path: Path) -> None:
    """OpenSSL would prompt on the terminal, and block a service."""
    locked = tmp_path / "locked.pem"
    command = ["openssl", "pkey", "-in", str(certificate.tls_key), "-aes128", "-passout", "pass:secret", "-out"]
    subprocess.run([*command, str(locked)], check=True, capture_output=True)
    with pytest.raises(ConfigError, match=r"locked\.pem needs a passphrase.*openssl pkey"):
        assemble(replace(certificate, tls_key=locked), EngineSupervisor(engine()), version="test")
