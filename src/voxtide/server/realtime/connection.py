"""One WebSocket connection. In: bytes from a socket. Out: messages for a session; the session's messages, as bytes.

socket -> [queue 1: mailbox] -> session -> [queue 2: the transport's buffer] -> socket

Both queues are bounded. A full queue 1 pauses reading, which slows the client down; a queue 2 that stays full ends the
connection. `websockets` (its Sans-I/O part) does frames, masks and close codes. No task lies between socket and
protocol, so pings are answered whatever the session waits for.
"""

from __future__ import annotations

import asyncio
import socket
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
from voxtide.server.realtime.mailbox import Mailbox, SessionFailure
from voxtide.server.realtime.message_assembler import MessageAssembler

KERNEL_BYTES = 32 * 1024
"""Socket buffer requested in each direction; Linux doubles it. With the default of megabytes, the pings of a client
that sends faster than we transcribe queue behind its audio and time out. Ten times real time still passes at a round
trip of 100 ms."""

HANDSHAKE_BYTES = 64 * 1024
"""Largest upgrade request, equal to uvicorn's own bound, which has already applied."""

MAX_UNSENT_BYTES = 256 * 1024
"""Messages the client has not read: an hour of text. Above this the session waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A session that may begin.

    Attributes:
        run: Runs the session; ends once the connection is over, or closes it.
        on_done: Called when `run` has ended, also if it was cancelled before its first step.
        message_bytes: The longest message the dialect needs.
        subprotocol: The selected subprotocol, or None.
    """

    run: Callable[[ServerConnection], Coroutine[Any, Any, None]]
    on_done: Callable[[asyncio.Task[None]], None]
    message_bytes: int
    subprotocol: str | None = None


class SessionGate(Protocol):
    """Decides which handshakes become sessions."""

    def admit(self, handshake: Handshake) -> Admitted | Refusal:
        """Admit or refuse. Never blocks; an `Admitted` occupies its place from here on."""


class UnreadOutput:
    """Whether queue 2 is full, and for how long it may be."""

    def __init__(self, max_unread_s: float, *, on_timeout: Callable[[], None]) -> None:
        """Call `on_timeout` when the queue has been full for `max_unread_s`."""
        self._max_unread_s = max_unread_s
        self._on_timeout = on_timeout
        self._drained: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_full(self) -> bool:
        return self._drained is not None

    def on_full(self) -> None:
        """The transport's buffer is above its high water mark."""
        loop = asyncio.get_running_loop()
        self._drained = loop.create_future()
        self._timer = loop.call_later(self._max_unread_s, self._on_timeout)

    def on_drained(self) -> None:
        """The buffer is below its low water mark, or the connection is lost. Idempotent."""
        if self._drained is not None and self._timer is not None:
            self._timer.cancel()
            self._drained.set_result(None)
            self._drained = None

    async def wait(self) -> None:
        """Wait until the queue is not full."""
        if self._drained is not None:
            await asyncio.shield(self._drained)


class ServerConnection(asyncio.Protocol):
    """A client's socket, from its upgrade request to the loss of the connection.

    Attributes:
        mailbox: What the session receives.
        drop_reason: Why the server dropped the connection, or None.
        close_code: The code of the closing handshake, whichever side began it; None before.
        on_drain: Set by the session; called when the server shuts down.
    """

    def __init__(self, gate: SessionGate, config: ServerConfig, connections: set[Any]) -> None:
        """`connections` is the server's set of connections to shut down."""
        self._gate = gate
        self._config = config
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._protocol = ServerProtocol(max_size=None)  # `MessageAssembler` bounds messages: its error names the limit
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)  # set by connection_made
        self._session: asyncio.Task[None] | None = None
        self._assembler = MessageAssembler(HANDSHAKE_BYTES)
        self._is_discarding = False
        self._close_timer: asyncio.TimerHandle | None = None
        self._unread = UnreadOutput(config.max_unread_s, on_timeout=lambda: self.abort("slow_reader"))
        self._heartbeat = Heartbeat(
            config.ping_interval_s,
            config.pong_wait_s,
            ping=self._ping,
            is_excused=lambda: self.mailbox.is_full,
            on_timeout=lambda: self.abort("vanished"),
        )
        self.mailbox = Mailbox(
            pause=lambda: self._transport.pause_reading(), resume=lambda: self._transport.resume_reading()
        )
        self.drop_reason: str | None = None
        self.close_code: int | None = None
        self.on_drain: Callable[[], None] | None = None

    # For the session.

    def send(self, text: str) -> None:
        """Send a message; no-op once the connection is closing."""
        if self._protocol.state is State.OPEN and not self.is_over:
            self._protocol.send_text(text.encode())
            self._write()

    @property
    def is_congested(self) -> bool:
        """Whether more than `MAX_UNSENT_BYTES` are unread by the client."""
        return self._unread.is_full

    async def wait_until_drained(self) -> None:
        """Wait while the connection is congested. Bounded: it is aborted after `max_unread_s`."""
        while self._unread.is_full and not self.is_over:
            await self._unread.wait()

    @property
    def is_over(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.mailbox.is_closed

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake after everything sent. The socket closes within `close_wait_s`."""
        if self._protocol.state is not State.OPEN:
            return
        try:
            self._protocol.send_close(code, reason)
        except InvalidState:
            return
        self.close_code = code
        self._write()
        self._end()
        self._start_close_timer()
        self.mailbox.resume_reading()  # the client's close frame is behind what was not read
        if self._is_discarding and self._transport.can_write_eof():
            self._transport.write_eof()  # the client's close frame would be discarded: let it close the socket now

    def abort(self, reason: str) -> None:
        """Abort the TCP connection without a close frame; the peer is unreachable."""
        if not self.is_over:
            self.drop_reason = self.drop_reason or reason
        self._transport.abort()

    # For the server.

    def shutdown(self) -> None:
        """The server shuts down. (uvicorn calls this for every connection.)"""
        if self._session is None:
            self._transport.close()
        elif self.on_drain is not None:
            self.on_drain()

    # For the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._heartbeat.has_received = True
        if self._is_discarding:
            return
        self._assembler.num_unfinished_bytes += len(data)
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._receive_frame(event)
            elif isinstance(event, Request):
                self._answer(event)
        self._write()
        if self._assembler.is_too_long:
            self._reject_message(self._assembler.error())

    def eof_received(self) -> bool:
        self._protocol.receive_eof()
        return False  # the transport closes itself

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        self._heartbeat.stop()
        if self._close_timer is not None:
            self._close_timer.cancel()
        is_waiting = self.mailbox.is_waiting
        self._end()
        self._unread.on_drained()
        if self._session is not None and not is_waiting:
            self._session.cancel()

    def pause_writing(self) -> None:
        self._unread.on_full()

    def resume_writing(self) -> None:
        self._unread.on_drained()

    # The handshake.

    def _answer(self, request: Request) -> None:
        response = self._protocol.accept(request)
        if response.status_code == 101:
            handshake = handshake_of(request.path, request.headers.raw_items(), self._transport)
            verdict = self._gate.admit(handshake)
            if isinstance(verdict, Refusal):
                response = self._protocol.reject(verdict.status, verdict.body)
                for name, value in verdict.headers:
                    response.headers.pop(name, None)
                    response.headers[name] = value
            elif verdict.subprotocol is not None:
                response.headers["Sec-WebSocket-Protocol"] = verdict.subprotocol
        self._protocol.send_response(response)
        self._write()
        if response.status_code == 101 and isinstance(verdict, Admitted):
            self._begin(verdict)

    def _begin(self, admitted: Admitted) -> None:
        self._transport.set_write_buffer_limits(high=MAX_UNSENT_BYTES)
        _set_options(self._transport.get_extra_info("socket"))
        self._assembler = MessageAssembler(self._config.max_message_bytes or admitted.message_bytes)
        self._heartbeat.start()
        self._session = self._loop.create_task(admitted.run(self))
        self._session.add_done_callback(admitted.on_done)
        self._session.add_done_callback(lambda _: self.close(1011))  # no-op unless the session failed to close

    # Frames.

    def _receive_frame(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.TEXT | Opcode.BINARY | Opcode.CONT:
                self._receive_data_frame(frame)
            case Opcode.CLOSE:
                close = self._protocol.close_rcvd
                self.close_code = self.close_code or (close.code if close else None)
                self._end()
        # the library answers pings; a pong needs no more than `Heartbeat.has_received`

    def _receive_data_frame(self, frame: Frame) -> None:
        if self.is_over or self._is_discarding:
            return
        is_text = None if frame.opcode is Opcode.CONT else frame.opcode is Opcode.TEXT
        try:
            message = self._assembler.add(frame.data, is_text=is_text, is_last=frame.fin)
        except MessageTooBigError as error:
            self._reject_message(error)
        except UnicodeDecodeError:
            self._protocol.fail(1007, "text that is not UTF-8")
            self._end()
        else:
            if message is not None:
                self.mailbox.put_message(message)

    def _reject_message(self, error: MessageTooBigError) -> None:
        """Discard all further input; the session reports the error and closes."""
        self._is_discarding = True
        self._assembler.clear()
        self.mailbox.put(SessionFailure(error))

    # The rest.

    def _write(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:  # the library's marker for the end of our side
                self._transport.close()
                self._start_close_timer()

    def _end(self) -> None:
        """No more messages come in or go out."""
        self.mailbox.close()

    def _ping(self) -> None:
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")
            self._write()

    def _start_close_timer(self) -> None:
        if self._close_timer is None:
            self._close_timer = self._loop.call_later(self._config.close_wait_s, self._transport.abort)


def _set_options(sock: socket.socket | None) -> None:
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        # asyncio sets it only on sockets made with IPPROTO_TCP; without it a `done` waits 40 ms for an ACK
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
