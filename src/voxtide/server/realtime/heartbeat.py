"""Whether a client is still there. In: what was heard of it. Out: when to ping it, and that it has vanished."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Heartbeat:
    """One connection's. `start` it when the connection stands, `stop` it when that is gone."""

    def __init__(
        self,
        ping_interval_s: float,
        pong_wait_s: float,
        *,
        ping: Callable[[], None],
        is_there: Callable[[], bool],
        on_vanished: Callable[[], None],
    ) -> None:
        """Call `ping` every `ping_interval_s`; `on_vanished` if the client is not there `pong_wait_s` after a ping."""
        self._ping_interval_s, self._pong_wait_s = ping_interval_s, pong_wait_s
        self._ping = ping
        self._is_there = is_there
        self._on_vanished = on_vanished
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; the first ping comes after `ping_interval_s`."""
        self._timer = self._loop.call_later(self._ping_interval_s, self._beat)

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self._ping()
        self._timer = self._loop.call_later(self._pong_wait_s, self._look)

    def _look(self) -> None:
        if self._is_there():
            self._timer = self._loop.call_later(max(0.0, self._ping_interval_s - self._pong_wait_s), self._beat)
        else:
            self._on_vanished()
