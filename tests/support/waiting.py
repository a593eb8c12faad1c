"""Waits for a condition that threads, sockets, tasks or processes make true without setting an event."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable
from typing import Any


async def until(condition: Callable[[], bool]) -> None:
    """Poll until the condition holds; the test's time limit bounds it."""
    while not condition():  # noqa: ASYNC110  # nothing signals it
        await asyncio.sleep(0.001)


def wait_until(condition: Callable[[], bool]) -> None:
    """As `until`, without an event loop. A loop without a pause would take a core from what it waits for."""
    while not condition():
        time.sleep(0.001)


def wait_for_process(process: subprocess.Popen[Any], condition: Callable[[], bool]) -> None:
    """Wait until a process makes the condition hold; it fails if the process ends before."""
    wait_until(lambda: condition() or process.poll() is not None)
    assert condition(), "the process ended by itself"
