"""Clients cheap enough for hundreds. In: messages framed in advance. Out: their bytes on sockets, and the answers.

A client that masks and encodes each message would cost more than the server under test.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import Callable
from itertools import cycle
from typing import Any, cast

from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.errors import VoxtideError
from voxtide.types import SAMPLE_RATE_HZ, Samples

CHUNK_S = 0.08
CHUNK_SAMPLES = round(CHUNK_S * SAMPLE_RATE_HZ)
PATH = "/v1/audio/transcriptions/realtime"

_MASK = b"\x37\xfa\x21\x3d"
_TEXT, _CLOSE = 1, 8
_HANDSHAKE = (
    f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def framed(message: dict[str, Any]) -> bytes:
    """A message as one masked text frame."""
    payload = json.dumps(message).encode()
    masked = bytes(byte ^ mask for byte, mask in zip(payload, cycle(_MASK), strict=False))
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
    return bytes([0x80 | _TEXT]) + length + _MASK + masked


def framed_audio(samples: Samples) -> bytes:
    """Audio as one frame, 16-bit PCM."""
    payload = encode_pcm(samples, Encoding.PCM_S16LE)
    return framed({"audio": base64.b64encode(payload).decode(), "type": "input_audio.append"})


def framed_chunks(samples: Samples) -> list[bytes]:
    """Whole chunks of 80 ms, one frame each."""
    starts = range(0, len(samples) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES)
    return [framed_audio(samples[start : start + CHUNK_SAMPLES]) for start in starts]


FLUSH = framed({"type": "input_audio.flush"})
END = framed({"type": "input_audio.end"})


class RawClient(asyncio.Protocol):
    """One session. `on_text` is called with each message."""

    def __init__(self, on_text: Callable[[bytes], None]) -> None:
        self._on_text = on_text
        self._data = b""
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._transport = cast("asyncio.Transport", None)
        self.is_lost = False

    @classmethod
    async def open(cls, port: int, on_text: Callable[[bytes], None]) -> RawClient:
        """Connect, and wait for the upgrade.

        Raises:
            VoxtideError: The server refused.
        """
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(lambda: cls(on_text), "127.0.0.1", port)
        await client._opened
        return client

    def send(self, frame: bytes) -> None:
        """Send a frame; no-op if the connection is gone."""
        if not self._transport.is_closing():
            self._transport.write(frame)

    def cut(self) -> None:
        """Abort the TCP connection."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(_HANDSHAKE.encode())

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._opened.done():
            head, separator, self._data = self._data.partition(b"\r\n\r\n")
            if not separator:
                self._data = head
                return
            if b" 101 " not in head[:20]:
                self._opened.set_exception(VoxtideError(f"the server refused a session: {head[:40]!r}"))
                return
            self._opened.set_result(None)
        self._take_frames()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_lost = True
        if not self._opened.done():
            self._opened.set_exception(VoxtideError("the server closed a connection before it was a session"))

    def _take_frames(self) -> None:
        while len(self._data) >= 4:
            size, start = self._data[1], 2
            if size == 126:
                size, start = struct.unpack_from(">H", self._data, 2)[0], 4
            if len(self._data) < start + size:
                return
            opcode, payload = self._data[0] & 15, self._data[start : start + size]
            self._data = self._data[start + size :]
            if opcode == _TEXT:
                self._on_text(payload)
            elif opcode == _CLOSE:
                self._transport.close()
