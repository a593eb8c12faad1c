"""Waking an event loop from other threads. In: events to set, from any thread. Out: the events, set in their loop."""

from __future__ import annotations

import asyncio
from collections import deque


class Wakeups:
    """Sets the events of one loop. Waking a loop costs more than most steps of a small model, so one serves all that
    is asked for until it comes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._events: deque[asyncio.Event] = deque()  # bounded: a waking is on its way whenever it is not empty
        self._is_asked = False

    def set(self, event: asyncio.Event) -> None:
        """Set an event soon. Callable from any thread; nothing where the loop is closed, for nobody waits there."""
        self._events.append(event)  # before the look: a waking that has begun finds it, or we ask for another
        if not self._is_asked:
            self._is_asked = True
            try:
                self.loop.call_soon_threadsafe(self._set_all)
            except RuntimeError:  # closed
                self._events.clear()
                self._is_asked = False

    def _set_all(self) -> None:
        self._is_asked = False  # before the first look, for the same reason
        while self._events:
            self._events.popleft().set()
