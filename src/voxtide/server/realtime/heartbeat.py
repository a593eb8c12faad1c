"""Whether a client is still there. In: what was heard of it. Out: when to ping it, and that it has vanished."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from voxtide.server.config import ConnectionLimits


class Heartbeat:
    """One connection's. `start` it when the connection stands, `stop` it when that is gone."""

    def __init__(
        self,
        limits: ConnectionLimits,
        *,
        ping: Callable[[], None],
        is_there: Callable[[], bool],
        on_vanished: Callable[[], None],
    ) -> None:
        """Call `ping` every `limits.ping_s`; `on_vanished` if the client is not there `limits.pong_s` after a ping."""
        self._ping_s, self._pong_s = limits.ping_s, limits.pong_s
        self._ping = ping
        self._is_there = is_there
        self._on_vanished = on_vanished
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; the first ping comes after `ping_s`."""
        self._timer = self._loop.call_later(self._ping_s, self._beat)

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()

    def _beat(self) -> None:
        self._ping()
        self._timer = self._loop.call_later(self._pong_s, self._look)

    def _look(self) -> None:
        if self._is_there():
            self._timer = self._loop.call_later(max(0.0, self._ping_s - self._pong_s), self._beat)
        else:
            self._on_vanished()
