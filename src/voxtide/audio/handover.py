"""Queue from a thread to the event loop. In: items from one thread. Out: the same items, awaited. Knows no audio."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class HandOver(Generic[T]):
    """A bounded queue from a thread to a coroutine.

    The thread calls `put` or `offer`, then `end`; the coroutine calls `get` and `close`.
    """

    def __init__(self, max_items: int) -> None:
        """Create an empty queue of at most `max_items`. The event loop is the one that runs the first `get`."""
        self._max_items = max_items
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Event()
        self._changed = threading.Condition()
        self._items: deque[T] = deque()
        self._is_awaited = False
        self._is_ended = False
        self._is_closed = False
        self._error: BaseException | None = None

    def __len__(self) -> int:
        """Number of queued items."""
        return len(self._items)

    def put(self, item: T) -> bool:
        """Append `item`; block while the queue is full. Returns False if the queue is closed or ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_final() or len(self._items) < self._max_items)
            if self._is_final():
                return False
            self._items.append(item)
        self._wake()
        return True

    def offer(self, item: T) -> bool:
        """Append `item` without blocking. Returns False if the queue is full or closed."""
        with self._changed:
            if self._is_closed or len(self._items) >= self._max_items:
                return False
            self._items.append(item)
        self._wake()
        return True

    def end(self, error: BaseException | None = None) -> None:
        """Mark the end of the items; `get` raises `error` after the last one. Later calls are no-ops.

        The coroutine may call it, too; a blocked or later `put` is then rejected.
        """
        with self._changed:
            if not self._is_ended:
                self._is_ended, self._error = True, error
                self._changed.notify_all()
        self._wake(is_urgent=True)

    async def get(self) -> T | None:
        """The next item, or None after the last. A cancelled call consumes no item."""
        self._loop = asyncio.get_running_loop()
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
        """Drop queued items and reject new ones; a blocked `put` or `get` returns."""
        with self._changed:
            self._is_closed = True
            self._items.clear()
            self._changed.notify_all()
        self._arrived.set()

    def _is_final(self) -> bool:
        return self._is_closed or self._is_ended

    def _take(self) -> T:
        item = self._items.popleft()
        if len(self._items) <= self._max_items // 2:  # low water mark: each wake-up is a thread switch
            self._changed.notify()
        return item

    def _wake(self, *, is_urgent: bool = False) -> None:
        with self._changed:
            if not (self._is_awaited or is_urgent):
                return
            self._is_awaited = False
        if self._loop is None:  # there is no `get` to wake
            return
        with contextlib.suppress(RuntimeError):  # the event loop is closed
            self._loop.call_soon_threadsafe(self._arrived.set)
