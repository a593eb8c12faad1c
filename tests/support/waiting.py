"""Waits for a condition that sets no event of ours: worker threads, sockets and other tasks make it true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool]) -> None:
    """Let others run until the condition holds; the test's own time limit bounds it."""
    while not condition():  # noqa: ASYNC110  # nothing signals it
        await asyncio.sleep(0.001)
