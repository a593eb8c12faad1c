"""WebSocket requests and frames as bytes, for clients that send arbitrary input."""

from __future__ import annotations

import struct

from tests.support.serving import MISTRAL

MASK = b"\x01\x02\x03\x04"


def upgrade(*fields: str, path: str = MISTRAL) -> bytes:
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version: 13",
        *(fields or ("Connection: Upgrade",)),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def frame(opcode: int, payload: bytes, *, is_final: bool = True) -> bytes:
    masked = bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))
    head = bytes([0x80 * is_final | opcode])
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
    return head + size + MASK + masked


TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
