"""Reconnects with exponential backoff and a deadline. In: a function that opens a socket. Out: open sockets.

Opens a standby socket in advance when the server is slow to answer flushes.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine

from voxtide.client.config import ClientConfig
from voxtide.client.transport.websocket import ClientSocket, ConnectionLostError

_log = logging.getLogger("voxtide.client")

BACKOFF_S = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Delay before each attempt; the last one repeats. Jitter keeps many clients from reconnecting at the same moment."""

STABLE_S = 5.0
"""A shorter connection counts as a failed attempt, so that the deadline also ends a series of short connections."""

MAX_UNANSWERED = 2
"""Consecutive unanswered flushes after which the client stops sending flushes."""

RETRY_FLUSH_S = 60.0
"""After this the client sends a flush again: the server may only have been overloaded."""


class Reconnector:
    """Opens the sockets of one session."""

    def __init__(self, open_socket: Callable[[], Coroutine[None, None, ClientSocket]], config: ClientConfig) -> None:
        self._open_socket = open_socket
        self._config = config
        self._standby: asyncio.Task[ClientSocket] | None = None
        self._num_failures = 0  # in a row
        self._failing_since_s: float | None = None
        self._num_unanswered = 0  # in a row
        self._unanswered_at_s = 0.0

    @property
    def is_ignoring_flushes(self) -> bool:
        """Whether the server left the last flushes unanswered."""
        return self._num_unanswered >= MAX_UNANSWERED and _now_s() - self._unanswered_at_s < RETRY_FLUSH_S

    @property
    def is_past_deadline(self) -> bool:
        """Whether no connection has been stable for `reconnect_s`."""
        return self._failing_since_s is not None and _now_s() - self._failing_since_s >= self._config.reconnect_s

    def note_flush(self, *, is_answered: bool) -> None:
        """Record whether a flush was answered in time."""
        self._num_unanswered = 0 if is_answered else self._num_unanswered + 1
        self._unanswered_at_s = _now_s()
        if is_answered:
            self._failing_since_s, self._num_failures = None, 0

    def note_loss(self, socket: ClientSocket) -> None:
        """Record a lost connection."""
        lived_s = _now_s() - socket.opened_at_s
        if lived_s >= STABLE_S:
            self._failing_since_s, self._num_failures = None, 0
        self._note_failure()

    def open_standby(self) -> None:
        """Start to open a standby socket, unless there is one."""
        if self._standby is None or (self._standby.done() and not _is_usable(self._standby)):
            self._standby = asyncio.create_task(self._open_socket())

    def open_standby_if_unreliable(self) -> None:
        """Open a standby socket if the last flush was unanswered."""
        if self._num_unanswered:
            self.open_standby()

    async def next_socket(self) -> ClientSocket:
        """The standby socket, or else a new one.

        Raises:
            ConnectionLostError: A permanent failure, or none could be opened for `reconnect_s`.
        """
        if (standby := self._standby) is not None:
            await asyncio.wait({standby})
            is_current, self._standby = self._standby is standby, None
            if is_current and _is_usable(standby):
                return standby.result()
        while True:
            await asyncio.sleep(self._backoff_s())
            try:
                return await self._open_socket()
            except ConnectionLostError as loss:
                self._note_failure()
                if loss.is_permanent or self.is_past_deadline:
                    raise
                _log.debug("retrying to connect: %s", loss)

    @property
    def has_standby(self) -> bool:
        """Whether a standby socket is open or being opened."""
        return self._standby is not None

    async def close_standby(self) -> None:
        """Close the standby socket, if any: it takes up server capacity."""
        standby, self._standby = self._standby, None
        if standby is not None:
            standby.cancel()
            await asyncio.wait({standby})
            if not standby.cancelled() and standby.exception() is None:
                await standby.result().close()

    def _note_failure(self) -> None:
        self._num_failures += 1
        self._failing_since_s = _now_s() if self._failing_since_s is None else self._failing_since_s

    def _backoff_s(self) -> float:
        backoff_s = BACKOFF_S[min(max(self._num_failures - 1, 0), len(BACKOFF_S) - 1)]
        return backoff_s * random.uniform(0.5, 1.0)


def _is_usable(standby: asyncio.Task[ClientSocket]) -> bool:
    return standby.done() and not standby.cancelled() and standby.exception() is None and standby.result().is_open


def _now_s() -> float:
    return asyncio.get_running_loop().time()
