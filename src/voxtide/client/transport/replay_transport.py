"""Sends utterances until each has its final text. In: a replay buffer. Out: server messages, to the sequencer.

One socket at a time receives new audio, one utterance after the other. Audio after a flush is held back until the
flush is answered, so an answer covers exactly the audio sent before it. Recovery:

- If a connection is lost, its utterance is replayed from the beginning on the next connection.
- If a flush times out, the client ends the audio on that connection, which makes its text final. Audio after the
  flush goes to the next connection.
- If the end times out as well, the utterance is replayed on a connection of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

from voxtide.client.config import ClientConfig
from voxtide.client.dialects.base import MAX_APPEND_BYTES, ClientDialect, Done, ServerFailure, ServerMessage, Text
from voxtide.client.events import ConnectionLost, ConnectionReplaced
from voxtide.client.transport.event_order import EventQueue, EventSequencer
from voxtide.client.transport.reconnect import Reconnector
from voxtide.client.transport.replay_buffer import Ending, ReplayBuffer, Utterance
from voxtide.client.transport.websocket import ClientSocket, ConnectionLostError
from voxtide.errors import ConnectionFailedError, first_error
from voxtide.transcript.events import Interim

_log = logging.getLogger("voxtide.client")

MAX_SENDS = 6
"""Times that one utterance is sent before the session fails: its audio may be what breaks the connections."""

_MAX_DONES = 16
"""Answers of a connection kept to detect duplicates, which arrive soon after the original."""


class ReplayTransport:
    """Transports one session; call `run` once."""

    def __init__(
        self,
        replay_buffer: ReplayBuffer,
        sequencer: EventSequencer,
        event_queue: EventQueue,
        reconnector: Reconnector,
        dialect: ClientDialect,
        config: ClientConfig,
    ) -> None:
        self._replay_buffer = replay_buffer
        self._sequencer = sequencer
        self._event_queue = event_queue
        self._reconnector = reconnector
        self._dialect = dialect
        self._config = config
        self._readers: dict[ActiveSocket, asyncio.Task[None]] = {}

    async def run(self, socket: ClientSocket) -> None:
        """Send all audio, starting on `socket`, until the last utterance is answered.

        Raises:
            ConnectionLostError: The session failed.
        """
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._send_all(socket)
        except BaseExceptionGroup as group:
            raise first_error(group) from None
        finally:
            await asyncio.gather(*(self._close_socket(active) for active in list(self._readers)))

    # One connection after the other.

    async def _send_all(self, socket: ClientSocket) -> None:
        active = self._attach(socket)
        while True:
            try:
                is_over = await self._send_on(active)
            except ConnectionLostError as loss:
                active = await self._replace(active, loss)
                continue
            if is_over:
                return
            active = self._attach(await self._reconnector.next_socket())
            self._emit_replaced("a flush had no answer in time", 0.0)

    async def _send_on(self, active: ActiveSocket) -> bool:
        """Send utterances on one connection. True when all are done, False when another connection is needed."""
        while (utterance := self._replay_buffer.next_to_send) is not None:
            if await self._send_utterance(active, utterance):
                continue
            if utterance.ending is Ending.FINISH or not self._dialect.can_end:
                raise _unanswered_error(utterance)
            utterance.is_detached = True
            self._tasks.create_task(self._end_detached(active, utterance))
            return False
        await self._close_socket(active)
        return True

    async def _replace(self, active: ActiveSocket, loss: ConnectionLostError) -> ActiveSocket:
        """Replace a lost connection."""
        utterance = active.utterance
        replayed_s = self._replay_buffer.seconds_of(utterance.num_sent_bytes) if utterance else 0.0
        self._reconnector.note_loss(active.socket)
        await self._close_socket(active)
        has_no_sends_left = utterance is not None and utterance.num_sends >= MAX_SENDS
        if loss.is_permanent or has_no_sends_left or self._reconnector.is_past_deadline:
            raise loss
        if utterance is not None:
            self._sequencer.add(utterance, [Interim("", utterance.sent_to_s)])  # clear the lost interim text
        self._sequencer.emit_connection_event(ConnectionLost(str(loss), self._replay_buffer.put_s))
        replacement = self._attach(await self._reconnector.next_socket())
        self._emit_replaced(str(loss), replayed_s)
        return replacement

    async def _end_detached(self, active: ActiveSocket, utterance: Utterance) -> None:
        """Get an utterance's text by ending its connection; if that fails, replay it."""
        try:
            await active.socket.send(self._dialect.end())
            is_answered = await self._wait_for_answer(active, utterance, self._config.end_timeout_s)
        except ConnectionLostError:
            is_answered = utterance.is_answered
        finally:
            await self._close_socket(active)
        while not is_answered:
            if utterance.num_sends >= MAX_SENDS:
                raise _unanswered_error(utterance)
            is_answered = await self._replay_alone(utterance)

    async def _replay_alone(self, utterance: Utterance) -> bool:
        """Replay an utterance on a connection of its own. Returns whether it was answered."""
        active = self._attach(await self._reconnector.next_socket())
        self._emit_replaced("the end of the audio had no answer in time", utterance.duration_s)
        try:
            return await self._send_utterance(active, utterance, is_alone=True)
        except ConnectionLostError as loss:
            self._reconnector.note_loss(active.socket)
            if loss.is_permanent or self._reconnector.is_past_deadline:
                raise
            return utterance.is_answered
        finally:
            await self._close_socket(active)

    # One utterance on one connection.

    async def _send_utterance(self, active: ActiveSocket, utterance: Utterance, *, is_alone: bool = False) -> bool:
        """Send an utterance as its audio arrives and request its text. Returns whether it was answered in time."""
        active.start(utterance)
        await self._send_audio(active, utterance)
        if utterance.is_empty:
            self._complete(active, utterance, None)
            return True
        active.is_answer_pending = True
        if is_alone or utterance.ending is Ending.FINISH:
            await active.socket.send(self._dialect.end())
            return await self._wait_for_answer(active, utterance, self._config.end_timeout_s)
        if self._dialect.can_end and self._reconnector.is_ignoring_flushes:
            return False
        await active.socket.send(self._dialect.flush())
        is_answered = await self._wait_for_answer(
            active, utterance, self._config.flush_timeout_s, can_open_standby=True
        )
        self._reconnector.note_flush(is_answered=is_answered)
        if is_answered and self._reconnector.has_standby:
            self._tasks.create_task(self._reconnector.close_standby())
        return is_answered

    async def _send_audio(self, active: ActiveSocket, utterance: Utterance) -> None:
        while True:
            active.socket.check()
            if utterance.num_sent_bytes == len(utterance.audio):
                if utterance.ending is not None:
                    return
                await utterance.changed()
                continue
            await self._event_queue.wait_for_space()
            if not utterance.num_sent_bytes:
                utterance.num_sends += 1
                self._reconnector.open_standby_if_unreliable()
                for message in self._dialect.begin():
                    await active.socket.send(message)
            piece = bytes(utterance.audio[utterance.num_sent_bytes : utterance.num_sent_bytes + MAX_APPEND_BYTES])
            utterance.num_sent_bytes += len(piece)
            await active.socket.send(self._dialect.append(piece))

    async def _wait_for_answer(
        self, active: ActiveSocket, utterance: Utterance, timeout_s: float, *, can_open_standby: bool = False
    ) -> bool:
        """Wait for an utterance's final text. False on a timeout."""
        now_s = asyncio.get_running_loop().time
        requested_at_s = now_s()
        while not utterance.is_answered:
            active.socket.check()
            left_s = active.seconds_left(requested_at_s, timeout_s)
            if left_s <= 0:
                return False
            until_standby_s = requested_at_s + self._config.standby_after_s - now_s()
            if can_open_standby and until_standby_s <= 0:
                self._reconnector.open_standby()
            try:
                async with asyncio.timeout(until_standby_s if 0 < until_standby_s < left_s else left_s):
                    await utterance.changed()
            except TimeoutError:
                continue
        return True

    # Sockets and their messages.

    def _attach(self, socket: ClientSocket) -> ActiveSocket:
        active = ActiveSocket(socket)
        self._readers[active] = self._tasks.create_task(self._receive_all(active))
        return active

    async def _close_socket(self, active: ActiveSocket) -> None:
        reader = self._readers.get(active)
        if reader is not None:
            reader.cancel()
            await asyncio.wait({reader})
            await active.socket.close()
            self._readers.pop(active, None)  # last, so that `run` closes the socket if this task is cancelled

    async def _receive_all(self, active: ActiveSocket) -> None:
        try:
            while True:
                self._handle(active, await active.socket.receive())
        except ConnectionLostError as loss:
            active.mark_lost(loss)

    def _handle(self, active: ActiveSocket, message: ServerMessage) -> None:
        utterance = active.utterance
        if isinstance(message, ServerFailure):
            _log.debug("the server reports: %s", message.message)
            if message.ends_utterance:
                error = ConnectionFailedError(message.message)
                active.mark_lost(ConnectionLostError(error, is_permanent=message.is_permanent))
            return
        if utterance is None or self._event_queue.is_over or active.is_duplicate(message):
            return
        active.note_message(message)
        if active.is_answer(message):
            assert isinstance(message, Done)
            self._complete(active, utterance, message)
        else:
            self._sequencer.add(utterance, utterance.text.add(message, utterance.sent_to_s))

    def _complete(self, active: ActiveSocket, utterance: Utterance, done: Done | None) -> None:
        """Mark an utterance as answered; `done` is None if it had no audio."""
        active.note_answer(done, None if utterance.is_detached else self._replay_buffer.following(utterance))
        self._sequencer.add(utterance, utterance.text.finish(done, utterance.end_s))
        utterance.is_answered = True
        utterance.notify()
        self._sequencer.emit_answered()

    def _emit_replaced(self, reason: str, replayed_s: float) -> None:
        self._sequencer.emit_connection_event(ConnectionReplaced(reason, replayed_s, self._replay_buffer.put_s))


class ActiveSocket:
    """One socket in use.

    Attributes:
        socket: The socket.
        utterance: The utterance sent on it, to which received text belongs; None after the last one.
        is_answer_pending: Whether the utterance's final text has been requested.
    """

    def __init__(self, socket: ClientSocket) -> None:
        self.socket = socket
        self.utterance: Utterance | None = None
        self.is_answer_pending = False
        self._origin_s: float | None = None
        self._started_at_s = 0.0
        self._received_at_s = 0.0
        self._dones: deque[Done] = deque(maxlen=_MAX_DONES)
        self._has_deltas = False  # whether the server sends text before it is final

    def start(self, utterance: Utterance) -> None:
        """Start to send an utterance from its beginning."""
        if self._origin_s is None:
            self._origin_s = utterance.start_s
        self.is_answer_pending = False
        utterance.num_sent_bytes = 0
        self._started_at_s = _now_s()
        if utterance is not self.utterance:
            self.utterance = utterance
            utterance.text.restart(self._origin_s)

    def mark_lost(self, loss: ConnectionLostError) -> None:
        """Record the loss of the socket."""
        self.socket.loss = self.socket.loss or loss
        if self.utterance is not None:
            self.utterance.notify()

    def note_message(self, message: ServerMessage) -> None:
        """Record when a message arrived and whether the server sends deltas."""
        self._received_at_s = _now_s()
        if isinstance(message, Text):
            self._has_deltas |= bool(message.text.strip())

    def is_answer(self, message: ServerMessage) -> bool:
        """Whether this is the requested final text."""
        return isinstance(message, Done) and self.is_answer_pending and not self.is_duplicate(message)

    def is_duplicate(self, message: ServerMessage) -> bool:
        """Whether this is a duplicate `Done`: no delta preceded it and no request is pending.

        While a request is pending, a `Done` without deltas is a duplicate if the server sends deltas and sent the same
        text before. Its times and usage may differ.
        """
        if not isinstance(message, Done) or self.utterance is None or self.utterance.text.has_deltas_of(message):
            return False
        has_text = bool(message.text.strip())
        if self.is_answer_pending:
            return self._has_deltas and has_text and message.text in (done.text for done in self._dones)
        return message in list(self._dones)[-1:] or self._has_deltas or not has_text

    def note_answer(self, done: Done | None, following: Utterance | None) -> None:
        """Record the answer. Messages received before the next `start` belong to the `following` utterance."""
        if done is not None:
            self._dones.append(done)
        self.is_answer_pending = False
        self.utterance = following
        if following is not None and self._origin_s is not None:
            following.text.restart(self._origin_s)

    def seconds_left(self, requested_at_s: float, timeout_s: float) -> float:
        """Time until the answer times out, counted from the request or the last message, whichever is later.

        Audio that was sent faster than real time extends the timeout by its head start.
        """
        duration_s = self.utterance.duration_s if self.utterance else 0.0
        head_start_s = max(0.0, duration_s - (requested_at_s - self._started_at_s))
        return max(requested_at_s + head_start_s, self._received_at_s) + timeout_s - _now_s()


def _unanswered_error(utterance: Utterance) -> ConnectionLostError:
    where = f"{utterance.start_s:.2f} to {utterance.end_s:.2f} s"
    error = ConnectionFailedError(f"the server sent no final text for the audio from {where}")
    return ConnectionLostError(error, is_permanent=False)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
