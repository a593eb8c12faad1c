"""Waits for a condition that worker threads, sockets or other tasks make true without setting an event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool]) -> None:
    """Poll until the condition holds; the test's time limit bounds it."""
    while not condition():  # noqa: ASYNC110  # nothing signals it
        await asyncio.sleep(0.001)
