from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.support.certificates import make_certificate
from tests.support.http_calls import PATH, Answer, call, files_server, spoken
from tests.support.serving import RunningServer
from tests.support.waiting import until
from voxtide.errors import AudioError, SourceNotFoundError
from voxtide.protocols.messages import RequestRefusedError
from voxtide.server.config import ServerConfig
from voxtide.server.http import fetch as http_fetch
from voxtide.server.http.fetch import fetch

FILE = spoken("tower")


class Host:
    """Answers each path with fixed bytes, /silent with none. `requests` are the heads received."""

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self.answers = answers
        self.requests: list[str] = []
        self.num_connected = 0
        self.port = 0

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.num_connected += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.requests.append(head)
            path = head.split()[1].partition("?")[0]
            writer.write(self.answers.get(path, b"HTTP/1.1 404 Not Found\r\n\r\n"))
            if path == "/silent":
                await reader.read()
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client disconnected
        finally:
            self.num_connected -= 1
            writer.close()


@asynccontextmanager
async def host(context: ssl.SSLContext | None = None, /, **answers: bytes) -> AsyncIterator[Host]:
    served = Host({f"/{name}": answer for name, answer in answers.items()})
    server = await asyncio.start_server(served.answer, "127.0.0.1", 0, ssl=context)
    served.port = server.sockets[0].getsockname()[1]
    async with server:
        yield served
        await until(lambda: served.num_connected == 0)


def ok(body: bytes, *, length: int | None = None) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


def moved(to: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()


async def fetched(url: str, *, max_bytes: int = 10**6, is_private_allowed: bool = True) -> bytes:
    file = io.BytesIO()
    await fetch(url, file, max_bytes=max_bytes, is_private_allowed=is_private_allowed)
    return file.read()


async def test_a_url_is_fetched() -> None:
    async with host(talk=ok(FILE), endless=b"HTTP/1.0 200 OK\r\n\r\n" + FILE) as there:
        assert await fetched(there.url("/talk?signature=x#part")) == FILE
        assert await fetched(there.url("/endless")) == FILE  # without a length the end of the connection is the end
        assert there.requests[0].startswith("GET /talk?signature=x HTTP/1.1\r\n")
        assert f"Host: 127.0.0.1:{there.port}\r\n" in there.requests[0]


async def test_redirects_are_followed_and_bounded() -> None:
    async with host(one=moved("two?x=1"), two=moved("/talk"), loop=moved("/loop"), talk=ok(FILE)) as there:
        assert await fetched(there.url("/one")) == FILE
        with pytest.raises(AudioError, match="redirected more than 5 times"):
            await fetched(there.url("/loop"))
        assert len(there.requests) == 3 + 6


PRIVATE = [
    "http://127.0.0.1/a",
    "http://127.1/a",
    "http://2130706433/a",
    "http://0.0.0.0/a",
    "http://localhost/a",
    "http://10.1.2.3/a",
    "http://172.16.0.1/a",
    "http://192.168.0.1/a",
    "http://169.254.169.254/latest/meta-data",
    "http://100.64.0.1/a",
    "http://224.0.0.1/a",
    "https://[::1]/a",
    "http://[fe80::1]/a",
    "http://[fc00::1]/a",
    "http://[::ffff:10.0.0.1]/a",
    "http://[2002:a00:1::1]/a",
    "http://[64:ff9b::7f00:1]/a",
]


@pytest.mark.parametrize("url", PRIVATE)
async def test_addresses_that_are_not_public_are_refused(url: str) -> None:
    with pytest.raises(RequestRefusedError, match="is not a public address"):
        await fetched(url, is_private_allowed=False)


@pytest.mark.parametrize("number", ["1.1.1.1", "2606:4700::1111", "64:ff9b::101:101", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(number: str) -> None:
    assert http_fetch._is_public(number)


async def test_a_redirect_into_the_private_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first host counts as public here; the one it redirects to does not."""
    is_public = http_fetch._is_public
    monkeypatch.setattr(http_fetch, "_is_public", lambda number: number == "127.0.0.1" or is_public(number))
    async with host(talk=moved("http://169.254.169.254/latest")) as there:
        with pytest.raises(RequestRefusedError, match=r"'169\.254\.169\.254' is not a public address"):
            await fetched(there.url("/talk"), is_private_allowed=False)


async def test_a_host_is_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection goes to the address that was checked, even if the name resolves differently later."""
    async with host(talk=ok(FILE)) as there:
        numbers = [[(2, 1, 6, "", ("127.0.0.1", there.port))]]

        async def resolve(*_: object, **__: object) -> object:
            return numbers.pop(0)

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
        assert await fetched(there.url("/talk", "rebinding.example")) == FILE
        assert f"Host: rebinding.example:{there.port}" in there.requests[0]


@pytest.mark.parametrize(
    "url",
    [
        "talk.wav",
        "/etc/passwd",
        "file:///etc/passwd",
        "ftp://a.example/b",
        "hls://a.example/b",
        "rtsp://a.example/b",
        "concat:a|b",
        "http://",
        "http:///a",
        "http://ann:secret@a.example/b",
        "http://a.example:0/b",
        "http://a.example:99999/b",
        "http://a.example/a b",
        "http://a.example/a\r\nX: y",
        "http://a.example/é",
        "http://[::1/a",
    ],
)
async def test_an_invalid_url_is_refused(url: str) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        await fetched(url)
    assert refused.value.param == "file_url"
    assert "secret" not in refused.value.reason


async def test_failed_fetches_name_the_reason_and_no_secret() -> None:
    async with host(
        talk=ok(FILE, length=len(FILE) + 1),
        locked=b"HTTP/1.1 403 Forbidden\r\n\r\n",
        noise=b"\x00\x01\x02\r\n\r\n",
    ) as there:
        for path, kind, words in [
            ("/none", SourceNotFoundError, "there is nothing at"),
            ("/locked", AudioError, "its host answers 403"),
            ("/noise", SourceNotFoundError, "BadStatusLine"),
            ("/talk", AudioError, "broke off"),
        ]:
            with pytest.raises(kind, match=words) as failed:
                await fetched(there.url(f"{path}?token=secret"))
            assert "secret" not in str(failed.value)
    with pytest.raises(SourceNotFoundError, match="ConnectionRefusedError"):
        await fetched(there.url("/talk"))
    with pytest.raises(SourceNotFoundError, match="there is no host"):
        await fetched("http://no-such-host.invalid/a")


@pytest.mark.parametrize("answer", [ok(FILE), b"HTTP/1.0 200 OK\r\n\r\n" + FILE], ids=["announced", "counted"])
async def test_a_file_above_the_limit_is_refused(answer: bytes) -> None:
    async with host(talk=answer) as there:
        with pytest.raises(RequestRefusedError) as refused:
            await fetched(there.url("/talk"), max_bytes=1000)
    assert refused.value.status == 413


async def test_a_cancelled_fetch_closes_its_connection() -> None:
    async with host(silent=b"") as there:
        fetching = asyncio.create_task(fetched(there.url("/silent")))
        await until(lambda: bool(there.requests))
        fetching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetching
        await until(lambda: there.num_connected == 0)


async def test_certificates_are_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate, key = make_certificate(tmp_path, "DNS:localhost")
    context.load_cert_chain(certificate, key)
    async with host(context, talk=ok(FILE)) as there:
        url = there.url("/talk", "localhost").replace("http:", "https:")
        with pytest.raises(SourceNotFoundError, match="SSLCertVerificationError"):
            await fetched(url)
        monkeypatch.setattr(http_fetch, "tls_options", lambda: {"ca_file": str(certificate)})
        assert await fetched(url) == FILE
        with pytest.raises(SourceNotFoundError, match="SSLCertVerificationError"):
            await fetched(url.replace("localhost", "127.0.0.1"))


async def test_a_posted_url_is_transcribed() -> None:  # rule 19
    async with host(talk=ok(FILE)) as there, files_server(ServerConfig(can_fetch_private=True)) as server:
        answer = await posted(server, there.url("/talk"))
    assert answer.json["text"] == "tower"


async def test_a_server_may_allow_no_fetch_or_no_private_one() -> None:
    async with host(talk=ok(FILE)) as there:
        for config in (ServerConfig(), ServerConfig(can_fetch=False, can_fetch_private=True)):
            async with files_server(config) as server:
                answer = await posted(server, there.url("/talk"))
            assert (answer.status, answer.json["code"]) == (400, "file_url_refused")
    assert there.requests == []


async def test_fetching_has_a_time_limit() -> None:
    async with (
        host(silent=b"") as there,
        files_server(ServerConfig(max_upload_s=0.2, can_fetch_private=True)) as server,
    ):
        answer = await posted(server, there.url("/silent"))
    assert answer.status == 400
    assert "longer than 0.2 s" in answer.json["message"]


async def posted(server: RunningServer, url: str) -> Answer:
    body = urlencode({"model": "m", "stream": "false", "diarize": "false", "file_url": url}).encode()
    return await call(server, "POST", PATH, body, {"Content-Type": "application/x-www-form-urlencoded"})
