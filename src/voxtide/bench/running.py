"""Runs the measurement here, or the command again under py-spy. In: a coroutine, or arguments. Out: how it ended.

The first Ctrl-C stops either in an orderly way. Knows no figure and no option.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path

INTERRUPTED = 130
"""Exit status after Ctrl-C, as in shells."""


class Stop:
    """What Ctrl-C does, as a context: the first one cancels the measurement, the second one ends the process at once.

    Attributes:
        is_requested: Whether Ctrl-C was pressed.
    """

    def __init__(self, message: str, clear: Callable[[], None]) -> None:
        """Take the message for the first Ctrl-C, and what makes room for it on a terminal."""
        self.is_requested = False
        self._message = message
        self._clear = clear
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None

    def __enter__(self) -> Stop:
        self._replaced = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._replaced)

    def run(self, main: Callable[[], Coroutine[None, None, None]]) -> bool:
        """Run a coroutine; returns whether it ended by itself."""
        try:
            asyncio.run(self._attached(main))
        except asyncio.CancelledError:
            if not self.is_requested:
                raise
            return False
        return True

    async def _attached(self, main: Callable[[], Coroutine[None, None, None]]) -> None:
        task = asyncio.ensure_future(main())
        self._running = asyncio.get_running_loop(), task
        try:
            if self.is_requested:  # before there was a task
                task.cancel()
            await task
        finally:
            self._running = None

    def _on_signal(self, number: int, frame: object) -> None:
        with suppress(OSError, RuntimeError):  # the signal may have interrupted a write to the terminal
            self._clear()
        if self.is_requested:
            for child in multiprocessing.active_children():
                child.kill()
            os._exit(INTERRUPTED)  # what is finished has been written
        self.is_requested = True
        with suppress(OSError):  # not to `sys.stderr`, for the same reason
            os.write(2, f"bench: {self._message}\n".encode())
        if self._running is not None:
            loop, task = self._running
            loop.call_soon_threadsafe(task.cancel)


def run_profiled(command: Sequence[str], profiler: Path, profile: Path, results: Path, *, is_new: bool) -> int:
    """Run a command of the bench under py-spy, servers and other child processes included.

    py-spy samples from outside, so the run keeps its speed. Its exit status hides the command's, so the result comes
    from the command's JSON.

    Args:
        command: The command, which does not profile itself.
        profiler: py-spy.
        profile: The flame graph goes here.
        results: The JSON that the command writes.
        is_new: Whether that file was made for this run; it is removed if the run does not begin.

    Returns:
        0 if everything requested was measured, else 1, also if the command wrote nothing; 130 after Ctrl-C, at which
        the command writes what it has.
    """
    before = results.stat().st_mtime_ns if results.exists() else None
    options = ["record", "--subprocesses", "--output", str(profile), "--"]
    is_stopped = _run_through_ctrl_c([str(profiler), *options, *command])
    try:
        if results.stat().st_mtime_ns == before:
            if is_new:
                results.unlink()
            return 1
        failures = json.loads(results.read_text("utf-8"))["failures"]
    except (OSError, ValueError):
        return 1
    return INTERRUPTED if is_stopped else int(bool(failures))


def _run_through_ctrl_c(command: Sequence[str]) -> bool:
    """Run a command to its end. Returns whether Ctrl-C was pressed, which reaches all processes of a terminal."""
    is_stopped = False

    def on_signal(number: int, frame: object) -> None:
        nonlocal is_stopped
        is_stopped = True

    replaced = signal.signal(signal.SIGINT, on_signal)  # not SIG_IGN, which the command would inherit
    try:
        subprocess.run(command, check=False)
    finally:
        signal.signal(signal.SIGINT, replaced)
    return is_stopped
