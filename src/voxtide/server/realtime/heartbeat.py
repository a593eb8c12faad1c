"""Liveness of a connection. In: whether anything was received. Out: pings, and a timeout."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Heartbeat:
    """The ping timer of one connection. `stop` is idempotent.

    Attributes:
        has_received: Whether anything was received since the last ping; the connection sets it.
    """

    def __init__(
        self,
        ping_interval_s: float,
        pong_wait_s: float,
        *,
        ping: Callable[[], None],
        is_excused: Callable[[], bool],
        on_timeout: Callable[[], None],
    ) -> None:
        """Call `ping` every `ping_interval_s`, and `on_timeout` if nothing is received for `pong_wait_s` after a ping.

        While `is_excused()`, such as while the socket is not read, silence is no timeout.
        """
        self.has_received = True
        self._ping_interval_s, self._pong_wait_s = ping_interval_s, pong_wait_s
        self._ping = ping
        self._is_excused = is_excused
        self._on_timeout = on_timeout
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Send the first ping after `ping_interval_s`."""
        self._timer = self._loop.call_later(self._ping_interval_s, self._beat)

    def stop(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self.has_received = False
        self._ping()
        self._timer = self._loop.call_later(self._pong_wait_s, self._check)

    def _check(self) -> None:
        if self.has_received or self._is_excused():
            self._timer = self._loop.call_later(max(0.0, self._ping_interval_s - self._pong_wait_s), self._beat)
        else:
            self._on_timeout()
