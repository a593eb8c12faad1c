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


def wait_for_process(process: subprocess.Popen[Any], condition: Callable[[], bool]) -> None:
    """Poll until a running process makes the condition hold. A loop without a pause would take a core from it."""
    while not condition():
        assert process.poll() is None, "the process ended by itself"
        time.sleep(0.005)
