"""The public realtime session, `Connection`. In: audio, flushes. Out: events, and the text of each flush.

send_audio, flush_audio, end_audio -> ReplayBuffer -> ReplayTransport -> server
async iterator <- EventQueue <- EventSequencer <- ReplayTransport <- server

Knows no dialect. transport/replay_transport.py reconnects and replays.
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

_MIN_PIECES = 8
"""Audio is buffered in pieces of one second, or of 1/8 of the replay buffer if that is less."""


class FlushAnswer:
    """The answer to one flush. Awaiting it, which is optional, returns the final text since the previous flush."""

    def __init__(self, flush_id: int, text: asyncio.Future[str]) -> None:
        self.flush_id = flush_id
        self._text = text

    def __await__(self) -> Generator[Any, None, str]:
        return asyncio.shield(self._text).__await__()


class Connection:
    """One session. Enter it with `async with`, or await it and `close` it; iterate it for its events.

    Attributes:
        ready: The server's first `Ready` message.
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
        """Prepare a session; no connection is opened yet."""
        self.ready = Ready()
        self._address = address
        self._dialect = dialect
        self._headers = headers
        self._pcm = pcm
        self._config = config
        self._replay_buffer = ReplayBuffer(pcm, config.replay_s)
        self._event_queue = EventQueue(config.max_events)
        self._sequencer = EventSequencer(self._replay_buffer, self._event_queue)
        self._reconnector = Reconnector(self._open_socket, config)
        self._task: asyncio.Task[None] | None = None  # while it runs
        self._is_entered = False
        self._is_ready = asyncio.Event()
        self._send_lock = asyncio.Lock()  # keeps the pieces of one send_audio call contiguous
        self._partial_sample = b""
        self._num_flushes = 0
        self._is_closed = False
        self._error: VoxtideError | None = None

    async def send_audio(self, audio: bytes | bytearray | memoryview | Samples) -> None:
        """Send audio. Waits while the replay buffer is full.

        Args:
            audio: Bytes in the connection's format, split anywhere; or float samples in [-1, 1] of shape [n], at the
                connection's sample rate.

        Raises:
            StreamClosedError: After `end_audio` or `close`; a `RuntimeError`.
            EngineFailedError: The connection failed.
        """
        self._check_usable()
        payload = self._payload(audio)
        async with self._send_lock:
            payload = self._partial_sample + payload
            sample_bytes = self._pcm.encoding.num_bytes * self._pcm.channels
            whole_bytes = len(payload) // sample_bytes * sample_bytes
            self._partial_sample = payload[whole_bytes:]
            piece_bytes = self._piece_bytes(sample_bytes)
            for start in range(0, whole_bytes, piece_bytes):
                piece = payload[start : min(start + piece_bytes, whole_bytes)]
                await self._replay_buffer.wait_for_space(len(piece))
                self._check_usable()
                self._replay_buffer.put(piece)

    def flush_audio(self) -> FlushAnswer:
        """Request the final text of all audio sent so far. Returns at once; more audio may follow.

        Raises:
            StreamClosedError: After `end_audio` or `close`; a `RuntimeError`.
            CapacityError: Too many flushes are unanswered.
            EngineFailedError: The connection failed.
        """
        self._check_usable()
        if not self._replay_buffer.has_space(0):
            raise CapacityError("too many flushes are unanswered; await some of them")
        text = asyncio.get_running_loop().create_future()
        text.add_done_callback(_retrieve_exception)
        self._num_flushes += 1
        self._sequencer.expect_flush(text)
        self._replay_buffer.close_last(Ending.FLUSH)
        return FlushAnswer(self._num_flushes, text)

    async def end_audio(self) -> None:
        """End the audio. The remaining text becomes final, then the events end with `Finished`. Idempotent.

        Raises:
            StreamClosedError: After `close`; a `RuntimeError`.
            EngineFailedError: The connection failed.
        """
        if self._replay_buffer.is_finished:
            return
        self._check_usable()
        async with self._send_lock:
            if not self._replay_buffer.is_finished:
                self._check_usable()
                self._replay_buffer.close_last(Ending.FINISH)

    async def close(self) -> None:
        """End the session now and discard pending text and events. Iterators end. Idempotent."""
        self.shut()
        if self._task is not None:
            await asyncio.wait({self._task})

    def shut(self) -> None:
        """Close without waiting."""
        if self._is_closed:
            return
        self._is_closed = True
        is_over = self._event_queue.is_over
        self._event_queue.end(is_dropping=True)
        self._replay_buffer.close()
        self._sequencer.fail_flushes(StreamClosedError("the connection was closed before the flush was answered"))
        if self._task is not None and not is_over:  # a finished session is already closing its socket
            self._task.cancel()

    def __aiter__(self) -> AsyncIterator[ClientEvent]:
        self._event_queue.has_reader = True
        return self

    async def __anext__(self) -> ClientEvent:
        self._check_open()
        event = await self._event_queue.take()
        if event is not None:
            return event
        if self._error is not None:
            raise copy(self._error)
        raise StopAsyncIteration

    async def wait_for_space(self) -> None:
        """Wait until `flush_audio` has capacity, or the session has ended."""
        await self._replay_buffer.wait_for_space(0)

    @property
    def is_closed(self) -> bool:
        """Whether sending is over, after `end_audio`, `close` or a failure."""
        return self._is_closed or self._replay_buffer.is_finished or self._error is not None

    @property
    def unsent_s(self) -> float:
        """Buffered audio not yet sent, in seconds."""
        return self._replay_buffer.unsent_s

    @property
    def num_unread_events(self) -> int:
        """Events emitted and not yet read."""
        return len(self._event_queue)

    def __await__(self) -> Generator[Any, None, Self]:
        return self.__aenter__().__await__()

    async def __aenter__(self) -> Self:
        if self._is_entered or self._is_closed:
            raise StreamClosedError("a connection is opened once; make a new one")
        self._is_entered = True
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._forget_task)
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

    async def _run(self) -> None:
        try:
            socket = await self._open_socket()
            self.ready = socket.ready
            self._is_ready.set()
            transport = ReplayTransport(
                self._replay_buffer, self._sequencer, self._event_queue, self._reconnector, self._dialect, self._config
            )
            await transport.run(socket)
        except ConnectionLostError as loss:
            self._fail(loss.error)
        except Exception as error:
            _log.exception("a connection to %s failed", self._address.shown)
            self._fail(EngineFailedError(f"the connection to {self._address.shown} failed: {error}"))
        finally:
            self._is_ready.set()
            await self._reconnector.close_standby()

    def _forget_task(self, task: asyncio.Task[None]) -> None:
        self._task = None  # releases the traceback of its error

    async def _open_socket(self) -> ClientSocket:
        return await ClientSocket.open(self._address, self._dialect, self._headers, self._config.open_timeout_s)

    def _fail(self, error: VoxtideError) -> None:
        self._error = error
        self._sequencer.fail_flushes(error)
        self._event_queue.end()
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
        wanted = min(self._pcm.bytes_per_s, int(self._config.replay_s * self._pcm.bytes_per_s) // _MIN_PIECES)
        return max(sample_bytes, wanted // sample_bytes * sample_bytes)


def _retrieve_exception(text: asyncio.Future[str]) -> None:
    """Mark the exception as retrieved: not awaiting a flush is allowed, and asyncio would log it."""
    if not text.cancelled():
        text.exception()
