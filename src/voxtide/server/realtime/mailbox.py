"""The bounded queue from connection to session. In: client messages, the session's own items. Out: both, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from voxtide.protocols.realtime.dialect import Effect
from voxtide.types import Samples

HIGH_WATER_BYTES = 64 * 1024
"""Above this the socket is not read: 1.5 s of 16 kHz audio as JSON. Reading resumes at half of it."""


@dataclass(frozen=True, slots=True)
class FeedSamples:
    """The decoded audio of a `Feed` that the engine stream's full inbox did not accept."""

    samples: Samples


PendingEffect: TypeAlias = Effect | FeedSamples


@dataclass(frozen=True, slots=True)
class Effects:
    """The rest of a message's effects; the first must be awaited."""

    effects: Sequence[PendingEffect]


@dataclass(frozen=True, slots=True)
class SessionFailure:
    """The session cannot go on."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Drain:
    """Finish: ignore all later messages."""


Message: TypeAlias = str | bytes
Item: TypeAlias = Message | Effects | SessionFailure | Drain


class Mailbox:
    """One session's items. Only messages count towards its bound.

    Attributes:
        on_message: If set, called with a message that arrives while `receive` waits, instead of waking `receive`.
        is_full: Whether the socket is not being read.
        is_closed: Whether no more messages will come.
    """

    def __init__(self, *, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        """`pause` stops and `resume` restarts reading from the socket."""
        self._pause = pause
        self._resume = resume
        self._items: deque[Item] = deque()
        self._num_bytes = 0
        self._arrival: asyncio.Future[None] | None = None
        self.on_message: Callable[[Message], None] | None = None
        self.is_full = False
        self.is_closed = False

    @property
    def is_waiting(self) -> bool:
        """Whether a `receive` has not returned."""
        return self._arrival is not None

    async def receive(self) -> Item | None:
        """The next item; None once the mailbox is closed and empty."""
        while not self._items:
            if self.is_closed:
                return None
            self._arrival = asyncio.get_running_loop().create_future()
            try:
                await self._arrival
            finally:
                self._arrival = None
        item = self._items.popleft()
        if isinstance(item, str | bytes):
            self._num_bytes -= len(item)
            if self._num_bytes <= HIGH_WATER_BYTES // 2:
                self.resume_reading()
        return item

    def put(self, item: Item) -> None:
        """Append an item."""
        self._items.append(item)
        self._wake()

    def put_message(self, message: Message) -> None:
        """Append a client's message, or hand it to `on_message`."""
        if self.on_message is not None and self._arrival is not None and not self._arrival.done():
            self.on_message(message)
            return
        self._num_bytes += len(message)
        self.put(message)
        if self._num_bytes > HIGH_WATER_BYTES and not self.is_full:
            self.is_full = True
            self._pause()

    def resume_reading(self) -> None:
        """Read the socket again if reading was paused."""
        if self.is_full:
            self.is_full = False
            self._resume()

    def close(self) -> None:
        """Accept no more messages: `receive` returns what is left, then None."""
        self.is_closed = True
        self._wake()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
