"""A client connection as an engine stream. In: the five verbs. Out: events. Knows no dialect.

feed, flush, finish -> [queue 1: the connection's replay buffer] -> server -> [queue 2: its events] -> async iterator

Both queues belong to the connection and are bounded. Lost and replaced connections are logged.
"""

from __future__ import annotations

import asyncio
import logging
from abc import abstractmethod
from collections.abc import AsyncIterator

import numpy as np

from voxtide.client.config import ClientConfig
from voxtide.client.connection import Connection
from voxtide.client.dialects.base import Ready
from voxtide.client.events import ConnectionLost, ConnectionReplaced
from voxtide.engines.base import Engine, EngineStream, check_samples
from voxtide.engines.open_streams import OpenStreams
from voxtide.errors import StreamClosedError, VoxtideError
from voxtide.transcript.events import TranscriptEvent
from voxtide.types import Samples, StreamOptions

_log = logging.getLogger("voxtide.engines")

DEFAULT_MAX_STREAMS = 1024
"""Default limit: a stream uses at most two sockets. The server has its own limits."""


class ConnectedEngine(Engine):
    """An engine whose streams are client connections. Subclasses implement `connection`."""

    def __init__(
        self,
        server: str,
        *,
        api_key: str | None = None,
        model: str | None = None,
        max_streams: int | None = None,
        config: ClientConfig | None = None,
    ) -> None:
        """Check the arguments; opens no connection.

        Raises:
            ConfigError: The address, the key, the model or a number cannot be used.
        """
        self.open_streams = OpenStreams[ConnectedStream](DEFAULT_MAX_STREAMS if max_streams is None else max_streams)
        self.server = server
        self.api_key = api_key
        self.model = model
        self.config = config or ClientConfig()
        self.ready: Ready | None = None
        """The server's latest ready message; None before the first connection."""
        self.connection(StreamOptions())  # raises now what the first stream would raise

    @abstractmethod
    def connection(self, options: StreamOptions) -> Connection:
        """Make a connection with these options, not yet open.

        Raises:
            UnsupportedOptionError: The dialect does not support an option.
        """

    @property
    def num_open_streams(self) -> int:
        return len(self.open_streams)

    def open(self, options: StreamOptions | None = None) -> ConnectedStream:
        return ConnectedStream(self, self.connection(options or StreamOptions()))

    async def close(self) -> None:
        streams = self.open_streams.close()
        for stream in streams:
            stream.shut()  # all of them before the first wait, so that a cancelled close leaves none open
        await asyncio.gather(*(stream.close() for stream in streams))


class ConnectedStream(EngineStream):
    """One client connection as an engine stream."""

    def __init__(self, engine: ConnectedEngine, connection: Connection) -> None:
        self._engine = engine
        self._connection = connection
        self._feed_lock = asyncio.Lock()  # keeps feed, flush and finish in order
        self._is_entered = False
        self._is_finishing = False
        self._is_closed = False
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> ConnectedStream:
        if self._is_entered or self._is_closed:
            raise StreamClosedError("a stream is entered once; open a new one")
        self._engine.open_streams.enter(self, engine=self._engine.info.name)
        self._is_entered = True
        aiter(self._connection)  # events are kept from now on
        try:
            await self._connection.__aenter__()
        except VoxtideError:
            await self.close()
            raise
        except BaseException:
            self.shut()
            raise
        self._engine.ready = self._connection.ready
        return self

    async def feed(self, samples: Samples) -> None:
        self._check_usable()
        check_samples(samples)
        async with self._feed_lock:
            self._check_usable()
            await self._connection.send_audio(np.asarray(samples, dtype=np.float32))

    async def flush(self) -> int:
        self._check_usable()
        async with self._feed_lock:
            await self._connection.wait_for_space()
            self._check_usable()
            return self._connection.flush_audio().flush_id

    async def finish(self) -> None:
        if self._is_finishing and not self._is_closed:
            return
        self._check_usable()
        async with self._feed_lock:
            if not self._is_finishing:
                self._check_usable()
                await self._connection.end_audio()
                self._is_finishing = True

    async def close(self) -> None:
        self.shut()
        if self._closing is not None:
            await asyncio.wait({self._closing})

    def shut(self) -> None:
        """Start closing, without waiting."""
        self._is_closed = True
        self._connection.shut()
        if self._is_entered and self._closing is None:
            self._closing = asyncio.create_task(self._connection.close())
            self._closing.add_done_callback(lambda _: self._engine.open_streams.leave(self))

    def __aiter__(self) -> AsyncIterator[TranscriptEvent]:
        return self

    async def __anext__(self) -> TranscriptEvent:
        if not (self._is_entered or self._is_closed):
            raise _not_open()
        while True:
            event = await anext(self._connection)
            match event:
                case ConnectionLost(reason):
                    _log.warning("engine %s lost its connection: %s", self._engine.info.name, reason)
                case ConnectionReplaced(reason, replayed_s):
                    _log.info("reconnected, replaying %.1f s of audio: %s", replayed_s, reason)
                case _:
                    return event

    @property
    def lag_s(self) -> float:
        """Audio not yet sent [s]; the server does not report its own lag."""
        return self._connection.unsent_s

    @property
    def num_unread_events(self) -> int:
        return self._connection.num_unread_events

    def _check_usable(self) -> None:
        if self._is_closed or self._is_finishing:
            verb = "closed" if self._is_closed else "finished"
            raise StreamClosedError(f"the stream was {verb}; open a new one")
        if not self._is_entered:
            raise _not_open()


def _not_open() -> StreamClosedError:
    return StreamClosedError("the stream is not open; enter it with `async with engine.open() as stream`")
