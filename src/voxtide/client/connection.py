"""A conversation with a server of realtime transcription. In: audio, flushes. Out: events, and the text of each flush.

send_audio, flush_audio, end_audio -> journal -> courier -> server -> courier -> teller -> async iterator

`Connection` is the face; it knows no dialect. It survives the loss of its connection: see courier.py.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Generator
from copy import copy
from types import TracebackType
from typing import Any, Self

import numpy as np

from voxtide.audio.encodings import encode_pcm
from voxtide.audio.pcm import PcmFormat
from voxtide.client.config import ClientConfig
from voxtide.client.dialects.base import ClientDialect, Ready
from voxtide.client.events import ClientEvent
from voxtide.client.transport.event_order import EventQueue, EventSequencer
from voxtide.client.transport.reconnect import Reconnector
from voxtide.client.transport.replay_buffer import Ending, ReplayBuffer
from voxtide.client.transport.replay_transport import ReplayTransport
from voxtide.client.transport.websocket import ClientSocket, ConnectionLostError, ServerAddress
from voxtide.errors import CapacityError, ConfigError, EngineFailedError, StreamClosedError, VoxtideError
from voxtide.types import Samples

_log = logging.getLogger("voxtide.client")

_PIECES_KEPT = 8
"""Audio is put in pieces of a second, or of this share of what is kept if that is less."""


class FlushAnswer:
    """The answer to one flush. Await it for the utterance's final text, now, later or not at all."""

    def __init__(self, flush_id: int, text: asyncio.Future[str]) -> None:
        self.flush_id = flush_id
        self._text = text

    def __await__(self) -> Generator[Any, None, str]:
        return asyncio.shield(self._text).__await__()


class Connection:
    """One conversation. Enter it with `async with`, or await it and `close` it; iterate it for its events.

    Attributes:
        ready: What the server said of itself when it was ready the first time.
    """

    def __init__(
        self,
        address: ServerAddress,
        dialect: ClientDialect,
        *,
        headers: dict[str, str],
        pcm: PcmFormat,
        config: ClientConfig,
    ) -> None:
        """Prepare a conversation; nothing is opened yet."""
        self.ready = Ready()
        self._address = address
        self._dialect = dialect
        self._headers = headers
        self._pcm = pcm
        self._config = config
        self._replay_buffer = ReplayBuffer(pcm, config.replay_s)
        self._outbox = EventQueue(config.max_events)
        self._sequencer = EventSequencer(self._replay_buffer, self._outbox)
        self._reconnector = Reconnector(self._open_socket, config)
        self._life: asyncio.Task[None] | None = None  # while it lives
        self._is_entered = False
        self._is_ready = asyncio.Event()
        self._turn = asyncio.Lock()  # keeps the pieces of one send_audio together
        self._left_over = b""
        self._num_flushes = 0
        self._is_closed = False
        self._error: VoxtideError | None = None

    # The caller's side.

    async def send_audio(self, audio: bytes | bytearray | memoryview | Samples) -> None:
        """Send audio. Waits while as much as may be kept has no final text yet, or events are not read.

        Args:
            audio: Bytes of the connection's format, cut anywhere; or float samples in [-1, 1] of shape [n], at the
                connection's sample rate.

        Raises:
            StreamClosedError: After `end_audio` or `close`; a `RuntimeError`.
            EngineFailedError: The server is gone for good.
        """
        self._check_usable()
        payload = self._payload(audio)
        async with self._turn:
            payload = self._left_over + payload
            sample_bytes = self._pcm.encoding.num_bytes * self._pcm.channels
            whole_bytes = len(payload) // sample_bytes * sample_bytes
            self._left_over = payload[whole_bytes:]
            piece_bytes = self._piece_bytes(sample_bytes)
            for start in range(0, whole_bytes, piece_bytes):
                piece = payload[start : min(start + piece_bytes, whole_bytes)]
                await self._replay_buffer.wait_for_space(len(piece))
                self._check_usable()
                self._replay_buffer.put(piece)

    def flush_audio(self) -> FlushAnswer:
        """Ask that everything sent so far becomes final. Await the result for its text; audio may follow at once.

        Raises:
            StreamClosedError: After `end_audio` or `close`; a `RuntimeError`.
            CapacityError: Far too many flushes wait for their answer.
            EngineFailedError: The server is gone for good.
        """
        self._check_usable()
        if not self._replay_buffer.has_space(0):
            raise CapacityError("too many flushes wait for their answer; await some of them")
        text = asyncio.get_running_loop().create_future()
        text.add_done_callback(_look_at)
        self._num_flushes += 1
        self._sequencer.expect_flush(text)
        self._replay_buffer.close_last(Ending.FLUSH)
        return FlushAnswer(self._num_flushes, text)

    async def end_audio(self) -> None:
        """Say that no more audio comes: the rest becomes final, then the events end with `Finished`.

        Raises:
            StreamClosedError: After `close`; a `RuntimeError`.
            EngineFailedError: The server is gone for good.
        """
        if self._replay_buffer.is_finished:
            return
        self._check_usable()
        async with self._turn:
            if not self._replay_buffer.is_finished:
                self._check_usable()
                self._replay_buffer.close_last(Ending.FINISH)

    async def close(self) -> None:
        """End the conversation now, whatever is left unsaid. Iterators end. Twice is the same as once."""
        self.shut()
        if self._life is not None:
            await asyncio.wait({self._life})

    def shut(self) -> None:
        """Close without waiting."""
        if self._is_closed:
            return
        self._is_closed = True
        is_over = self._outbox.is_over
        self._outbox.end(is_dropping=True)
        self._replay_buffer.close()
        self._sequencer.give_up(StreamClosedError("the connection was closed before the flush was answered"))
        if self._life is not None and not is_over:  # one that has told everything is just hanging up
            self._life.cancel()

    def __aiter__(self) -> AsyncIterator[ClientEvent]:
        self._outbox.has_reader = True
        return self

    async def __anext__(self) -> ClientEvent:
        self._check_open()
        event = await self._outbox.take()
        if event is not None:
            return event
        if self._error is not None:
            raise copy(self._error)
        raise StopAsyncIteration

    async def wait_for_space(self) -> None:
        """Wait until a flush may be asked for, or there is no use in waiting."""
        await self._replay_buffer.wait_for_space(0)

    @property
    def is_closed(self) -> bool:
        """Whether nothing may be sent any more, because of `end_audio`, `close` or a failure."""
        return self._is_closed or self._replay_buffer.is_finished or self._error is not None

    @property
    def unsent_s(self) -> float:
        """Audio given to us that no server has been sent yet, in seconds."""
        return self._replay_buffer.unsent_s

    @property
    def num_unread_events(self) -> int:
        """Events told and not yet read."""
        return len(self._outbox)

    def __await__(self) -> Generator[Any, None, Self]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        if self._is_entered or self._is_closed:
            raise StreamClosedError("a connection is opened once; make a new one")
        self._is_entered = True
        self._life = asyncio.create_task(self._live())
        self._life.add_done_callback(self._forget_life)
        try:
            await self._is_ready.wait()
        except BaseException:
            self.shut()
            raise
        if self._error is not None:
            await self.close()
            raise copy(self._error)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # The server's side.

    async def _live(self) -> None:
        try:
            wire = await self._open_socket()
            self.ready = wire.ready
            self._is_ready.set()
            transport = ReplayTransport(
                self._replay_buffer, self._sequencer, self._outbox, self._reconnector, self._dialect, self._config
            )
            await transport.run(wire)
        except ConnectionLostError as loss:
            self._fail(loss.error)
        except Exception as error:
            _log.exception("a connection to %s failed", self._address.shown)
            self._fail(EngineFailedError(f"the connection to {self._address.shown} failed: {error}"))
        finally:
            self._is_ready.set()
            await self._reconnector.drop_standby()

    def _forget_life(self, life: asyncio.Task[None]) -> None:
        self._life = None  # and what its last error holds

    async def _open_socket(self) -> ClientSocket:
        return await ClientSocket.open(self._address, self._dialect, self._headers, self._config.open_timeout_s)

    def _fail(self, error: VoxtideError) -> None:
        self._error = error
        self._sequencer.give_up(error)
        self._outbox.end()
        self._replay_buffer.close()

    def _check_usable(self) -> None:
        if self._is_closed or self._replay_buffer.is_finished:
            raise StreamClosedError(f"the connection was {'closed' if self._is_closed else 'finished'}; open a new one")
        if self._error is not None:
            raise copy(self._error)
        self._check_open()

    def _check_open(self) -> None:
        if not (self._is_entered or self._is_closed):
            raise StreamClosedError("the connection is not open; enter it with `async with`")

    def _payload(self, audio: bytes | bytearray | memoryview | Samples) -> bytes:
        if not isinstance(audio, np.ndarray):
            return bytes(audio)
        if audio.ndim != 1 or audio.dtype.kind != "f" or self._pcm.channels != 1:
            raise ConfigError(f"samples must be floats of shape [n], not {audio.dtype} of shape {audio.shape}")
        return encode_pcm(audio.astype(np.float32, copy=False), self._pcm.encoding)

    def _piece_bytes(self, sample_bytes: int) -> int:
        wanted = min(self._pcm.bytes_per_s, int(self._config.replay_s * self._pcm.bytes_per_s) // _PIECES_KEPT)
        return max(sample_bytes, wanted // sample_bytes * sample_bytes)


def _look_at(text: asyncio.Future[str]) -> None:
    """A flush whose answer nobody awaits is no mistake; without a look its error would be logged as one."""
    if not text.cancelled():
        text.exception()
