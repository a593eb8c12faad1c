"""Graceful stop on Ctrl-C, SIGTERM and SIGHUP. In: signals. Out: an asyncio event; at the second, cancellation."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from voxtide.cli.failures import Exit

_log = logging.getLogger("voxtide.cli")

_CODES = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}
if sys.platform != "win32":
    _CODES[signal.SIGHUP] = Exit.HUNG_UP

CANCEL_S = 3.0
"""Grace period for a cancelled run to release its resources before `_exit`; a source needs up to 1 s."""


class Interrupts:
    """Handles these signals inside `with`. The first requests a stop; the second cancels the task that entered.

    Attributes:
        stop: Set by the first signal.
        code: The exit code of the first signal, or None.
        on_stop: Called by the first signal.
    """

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.code: Exit | None = None
        self.on_stop: Callable[[], None] = _no_op
        self._can_finish = False

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._replaced = {
            number: signal.signal(number, self._on_signal)
            for number in _CODES
            if not (_CODES[number] == Exit.HUNG_UP and signal.getsignal(number) == signal.SIG_IGN)  # under `nohup`
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._replaced.items():
            signal.signal(number, handler)

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Inside this block the body reacts to `stop`. Outside it even the first signal cancels the task."""
        self._can_finish = True
        try:
            yield
        finally:
            self._can_finish = False
            self.on_stop = _no_op

    def _on_signal(self, number: int, frame: object) -> None:
        self._loop.call_soon_threadsafe(self._handle, signal.Signals(number))

    def _handle(self, number: signal.Signals) -> None:
        _log.debug("%s number %d", number.name, 1 if self.code is None else 2)
        is_first, self.code = self.code is None, self.code or _CODES[number]
        if not is_first and _CODES[number] == Exit.HUNG_UP:
            return  # when a terminal closes, the kernel and the shell both send it
        self.stop.set()
        if is_first and self._can_finish:
            self.on_stop()
        elif self._task is not None:
            self._task.cancel()
            self._loop.call_later(CANCEL_S, os._exit, self.code)


def run_watched(main: Callable[[Interrupts], Coroutine[None, None, Exit]]) -> Exit:
    """Run a coroutine in a new event loop with the signals handled."""
    interrupts = Interrupts()

    async def watched() -> Exit:
        with interrupts:
            return await main(interrupts)

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        return interrupts.code or Exit.INTERRUPTED


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Defer Ctrl-C to the end of the block, which must be short, so that it completes."""
    was_pressed = False

    def note(number: int, frame: object) -> None:
        nonlocal was_pressed
        was_pressed = True

    replaced = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, replaced)
    if was_pressed:
        raise KeyboardInterrupt


def _no_op() -> None:
    pass
