"""Carries utterances to a server until each has its final text. In: a journal. Out: what was heard, to the teller.

One connection at a time takes audio, one utterance after the other. Audio behind a flush is held back until the
flush is answered, so an answer always covers just what was sent, whatever the server does. Where

- a connection is lost, the utterance on it is sent again from its beginning on the next one;
- a flush has no answer in time, its connection is told that the audio ends, which makes the text final there, while the
  next connection takes the audio behind the flush;
- that has no answer either, the utterance is sent again on a connection of its own.
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

MAX_CARRIES = 6
"""How often one utterance is sent before it is given up: a line that always breaks carries nothing."""


class ReplayTransport:
    """One session's transport; `run` is its life."""

    def __init__(
        self,
        replay_buffer: ReplayBuffer,
        sequencer: EventSequencer,
        outbox: EventQueue,
        reconnector: Reconnector,
        dialect: ClientDialect,
        config: ClientConfig,
    ) -> None:
        self._replay_buffer = replay_buffer
        self._sequencer = sequencer
        self._outbox = outbox
        self._reconnector = reconnector
        self._dialect = dialect
        self._config = config
        self._readers: dict[ActiveSocket, asyncio.Task[None]] = {}

    async def run(self, wire: ClientSocket) -> None:
        """Carry everything, beginning on `wire`, until the journal is finished and told.

        Raises:
            Loss: The server is gone for good.
        """
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await self._carry_all(wire)
        except BaseExceptionGroup as group:
            raise first_error(group) from None
        finally:
            await asyncio.gather(*(self._hang_up(line) for line in list(self._readers)))

    # One connection after the other.

    async def _carry_all(self, wire: ClientSocket) -> None:
        line = self._take_up(wire)
        while True:
            try:
                is_over = await self._use(line)
            except ConnectionLostError as loss:
                line = await self._replace(line, loss)
                continue
            if is_over:
                return
            line = self._take_up(await self._reconnector.next())
            self._tell_replaced("a flush had no answer in time", 0.0)

    async def _use(self, line: ActiveSocket) -> bool:
        """Carry utterances over one connection. True when all are done, False when another has to take over."""
        while (utterance := self._replay_buffer.next_to_carry) is not None:
            if await self._carry(line, utterance):
                continue
            if utterance.ending is Ending.FINISH or not self._dialect.can_end:
                raise _unanswered(utterance)
            utterance.is_handed_over = True
            self._tasks.create_task(self._end(line, utterance))
            return False
        await self._hang_up(line)
        return True

    async def _replace(self, line: ActiveSocket, loss: ConnectionLostError) -> ActiveSocket:
        """A connection in the place of one that is lost."""
        utterance = line.utterance
        replayed_s = self._replay_buffer.seconds_of(utterance.num_sent_bytes) if utterance else 0.0
        self._reconnector.note_loss(line.wire)
        await self._hang_up(line)
        is_hopeless = utterance is not None and utterance.num_carries >= MAX_CARRIES
        if loss.is_final or is_hopeless or self._reconnector.is_out_of_time:
            raise loss
        if utterance is not None:
            self._sequencer.hear(utterance, [Interim("", utterance.sent_to_s)])  # of a tail that nobody will finish
        self._sequencer.tell_of_connection(ConnectionLost(str(loss), self._replay_buffer.put_s))
        replacement = self._take_up(await self._reconnector.next())
        self._tell_replaced(str(loss), replayed_s)
        return replacement

    async def _end(self, line: ActiveSocket, utterance: Utterance) -> None:
        """Get an utterance's text by ending its connection, and if that fails by sending it again."""
        try:
            await line.wire.send(self._dialect.end())
            is_answered = await self._answered(line, utterance, self._config.end_timeout_s)
        except ConnectionLostError:
            is_answered = utterance.is_answered
        finally:
            await self._hang_up(line)
        while not is_answered:
            if utterance.num_carries >= MAX_CARRIES:
                raise _unanswered(utterance)
            is_answered = await self._carry_alone(utterance)

    async def _carry_alone(self, utterance: Utterance) -> bool:
        """Send an utterance again, on a connection of its own. Whether its text came."""
        line = self._take_up(await self._reconnector.next())
        self._tell_replaced("the end of the audio had no answer in time", utterance.duration_s)
        try:
            return await self._carry(line, utterance, is_alone=True)
        except ConnectionLostError as loss:
            self._reconnector.note_loss(line.wire)
            if loss.is_final or self._reconnector.is_out_of_time:
                raise
            return utterance.is_answered
        finally:
            await self._hang_up(line)

    # One utterance on one connection.

    async def _carry(self, line: ActiveSocket, utterance: Utterance, *, is_alone: bool = False) -> bool:
        """Send an utterance, as its audio comes, and ask for its text. Whether the text came in time."""
        line.take(utterance)
        await self._send_audio(line, utterance)
        if utterance.is_empty:
            self._answer(line, utterance, None)
            return True
        line.is_asked = True
        if is_alone or utterance.ending is Ending.FINISH:
            await line.wire.send(self._dialect.end())
            return await self._answered(line, utterance, self._config.end_timeout_s)
        if self._dialect.can_end and self._reconnector.is_flush_hopeless:
            return False
        await line.wire.send(self._dialect.flush())
        is_answered = await self._answered(line, utterance, self._config.flush_timeout_s, has_standby=True)
        self._reconnector.note_flush(is_answered=is_answered)
        if is_answered and self._reconnector.has_standby:
            self._tasks.create_task(self._reconnector.drop_standby())
        return is_answered

    async def _send_audio(self, line: ActiveSocket, utterance: Utterance) -> None:
        while True:
            line.wire.check()
            if utterance.num_sent_bytes == len(utterance.audio):
                if utterance.ending is not None:
                    return
                await utterance.news()
                continue
            await self._outbox.wait_for_space()
            if not utterance.num_sent_bytes:
                utterance.num_carries += 1
                self._reconnector.keep_standby()
                for message in self._dialect.begin():
                    await line.wire.send(message)
            piece = bytes(utterance.audio[utterance.num_sent_bytes : utterance.num_sent_bytes + MAX_APPEND_BYTES])
            utterance.num_sent_bytes += len(piece)
            await line.wire.send(self._dialect.append(piece))

    async def _answered(
        self, line: ActiveSocket, utterance: Utterance, timeout_s: float, *, has_standby: bool = False
    ) -> bool:
        """Wait for an utterance's final text. False when it is overdue."""
        now_s = asyncio.get_running_loop().time
        asked_at_s = now_s()
        while not utterance.is_answered:
            line.wire.check()
            left_s = line.seconds_left(asked_at_s, timeout_s)
            if left_s <= 0:
                return False
            until_standby_s = asked_at_s + self._config.standby_after_s - now_s()
            if has_standby and until_standby_s <= 0:
                self._reconnector.prepare()
            try:
                async with asyncio.timeout(until_standby_s if 0 < until_standby_s < left_s else left_s):
                    await utterance.news()
            except TimeoutError:
                continue
        return True

    # What is heard.

    def _take_up(self, wire: ClientSocket) -> ActiveSocket:
        line = ActiveSocket(wire)
        self._readers[line] = self._tasks.create_task(self._read(line))
        return line

    async def _hang_up(self, line: ActiveSocket) -> None:
        reader = self._readers.get(line)
        if reader is not None:
            reader.cancel()
            await asyncio.wait({reader})
            await line.wire.close()
            self._readers.pop(line, None)  # only now: whoever is cancelled here leaves the rest to `run`

    async def _read(self, line: ActiveSocket) -> None:
        try:
            while True:
                self._hear(line, await line.wire.receive())
        except ConnectionLostError as loss:
            line.lose(loss)

    def _hear(self, line: ActiveSocket, heard: ServerMessage) -> None:
        utterance = line.utterance
        if isinstance(heard, ServerFailure):
            _log.debug("the server reports: %s", heard.message)
            if heard.ends_utterance:
                line.lose(ConnectionLostError(ConnectionFailedError(heard.message), is_final=heard.is_final))
        elif utterance is None or self._outbox.is_over or line.is_repeat(heard):
            return
        elif line.is_answer(heard):
            assert isinstance(heard, Done)
            self._answer(line, utterance, heard)
        else:
            self._sequencer.hear(utterance, utterance.hearing.add(heard, utterance.sent_to_s))

    def _answer(self, line: ActiveSocket, utterance: Utterance, done: Done | None) -> None:
        """An utterance has its final text; `done` is None where it had no audio to ask about."""
        line.note_answer(done, None if utterance.is_handed_over else self._replay_buffer.following(utterance))
        self._sequencer.hear(utterance, utterance.hearing.finish(done, utterance.end_s))
        utterance.is_answered = True
        utterance.wake()
        self._sequencer.settle()

    def _tell_replaced(self, reason: str, replayed_s: float) -> None:
        self._sequencer.tell_of_connection(ConnectionReplaced(reason, replayed_s, self._replay_buffer.put_s))


def _unanswered(utterance: Utterance) -> ConnectionLostError:
    where = f"{utterance.start_s:.2f} to {utterance.end_s:.2f} s"
    return ConnectionLostError(
        ConnectionFailedError(f"the server has no final text for the audio from {where}"), is_final=False
    )


_NUM_DONES_KEPT = 16
"""Answers of a connection that are remembered: a repeat comes soon after what it repeats, or never."""


class ActiveSocket:
    """One wire in use.

    Attributes:
        wire: The connection.
        utterance: Whose audio it carries, so whose text it tells; None behind the last one.
        is_asked: Whether its final text was asked for.
    """

    def __init__(self, wire: ClientSocket) -> None:
        self.wire = wire
        self.utterance: Utterance | None = None
        self.is_asked = False
        self._origin_s: float | None = None
        self._began_at_s = 0.0
        self._heard_at_s = 0.0
        self._dones: deque[Done] = deque(maxlen=_NUM_DONES_KEPT)
        self._has_text = False  # of this server it is known that it tells text before it is final

    def take(self, utterance: Utterance) -> None:
        """Carry this utterance next."""
        if self._origin_s is None:
            self._origin_s = utterance.start_s
        self.is_asked = False
        utterance.num_sent_bytes = 0
        self._began_at_s = _now_s()
        if utterance is not self.utterance:
            self.utterance = utterance
            utterance.hearing.restart(self._origin_s)

    def lose(self, loss: ConnectionLostError) -> None:
        """The wire is gone."""
        self.wire.loss = self.wire.loss or loss
        if self.utterance is not None:
            self.utterance.wake()

    def is_answer(self, heard: ServerMessage) -> bool:
        """Take note of what was heard; whether it is the final text that was asked for."""
        self._heard_at_s = _now_s()
        if isinstance(heard, Text):
            self._has_text |= bool(heard.text.strip())
        return isinstance(heard, Done) and self.is_asked and not self.is_repeat(heard)

    def is_repeat(self, heard: ServerMessage) -> bool:
        """Whether this is a `Done` that no words and no question stand behind: one that was sent twice.

        A repeat of a server that tells its text before it is final need not be exact in its times and costs.
        """
        if not isinstance(heard, Done) or self.utterance is None or self.utterance.hearing.has_text_of(heard):
            return False
        if self.is_asked:
            return self._has_text and bool(heard.text.strip()) and heard.text in (done.text for done in self._dones)
        return heard in list(self._dones)[-1:] or self._has_text or not heard.text.strip()

    def note_answer(self, done: Done | None, following: Utterance | None) -> None:
        """The utterance has its final text; what is heard before the next is taken belongs to that one."""
        if done is not None:
            self._dones.append(done)
        self.is_asked = False
        self.utterance = following
        if following is not None and self._origin_s is not None:
            following.hearing.restart(self._origin_s)

    def seconds_left(self, asked_at_s: float, timeout_s: float) -> float:
        """Until an answer is overdue: counted from the question or from the last words, whichever was later.

        Audio that was sent faster than it is spoken may take as long as it lasts.
        """
        duration_s = self.utterance.duration_s if self.utterance else 0.0
        head_start_s = max(0.0, duration_s - (asked_at_s - self._began_at_s))
        return max(asked_at_s + head_start_s, self._heard_at_s) + timeout_s - _now_s()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
