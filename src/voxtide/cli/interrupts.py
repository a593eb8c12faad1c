"""Graceful stop on Ctrl-C, SIGTERM and SIGHUP. In: signals. Out: an asyncio event; at the second, cancellation."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self, TypeVar

import typer

from voxtide.cli.failures import Exit, is_interruption

_log = logging.getLogger("voxtide.cli")

_CODES = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}
if sys.platform != "win32":
    _CODES[signal.SIGHUP] = Exit.HUNG_UP

CANCEL_S = 3.0
"""Grace period for a cancelled run to release its resources before `_exit`; a source needs up to 1 s."""


OPEN_S = 1.0
"""After a stop, how long a source may still take to open; a pipe without a writer never does."""

_DEFERRED = "stopping; what was received is still transcribed. Ctrl-C again stops at once"

_T = TypeVar("_T")


class Interrupts:
    """Handles these signals inside `with`. The first requests a stop; the second cancels the command.

    The first also cancels it while there is nothing to finish: no stream runs, and no live source has been received.

    Attributes:
        stop: Set by the first signal.
        code: The exit code of the first signal, or None.
        on_stop: Called by the first signal if there is something to finish, outside the event loop between any two
            instructions of the main thread.
        is_receiving: Whether audio arrives already, while the model loads: the first signal must not lose it.
    """

    def __init__(self, *, is_receiving: bool = False) -> None:
        self.stop = asyncio.Event()
        self.code: Exit | None = None
        self.on_stop: Callable[[], object] = _no_op
        self.is_receiving = is_receiving
        self._can_finish = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Exit] | None = None

    def __enter__(self) -> Self:
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

    def run(self, main: Callable[[], Coroutine[None, None, Exit]]) -> Exit:
        """Run a coroutine in a new event loop, where a signal cancels it instead of raising KeyboardInterrupt."""

        async def attached() -> Exit:
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
            try:
                return await main()
            finally:
                self._loop = self._task = None

        return asyncio.run(attached())

    @contextmanager
    def calling(self, on_stop: Callable[[], object]) -> Iterator[None]:
        """Call `on_stop` at the first signal inside this block, or now if there was one."""
        self.on_stop = on_stop
        try:
            if self.code is not None:
                on_stop()
            yield
        finally:
            self.on_stop = _no_op

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """Inside this block the body reacts to `stop`. Outside it even the first signal cancels the task."""
        self._can_finish = True
        try:
            yield
        finally:
            self._can_finish = False
            self.on_stop = _no_op

    async def opened(self, opening: Coroutine[None, None, _T]) -> _T:
        """The result of `opening`, with which what was received can be read also after a stop.

        Raises:
            asyncio.CancelledError: It was not there `OPEN_S` after a stop.
        """
        task, stopped = asyncio.ensure_future(opening), asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                await asyncio.wait({task}, timeout=OPEN_S)
        finally:
            stopped.cancel()
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        return task.result()

    def _on_signal(self, number: int, frame: object) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._handle, signal.Signals(number))
        elif not self._request_stop(number):
            raise KeyboardInterrupt

    def _handle(self, number: signal.Signals) -> None:
        _log.debug("%s number %d", number.name, 1 if self.code is None else 2)
        if not self._request_stop(number) and self._task is not None:
            self._task.cancel()
            asyncio.get_running_loop().call_later(CANCEL_S, os._exit, self.code or Exit.INTERRUPTED)

    def _request_stop(self, number: int) -> bool:
        """Request a stop; returns whether there is something to finish first."""
        is_first, self.code = self.code is None, self.code or _CODES[signal.Signals(number)]
        self.stop.set()
        if not is_first:
            return _CODES[signal.Signals(number)] == Exit.HUNG_UP  # a terminal's end: kernel and shell both send it
        if not self._can_finish and self.is_receiving:
            with suppress(OSError):  # not `print_note`: the signal may have interrupted a write to stderr
                os.write(2, f"voxtide: {_DEFERRED}\n".encode())
        if self._can_finish or self.is_receiving:
            self.on_stop()
        return self._can_finish or self.is_receiving


@contextmanager
def interruptible(*, is_receiving: bool = False) -> Iterator[Interrupts]:
    """Handle the signals in a command's body. `is_receiving` as in `Interrupts`.

    Raises:
        typer.Exit: A signal cancelled the body.
    """
    with Interrupts(is_receiving=is_receiving) as interrupts:
        try:
            yield interrupts
        except BaseException as error:
            if not (isinstance(error, asyncio.CancelledError) or is_interruption(error)):
                raise
            raise typer.Exit(interrupts.code or Exit.INTERRUPTED) from None


def run_watched(main: Callable[[Interrupts], Coroutine[None, None, Exit]]) -> Exit:
    """Run a coroutine in a new event loop with the signals handled."""
    with Interrupts() as interrupts:
        try:
            return interrupts.run(lambda: main(interrupts))
        except (KeyboardInterrupt, asyncio.CancelledError):
            return interrupts.code or Exit.INTERRUPTED


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Defer the signals to the end of the block, which must be short, so that it completes."""
    pending: list[int] = []
    replaced = {
        number: signal.signal(number, lambda found, frame: pending.append(found))
        for number in _CODES
        if signal.getsignal(number) != signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
        for found in pending:
            signal.raise_signal(found)


def _no_op() -> None:
    pass
