"""Connections, with raw bytes: what clients send, invalid input, and how they disconnect."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import socket as sockets
import struct

import pytest
from websockets.asyncio.client import connect

from tests.support.serving import FLUSH, append, receive_until, running, send_speech, wait_for_sessions
from tests.support.websocket_bytes import CLOSE, MASK, PING, TEXT, frame, upgrade
from voxtide.protocols.realtime.routing import RealtimePath
from voxtide.server.config import ServerConfig
from voxtide.server.realtime.session import PIECE_BYTES
from voxtide.server.realtime.session_stream import SessionStream
from voxtide.types import Samples


class RawClient:
    """A client that sends arbitrary bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int, *fields: str) -> RawClient:
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        client.writer.write(upgrade(*fields))
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        return client

    async def frame(self) -> tuple[int, bytes]:
        first, size = await self.reader.readexactly(2)
        if size == 126:
            size = struct.unpack(">H", await self.reader.readexactly(2))[0]
        return first & 15, await self.reader.readexactly(size)

    async def until(self, opcode: int) -> bytes:
        while (got := await self.frame())[0] != opcode:
            pass
        return got[1]

    async def close_code(self) -> int:
        return int(struct.unpack(">H", (await self.until(CLOSE))[:2])[0])

    async def leave(self) -> None:
        self.writer.transport.abort()


async def test_two_connection_headers_are_accepted() -> None:  # rule 16
    """livekit-plugins-mistralai sends its HTTP library's header beside that of the upgrade."""
    async with running() as server:
        client = await RawClient.open(server.port, "Connection: Upgrade", "Connection: keep-alive")
        assert json.loads(await client.until(TEXT))["type"] == "session.created"
        await client.leave()


async def test_browsers_get_realtime_back_and_never_their_token() -> None:  # rule 17
    async with running() as server:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", server.port))
        client.writer.write(upgrade("Connection: Upgrade", "Sec-WebSocket-Protocol: realtime, rt_secret"))
        head = (await client.reader.readuntil(b"\r\n\r\n")).decode().lower()
        assert "sec-websocket-protocol: realtime\r\n" in head
        assert "secret" not in head
        await client.leave()


async def test_a_path_without_sessions_is_not_found() -> None:
    async with running() as server:
        answer = await server.send(upgrade(path="/v1/nowhere"))
        assert answer.status == 404
        assert "/v1/realtime" in json.loads(answer.body)["error"]["message"]


async def test_a_broken_handshake_is_refused() -> None:
    async with running() as server:
        for field in ("Sec-WebSocket-Version: 12", "Sec-WebSocket-Key: short"):
            request = upgrade().replace(f"{field.split(':')[0]}: ".encode(), b"X-Old: ")
            answer = await server.send(request.replace(b"\r\n\r\n", f"\r\n{field}\r\n\r\n".encode()))
            assert answer.status in (400, 426)


async def test_a_message_sent_before_the_response_is_handled() -> None:
    """The first message follows the request in one packet: RFC 6455 forbids it, but no input is dropped."""
    async with running() as server:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", server.port))
        client.writer.write(upgrade() + frame(TEXT, FLUSH.encode()))
        await client.reader.readuntil(b"\r\n\r\n")
        while json.loads(await client.until(TEXT))["type"] != "transcription.done":
            pass
        await client.leave()


async def test_a_fragmented_message_is_one_message() -> None:
    async with running() as server:
        client = await RawClient.open(server.port)
        whole = FLUSH.encode()
        client.writer.write(frame(TEXT, whole[:5], is_final=False) + frame(PING, b"between"))
        client.writer.write(frame(0, whole[5:9], is_final=False) + frame(0, whole[9:]))
        while json.loads(await client.until(TEXT))["type"] != "transcription.done":
            pass
        await client.leave()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x81\x03abc", 1002),  # not masked
        (frame(0, b"x"), 1002),  # a continuation of nothing
        (frame(3, b"x"), 1002),  # no such opcode
        (frame(TEXT, b"\xff\xfe"), 1007),  # not UTF-8
    ],
)
async def test_invalid_frames_are_closed_with_a_code(sent: bytes, code: int) -> None:
    async with running() as server:
        client = await RawClient.open(server.port)
        client.writer.write(sent)
        assert await client.close_code() == code
        await wait_for_sessions(server)
        await client.leave()


async def test_random_bytes_do_not_affect_other_sessions() -> None:
    async with running() as server, connect(server.ws()) as other:
        for _ in range(20):
            client = await RawClient.open(server.port)
            client.writer.write(os.urandom(300))
            await client.leave()
        await wait_for_sessions(server, 1)
        await send_speech(other, "unharmed")
        await other.send(FLUSH)
        assert (await receive_until(other, "transcription.done"))[-1]["text"] == "unharmed"


@pytest.mark.parametrize("declared", [True, False], ids=["one frame", "fragments"])
async def test_a_message_that_is_too_long_is_an_error_with_the_remedy(declared: bool) -> None:
    config = ServerConfig(max_message_bytes=50_000)
    async with running(config) as server:
        client = await RawClient.open(server.port)
        if declared:  # announces a gigabyte, sends the beginning
            client.writer.write(b"\x81\xff" + struct.pack(">Q", 1 << 30) + MASK + bytes(60_000))
        else:
            client.writer.write(frame(TEXT, bytes(40_000), is_final=False) + frame(0, bytes(40_000)))
        messages = []
        while (got := await client.frame())[0] == TEXT:
            messages.append(json.loads(got[1]))
        assert messages[-1]["type"] == "error"
        assert "50000 bytes" in messages[-1]["error"]["message"]
        assert "--max-message-bytes" in messages[-1]["error"]["message"]
        async with asyncio.timeout(config.close_wait_s / 2):  # no wait for a close frame that would be discarded
            assert await client.reader.read() == b""
        await client.leave()
        await wait_for_sessions(server)


async def test_each_dialect_accepts_its_longest_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenAI's documents allow 15 MiB of audio in one message. It is decoded in pieces, so as not to block others."""
    sizes: list[int] = []
    decode = SessionStream.decode

    def decode_and_note(stream: SessionStream, payload: bytes) -> Samples:
        sizes.append(len(payload))
        return decode(stream, payload)

    monkeypatch.setattr(SessionStream, "decode", decode_and_note)
    audio = base64.b64encode(bytes(15 * 2**20)).decode()
    update = {"type": "transcription", "audio": {"input": {"turn_detection": None}}}
    async with running() as server, connect(server.ws(RealtimePath.REALTIME), max_size=None) as socket:
        await socket.send(json.dumps({"type": "session.update", "session": update}))
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        await socket.send(json.dumps({"type": "input_audio_buffer.commit"}))
        (*_, completed) = await receive_until(socket, "conversation.item.input_audio_transcription.completed")
        assert completed["usage"]["seconds"] == 327.68
    assert max(sizes) == PIECE_BYTES
    assert sum(sizes) == 15 * 2**20


async def test_a_message_in_very_many_fragments_is_assembled_in_linear_time() -> None:
    async with running() as server:
        client = await RawClient.open(server.port)
        client.writer.write(frame(TEXT, b" ", is_final=False) + frame(0, b" ", is_final=False) * 50_000)
        client.writer.write(frame(0, FLUSH.encode()))
        while json.loads(await client.until(TEXT))["type"] != "transcription.done":
            pass
        await client.leave()


@pytest.mark.parametrize("how", ["abort", "eof", "close"])
async def test_a_disconnected_client_leaves_nothing(how: str) -> None:
    async with running() as server:
        client = await RawClient.open(server.port)
        client.writer.write(frame(TEXT, append(bytes(32_000)).encode()[:60_000]))
        match how:
            case "abort":
                client.writer.transport.abort()
            case "eof":
                client.writer.write_eof()
            case "close":
                client.writer.write(frame(CLOSE, struct.pack(">H", 1000)))
                assert await client.close_code() == 1000
        await wait_for_sessions(server)
        await client.leave()


async def test_a_client_that_vanished_is_disconnected(caplog: pytest.LogCaptureFixture) -> None:
    """It answers no ping, as when its machine loses the network."""
    caplog.set_level("INFO", "voxtide.server")
    config = ServerConfig(ping_interval_s=0.05, pong_wait_s=0.1)
    async with running(config) as server:
        client = await RawClient.open(server.port)
        await wait_for_sessions(server, 1)
        await wait_for_sessions(server)
        assert 'voxtide_drops_total{reason="vanished"} 1.0' in await server.metrics()
        assert [getattr(record, "code", "") for record in caplog.records][-1] == "vanished"
        await client.leave()


async def test_a_client_that_answers_pings_stays() -> None:
    config = ServerConfig(ping_interval_s=0.05, pong_wait_s=0.5)
    async with running(config) as server, connect(server.ws(), ping_interval=None) as socket:
        await asyncio.sleep(0.8)  # the subject of the test is time
        await (await socket.ping())


async def test_a_slow_reader_is_disconnected_without_effect_on_others() -> None:
    config = ServerConfig(max_unread_s=0.3)
    async with running(config) as server, connect(server.ws()) as other:
        sock = sockets.socket()
        sock.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=1)
        client = RawClient(reader, writer)
        writer.write(upgrade())
        await wait_for_sessions(server, 2)
        sending = asyncio.create_task(_send_forever(client))
        await wait_for_sessions(server, 1)
        sending.cancel()
        await send_speech(other, "unaware")
        await other.send(FLUSH)
        assert (await receive_until(other, "transcription.done"))[-1]["text"] == "unaware"
        assert 'voxtide_drops_total{reason="slow_reader"} 1.0' in await server.metrics()
        await client.leave()


async def _send_forever(client: RawClient) -> None:
    """Send messages that are each answered by an error, and read nothing."""
    with contextlib.suppress(ConnectionError):
        while True:
            client.writer.write(frame(TEXT, b'{"type": "unknown"}') * 100)
            await client.writer.drain()


async def test_a_connection_without_a_whole_request_head_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxtide.server.serving.REQUEST_HEAD_S", 0.1)
    async with running() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HT")
        assert await reader.read() == b""
        writer.close()


async def test_a_connection_without_a_whole_second_request_head_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxtide.server.serving.REQUEST_HEAD_S", 0.1)
    async with running() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b'{"status":"ok"}')
        writer.write(b"GET /healthz HT")
        assert await reader.read() == b""
        writer.close()


async def test_a_client_that_does_not_read_responses_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxtide.server.serving.RESPONSE_UNREAD_S", 0.2)
    async with running() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 2000)  # tens of megabytes of responses
        async with asyncio.timeout(10):
            with pytest.raises(ConnectionError):
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.01)
        assert (await server.get("/healthz")).status == 200
        writer.close()


async def test_sessions_aborted_at_any_point_leave_nothing() -> None:
    async with running(ServerConfig(capacity=50)) as server:
        await server.get("/healthz")
        tasks_before = len(asyncio.all_tasks())
        for cut_after in range(40):
            async with connect(server.ws()) as socket:
                for number in range(cut_after % 8):
                    await socket.send(append(bytes(2560)) if number % 3 else FLUSH)
                socket.transport.abort()
        await wait_for_sessions(server)
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) <= tasks_before
