"""This process, as the system sees it. In: nothing. Out: memory, cores. The only module that knows psutil."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from voxtide.errors import MissingExtraError, VoxtideError

MB = 1_000_000
_BUSY_KINDS = ("user", "nice", "system", "irq", "softirq", "steal")
"""Processor time that nobody else can use; a system knows some of these."""

LIMIT_S = 7200.0
"""How long a fresh process may take. The longest plays an hour of audio, which an engine that can just keep up with
speech takes an hour for; what takes twice as long hangs."""

T = TypeVar("T")


def resident_mb() -> float:
    """Memory of this process that lies in RAM, in megabytes of a million bytes.

    Raises:
        MissingExtraError: The bench extra is not installed.
    """
    return float(_process().memory_info().rss) / MB


def use_cores(num_cores: int) -> int:
    """Keep this process to so many cores where the system can. Returns how many it may run on.

    Raises:
        MissingExtraError: The bench extra is not installed.
    """
    process = _process()
    if not hasattr(process, "cpu_affinity"):  # macOS has no such call
        return multiprocessing.cpu_count()
    cores = process.cpu_affinity()[:num_cores]
    process.cpu_affinity(cores)
    return len(cores)


def use_core(core: int) -> None:
    """Keep this process to one core where the system can; where there is no such core, to the last.

    Raises:
        MissingExtraError: The bench extra is not installed.
    """
    process = _process()
    if hasattr(process, "cpu_affinity"):  # macOS has no such call
        process.cpu_affinity([])  # all there are: a child begins with its parent's
        cores = process.cpu_affinity()
        process.cpu_affinity([cores[min(core, len(cores) - 1)]])


def num_open_files() -> int:
    """Files and sockets that this process holds open.

    Raises:
        MissingExtraError: The bench extra is not installed.
    """
    process = _process()
    return int(process.num_fds() if hasattr(process, "num_fds") else process.num_handles())


async def in_fresh_process(
    function: Callable[..., Coroutine[Any, Any, T]], *arguments: object, limit_s: float = LIMIT_S
) -> T:
    """Run a coroutine function of a module in a new process, so that nothing of ours is in its memory or way.

    The process is killed after `limit_s`, and where the caller is cancelled.

    Raises:
        VoxtideError: The process died or took too long, or the function raised one of ours, whose message this has.
    """
    others = multiprocessing.active_children()
    limit = asyncio.timeout(limit_s)
    try:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            answer = pool.submit(_run, function, arguments)
            try:
                async with limit:
                    return await asyncio.wrap_future(answer)
            finally:
                if not answer.done():  # leaving the pool waits for its process
                    _kill_children_but(others)
    except BrokenProcessPool as error:
        raise VoxtideError("the process that measured was killed, perhaps for want of memory") from error
    except TimeoutError as error:
        if not limit.expired():
            raise
        told = f"{function.__name__} was not done within its limit of {limit_s:g} s; its process was killed"
        raise VoxtideError(told) from error


def _kill_children_but(others: list[BaseProcess]) -> None:
    for process in multiprocessing.active_children():
        if process not in others:
            process.kill()


def _run(function: Callable[..., Coroutine[Any, Any, T]], arguments: tuple[object, ...]) -> T:
    try:
        return asyncio.run(function(*arguments))
    except VoxtideError as error:
        raise VoxtideError(str(error)) from None  # some of ours take other arguments than pickle gives back


LEAST_COUNTED_S = 1.0
"""Processor times come in steps of 10 ms and from two clocks: over less time they say nothing. A figure that looks at
streams played for another takes none."""


class OtherPrograms:
    """How much of the machine others took, from now on. They make every latency longer, so a report has to say it."""

    def __init__(self) -> None:
        """Begin to count.

        Raises:
            MissingExtraError: The bench extra is not installed.
        """
        self._began_s = time.monotonic()
        self._others_began_s = _others_cpu_s()

    @property
    def num_cores(self) -> float | None:
        """Cores that they kept busy on average; None before there is anything to tell.

        The fresh processes that have ended are ours, not others'.
        """
        took_s = time.monotonic() - self._began_s
        if took_s < LEAST_COUNTED_S:
            return None
        return max(0.0, (_others_cpu_s() - self._others_began_s) / took_s)


def _others_cpu_s() -> float:
    ours = _process().cpu_times()
    ours_s = ours.user + ours.system + ours.children_user + ours.children_system
    everybody = _psutil().cpu_times()
    return sum(getattr(everybody, kind, 0.0) for kind in _BUSY_KINDS) - float(ours_s)


def _process() -> Any:
    return _psutil().Process()


def _psutil() -> Any:
    try:
        import psutil
    except ModuleNotFoundError as error:
        raise MissingExtraError("psutil", "bench", "measuring memory and processor time") from error
    return psutil
