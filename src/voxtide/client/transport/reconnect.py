"""Finds a connection that works. In: how to open one. Out: open wires, or the reason why there is none.

Opens again and again, for a bounded time and with growing pauses, and keeps a standby ready where it is worth having.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine

from voxtide.client.config import ClientConfig
from voxtide.client.transport.websocket import ClientSocket, ConnectionLostError

_log = logging.getLogger("voxtide.client")

PAUSES_S = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Before each attempt to open; the last one from there on. Random shares of them are taken, so that many clients of
one server do not come back at the same moment."""

STEADY_S = 5.0
"""A connection that stood for less counts as a failed attempt, so that one that always breaks is given up."""

NUM_UNANSWERED = 2
"""Flushes in a row without an answer after which the server is taken to answer none."""

RETRY_FLUSH_S = 60.0
"""For so long: it may have been but overloaded. Who really knows no flush then costs one wait a minute."""


class Reconnector:
    """Opens the connections of one session."""

    def __init__(self, open_socket: Callable[[], Coroutine[None, None, ClientSocket]], config: ClientConfig) -> None:
        self._open_socket = open_socket
        self._config = config
        self._standby: asyncio.Task[ClientSocket] | None = None
        self._num_failures = 0  # in a row
        self._failing_since_s: float | None = None
        self._num_unanswered = 0  # in a row
        self._unanswered_at_s = 0.0

    @property
    def is_flush_hopeless(self) -> bool:
        """Whether the server has shown that it does not answer flushes."""
        return self._num_unanswered >= NUM_UNANSWERED and _now_s() - self._unanswered_at_s < RETRY_FLUSH_S

    @property
    def is_out_of_time(self) -> bool:
        """Whether there has been no connection worth the name for as long as the configuration allows."""
        return self._failing_since_s is not None and _now_s() - self._failing_since_s >= self._config.reconnect_s

    def note_flush(self, *, is_answered: bool) -> None:
        """Learn from what became of a flush."""
        self._num_unanswered = 0 if is_answered else self._num_unanswered + 1
        self._unanswered_at_s = _now_s()
        if is_answered:
            self._failing_since_s, self._num_failures = None, 0

    def note_loss(self, wire: ClientSocket) -> None:
        """Learn from a connection that is gone."""
        lived_s = _now_s() - wire.opened_at_s
        if lived_s >= STEADY_S:
            self._failing_since_s, self._num_failures = None, 0
        self._note_failure()

    def prepare(self) -> None:
        """Begin to open the next connection, if that has not been begun."""
        if self._standby is None or (self._standby.done() and not _is_usable(self._standby)):
            self._standby = asyncio.create_task(self._open_socket())

    def keep_standby(self) -> None:
        """Have a standby ready if flushes have been left unanswered."""
        if self._num_unanswered:
            self.prepare()

    async def next(self) -> ClientSocket:
        """The standby, or else a new connection.

        Raises:
            Loss: There was none to be had for as long as the configuration allows, or will never be one.
        """
        if (standby := self._standby) is not None:
            await asyncio.wait({standby})
            is_ours, self._standby = self._standby is standby, None
            if is_ours and _is_usable(standby):
                return standby.result()
        while True:
            await asyncio.sleep(self._pause_s())
            try:
                return await self._open_socket()
            except ConnectionLostError as loss:
                self._note_failure()
                if loss.is_final or self.is_out_of_time:
                    raise
                _log.debug("another attempt will follow: %s", loss)

    @property
    def has_standby(self) -> bool:
        """Whether a next connection is open, or about to be."""
        return self._standby is not None

    async def drop_standby(self) -> None:
        """Close the standby, if there is one: it holds a place on the server."""
        standby, self._standby = self._standby, None
        if standby is not None:
            standby.cancel()
            await asyncio.wait({standby})
            if not standby.cancelled() and standby.exception() is None:
                await standby.result().close()

    def _note_failure(self) -> None:
        self._num_failures += 1
        self._failing_since_s = _now_s() if self._failing_since_s is None else self._failing_since_s

    def _pause_s(self) -> float:
        pause_s = PAUSES_S[min(max(self._num_failures - 1, 0), len(PAUSES_S) - 1)]
        return pause_s * random.uniform(0.5, 1.0)


def _is_usable(standby: asyncio.Task[ClientSocket]) -> bool:
    return standby.done() and not standby.cancelled() and standby.exception() is None and standby.result().is_open


def _now_s() -> float:
    return asyncio.get_running_loop().time()
