"""Bounds of one connection, with their reasons. In: values, from whoever starts the server. Out: a frozen value."""

from __future__ import annotations

from dataclasses import dataclass

QUEUE_BYTES = 64 * 1024
"""Messages that wait for the session; a second and a half of 16 kHz audio. Past this the socket is not read."""

KERNEL_BYTES = 32 * 1024
"""What we ask the system to hold for us in each direction; it takes it for twice as much. A client that sends faster
than we transcribe has its pings in line behind its audio: with the system's usual megabytes they would be answered too
late for its patience. Ten times real time still passes where a round trip takes 100 ms."""

HANDSHAKE_BYTES = 64 * 1024
"""The request to upgrade; uvicorn has read it before, with a bound of as much."""

UNSENT_BYTES = 256 * 1024
"""Answers that the client has not taken; an hour of text. Past this the session waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """Bounds of one connection.

    Attributes:
        message_bytes: The longest message; None for what the session's wire needs.
        ping_s: A ping is sent this often.
        pong_s: A client of which nothing was heard for so long after a ping is gone.
        slow_reader_s: How long a client may leave `UNSENT_BYTES` of answers lying.
        close_s: How long a client may take to answer a close; a round trip and a busy moment, many times over.
    """

    message_bytes: int | None = None
    ping_s: float = 20.0
    pong_s: float = 20.0
    slow_reader_s: float = 10.0
    close_s: float = 5.0
