"""From a thread to the event loop. In: items from one thread. Out: the same items, awaited. Knows no audio."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class HandOver(Generic[T]):
    """A bounded queue with a thread on one side and a coroutine on the other.

    The thread calls `put` or `offer`, then `end`; the event loop's side calls `get` and `close`.
    """

    def __init__(self, max_items: int) -> None:
        """Begin empty, for the running event loop. At most `max_items` wait."""
        self._max_items = max_items
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._changed = threading.Condition()
        self._items: deque[T] = deque()
        self._is_awaited = False
        self._is_ended = False
        self._is_closed = False
        self._error: BaseException | None = None

    def put(self, item: T) -> bool:
        """Hand over `item`; while the queue is full, wait until there is room or `close` ends the waiting.

        Returns False when nobody will take the item.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or len(self._items) < self._max_items)
            if self._is_closed:
                return False
            self._items.append(item)
        self._wake()
        return True

    def offer(self, item: T) -> bool:
        """Hand over `item` without ever waiting. Returns False when it was not taken: the queue is full or closed."""
        with self._changed:
            if self._is_closed or len(self._items) >= self._max_items:
                return False
            self._items.append(item)
        self._wake()
        return True

    def end(self, error: BaseException | None = None) -> None:
        """Say that no more items come; `get` raises `error` after the last one. The first call counts."""
        with self._changed:
            if not self._is_ended:
                self._is_ended, self._error = True, error
        self._wake(is_urgent=True)

    async def get(self) -> T | None:
        """The next item, or None after the last. A cancelled call takes no item."""
        while True:
            with self._changed:
                if self._items:
                    return self._take()
                if self._error is not None and not self._is_closed:
                    raise self._error
                if self._is_ended or self._is_closed:
                    return None
                self._arrived.clear()
                self._is_awaited = True
            await self._arrived.wait()

    def close(self) -> None:
        """Drop what waits and refuse what comes; a waiting `put` or `get` returns."""
        with self._changed:
            self._is_closed = True
            self._items.clear()
            self._changed.notify_all()
        self._arrived.set()

    def _take(self) -> T:
        item = self._items.popleft()
        if len(self._items) <= self._max_items // 2:  # not at every item: each wake-up is a change of threads
            self._changed.notify()
        return item

    def _wake(self, *, is_urgent: bool = False) -> None:
        with self._changed:
            if not (self._is_awaited or is_urgent):
                return
            self._is_awaited = False
        with contextlib.suppress(RuntimeError):  # the event loop has been closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._arrived.set)
