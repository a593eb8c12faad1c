"""One WebSocket connection. In: bytes from a socket. Out: messages for a session; its answers, on the wire.

socket -> [queue 1: messages] -> session -> [queue 2: the transport's buffer] -> socket

Both queues are bounded. A full queue 1 stops the reading of the socket, and with it the client. A full queue 2 that
stays full ends the connection. Frames, masks and close codes are the library's (`websockets`, its part without I/O);
no message passes through a task of its own, so pings are answered whatever the session is busy with.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, cast

from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from voxtide.errors import MessageTooBigError
from voxtide.server.config import ServerConfig
from voxtide.server.handshake import Handshake, Refusal, handshake_of
from voxtide.server.realtime.heartbeat import Heartbeat
from voxtide.server.realtime.message_assembler import MessageAssembler

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
class Admitted:
    """A session that may begin.

    Attributes:
        run: The session; ends when the connection is over, or closes it.
        on_done: Called when it has ended, also where it was cancelled before its first step.
        message_bytes: The longest message it needs to take.
        subprotocol: What to select of the client's offer; None for none.
    """

    run: Callable[[ServerConnection], Coroutine[Any, Any, None]]
    on_done: Callable[[asyncio.Task[None]], None]
    message_bytes: int
    subprotocol: str | None = None


class SessionGate(Protocol):
    """Who decides."""

    def admit(self, handshake: Handshake) -> Admitted | Refusal:
        """Let in or refuse. Never waits; an `Admitted` holds its place from now on."""


class ServerConnection(asyncio.Protocol):
    """A client's socket, from its request to upgrade until it is gone.

    Attributes:
        lost_reason: Why we gave the client up; None where we did not.
        close_code: The code of the closing handshake, whoever began it; None before.
        on_drain: The session's: the server is going away.
        on_message: The session's: takes a message that comes while `receive` waits, instead of `receive`.
    """

    def __init__(self, door: SessionGate, config: ServerConfig, connections: set[Any]) -> None:
        """`connections` is the server's set of those to shut down."""
        self._door = door
        self._config = config
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._wire = ServerProtocol(max_size=None)  # the bound is ours, so that the session can say which it was
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)  # there from connection_made on
        self._session: asyncio.Task[None] | None = None
        self._items: deque[object] = deque()
        self._num_queued_bytes = 0
        self._assembler = MessageAssembler(HANDSHAKE_BYTES)
        self._is_reading_paused = False
        self._is_deaf = False
        self._is_over = False
        self._arrival: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._has_heard = True  # since the last ping
        self._heartbeat = Heartbeat(
            config.ping_interval_s,
            config.pong_wait_s,
            ping=self._ping,
            is_there=lambda: self._has_heard or self._is_reading_paused,
            on_vanished=lambda: self.give_up("vanished"),
        )
        self.lost_reason: str | None = None
        self.close_code: int | None = None
        self.on_drain: Callable[[], None] | None = None
        self.on_message: Callable[[str | bytes], None] | None = None

    # For the session.

    async def receive(self) -> object | None:
        """The next message (str or bytes), or what was put with `inject`; None when the connection is over."""
        while not self._items:
            if self._is_over:
                return None
            self._arrival = self._loop.create_future()
            try:
                await self._arrival
            finally:
                self._arrival = None
        item = self._items.popleft()
        if isinstance(item, str | bytes):
            self._num_queued_bytes -= len(item)
            if self._is_reading_paused and self._num_queued_bytes <= QUEUE_BYTES // 2:
                self._is_reading_paused = False
                self._transport.resume_reading()
        return item

    def inject(self, item: object) -> None:
        """Put something of the session's own behind the messages that wait."""
        self._items.append(item)
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def send(self, text: str) -> None:
        """Send a message; nothing where the connection is closing."""
        if self._wire.state is State.OPEN and not self._is_over:
            self._wire.send_text(text.encode())
            self._write()

    @property
    def is_congested(self) -> bool:
        """Whether the client has more to take than we like to hold."""
        return self._room is not None

    async def drained(self) -> None:
        """Wait while the client has too much to take. Bounded: it is given up after `max_unread_s`."""
        while self._room is not None and not self._is_over:
            await asyncio.shield(self._room)

    @property
    def is_over(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._is_over

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake behind everything sent; `receive` ends. The socket goes within `close_wait_s`."""
        if self._wire.state is not State.OPEN:
            return
        try:
            self._wire.send_close(code, reason)
        except InvalidState:
            return
        self.close_code = code
        self._write()
        self._end()
        self._later("close", self._config.close_wait_s, self._transport.abort)
        if self._is_reading_paused:  # the client's answer comes behind what we did not read
            self._is_reading_paused = False
            self._transport.resume_reading()
        if self._is_deaf and self._transport.can_write_eof():
            self._transport.write_eof()  # we should not hear the client's answer: it is to hang up, and need not wait

    def give_up(self, reason: str) -> None:
        """Drop the connection without a word; there is nobody to hear it."""
        if not self._is_over:
            self.lost_reason = self.lost_reason or reason
        self._transport.abort()

    # For the server.

    def shutdown(self) -> None:
        """The server is going away. (uvicorn calls this for every connection.)"""
        if self._session is None:
            self._transport.close()
        elif self.on_drain is not None:
            self.on_drain()

    # For the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._has_heard = True
        if self._is_deaf:
            return
        self._assembler.num_unfinished_bytes += len(data)
        self._wire.receive_data(data)
        for event in self._wire.events_received():
            if isinstance(event, Frame):
                self._take_frame(event)
            elif isinstance(event, Request):
                self._answer(event)
        self._write()
        if self._assembler.is_too_long:
            self._refuse_message(self._assembler.refusal())

    def eof_received(self) -> bool:
        self._wire.receive_eof()
        return False  # the transport closes itself

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._heartbeat.stop()
        for timer in self._timers.values():
            timer.cancel()
        is_waiting = self._arrival is not None
        self._end()
        self._wake_writer()
        if self._session is not None and not is_waiting:
            self._session.cancel()

    def pause_writing(self) -> None:
        self._room = self._loop.create_future()
        self._later("slow reader", self._config.max_unread_s, lambda: self.give_up("slow_reader"))

    def resume_writing(self) -> None:
        self._wake_writer()
        self._timers.pop("slow reader").cancel()

    # The handshake.

    def _answer(self, request: Request) -> None:
        response = self._wire.accept(request)
        if response.status_code == 101:
            handshake = handshake_of(request.path, request.headers.raw_items(), self._transport)
            verdict = self._door.admit(handshake)
            if isinstance(verdict, Refusal):
                response = self._wire.reject(verdict.status, verdict.body)
                for name, value in verdict.headers:
                    response.headers.pop(name, None)
                    response.headers[name] = value
            elif verdict.subprotocol is not None:
                response.headers["Sec-WebSocket-Protocol"] = verdict.subprotocol
        self._wire.send_response(response)
        self._write()
        if response.status_code == 101 and isinstance(verdict, Admitted):
            self._begin(verdict)

    def _begin(self, admitted: Admitted) -> None:
        self._transport.set_write_buffer_limits(high=UNSENT_BYTES)
        _set_options(self._transport.get_extra_info("socket"))
        self._assembler = MessageAssembler(self._config.max_message_bytes or admitted.message_bytes)
        self._heartbeat.start()
        self._session = self._loop.create_task(admitted.run(self))
        self._session.add_done_callback(admitted.on_done)
        self._session.add_done_callback(lambda _: self.close(1011))  # where a session ended without saying how

    # Frames.

    def _take_frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                self._take_data(frame)
            case Opcode.CLOSE:
                self.close_code = self.close_code or (self._wire.close_rcvd.code if self._wire.close_rcvd else None)
                self._end()
        # pings are answered by the library; of pongs it is enough to have heard them

    def _take_data(self, frame: Frame) -> None:
        if self._is_over or self._is_deaf:
            return
        is_text = None if frame.opcode is Opcode.CONT else frame.opcode is Opcode.TEXT
        try:
            message = self._assembler.take(frame.data, is_text=is_text, is_last=frame.fin)
        except MessageTooBigError as error:
            self._refuse_message(error)
        except UnicodeDecodeError:
            self._wire.fail(1007, "text that is not UTF-8")
            self._end()
        else:
            if message is not None:
                self._put(message)

    def _put(self, message: str | bytes) -> None:
        if self._arrival is not None and not self._arrival.done() and self.on_message is not None:
            self.on_message(message)
            return
        self._num_queued_bytes += len(message)
        self.inject(message)
        if self._num_queued_bytes > QUEUE_BYTES and not self._is_reading_paused:
            self._is_reading_paused = True
            self._transport.pause_reading()

    def _refuse_message(self, error: MessageTooBigError) -> None:
        """Hear no more: what follows of the message is thrown away until the session has said so and closed."""
        self._is_deaf = True
        self._assembler.clear()
        self.inject(error)

    # The rest.

    def _write(self) -> None:
        for data in self._wire.data_to_send():
            if data:
                self._transport.write(data)
            else:  # the library's sign for the end of our side
                self._transport.close()
                self._later("close", self._config.close_wait_s, self._transport.abort)

    def _end(self) -> None:
        """No message comes any more."""
        self._is_over = True
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    def _wake_writer(self) -> None:
        room, self._room = self._room, None
        if room is not None:
            room.set_result(None)

    def _ping(self) -> None:
        self._has_heard = False
        if self._wire.state is State.OPEN:
            self._wire.send_ping(b"")
            self._write()

    def _later(self, name: str, delay_s: float, call: Callable[[], None]) -> None:
        if name not in self._timers:
            self._timers[name] = self._loop.call_later(delay_s, call)


def _set_options(sock: socket.socket | None) -> None:
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        # asyncio does so only for sockets made with IPPROTO_TCP; without it a `done` waits 40 ms for an ACK
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
