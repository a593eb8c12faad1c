"""Processes and their resources. In: nothing. Out: memory, cores, new processes. The only user of psutil."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar
from urllib.parse import urlsplit

from voxtide.errors import MissingExtraError, VoxtideError

MB = 1_000_000
_BUSY_KINDS = ("user", "nice", "system", "irq", "softirq", "steal")
"""Kinds of processor time that is in use; a system reports some of these."""

LIMIT_S = 7200.0
"""Timeout of a fresh process: twice the longest, which plays an hour of audio at the speed of speech."""

T = TypeVar("T")


def resident_mb() -> float:
    """Resident memory of this process, in megabytes of a million bytes.

    Raises:
        MissingExtraError: The bench extra is not installed.
    """
    return float(_process().memory_info().rss) / MB


def use_cores(num_cores: int) -> int:
    """Restrict this process to `num_cores` cores if the system can. Returns how many it may use.

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
    """Restrict this process to one core if the system can; to the last one if `core` does not exist.

    Raises:
        MissingExtraError: The bench extra is not installed.
    """
    process = _process()
    if hasattr(process, "cpu_affinity"):  # macOS has no such call
        process.cpu_affinity([])  # all cores: a child inherits its parent's set
        cores = process.cpu_affinity()
        process.cpu_affinity([cores[min(core, len(cores) - 1)]])


def num_open_files() -> int:
    """Open files and sockets of this process.

    Raises:
        MissingExtraError: The bench extra is not installed.
    """
    process = _process()
    return int(process.num_fds() if hasattr(process, "num_fds") else process.num_handles())


async def in_fresh_process(
    function: Callable[..., Coroutine[Any, Any, T]], *arguments: object, limit_s: float = LIMIT_S
) -> T:
    """Run a module's coroutine function in a new process, with a fresh memory.

    The process is killed after `limit_s`, and if the caller is cancelled.

    Raises:
        VoxtideError: The process died or timed out, or the function raised a `VoxtideError`, whose message this has.
    """
    others = multiprocessing.active_children()
    limit = asyncio.timeout(limit_s)
    try:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn, initializer=_follow_the_caller) as pool:
            answer = pool.submit(_run, function, arguments)
            try:
                async with limit:
                    return await asyncio.wrap_future(answer)
            finally:
                if not answer.done():  # leaving the pool would wait for its process
                    _kill_children_but(others)
    except BrokenProcessPool as error:
        raise VoxtideError("the measuring process was killed, perhaps because memory ran out") from error
    except TimeoutError as error:
        if not limit.expired():
            raise
        message = f"{function.__name__} exceeded its limit of {limit_s:g} s; its process was killed"
        raise VoxtideError(message) from error


def _follow_the_caller() -> None:
    """Leave Ctrl-C, which reaches all processes of a terminal, to the caller, and end when it ends, even if killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    caller = multiprocessing.parent_process()
    if caller is not None:
        threading.Thread(target=_end_with, args=(caller,), daemon=True).start()


def _end_with(caller: BaseProcess) -> None:
    caller.join()
    os._exit(1)


def _kill_children_but(others: list[BaseProcess]) -> None:
    for process in multiprocessing.active_children():
        if process not in others:
            process.kill()


def _run(function: Callable[..., Coroutine[Any, Any, T]], arguments: tuple[object, ...]) -> T:
    try:
        return asyncio.run(function(*arguments))
    except VoxtideError as error:
        raise VoxtideError(str(error)) from None  # some subclasses cannot be unpickled


MIN_COUNTED_S = 1.0
"""Processor times have steps of 10 ms and come from two clocks: a shorter time has no meaningful value."""


class OtherPrograms:
    """Processor time of other programs from now on. They lengthen every latency, so the report names them."""

    def __init__(self, server: str | None = None) -> None:
        """Start counting. `server` is the address of one that is measured: if it runs here, it is no other program.

        Raises:
            MissingExtraError: The bench extra is not installed.
        """
        self._began_s = time.monotonic()
        self._measured = _processes_of(server) if server else []
        self._others_began_s = _others_cpu_s(self._measured)

    @property
    def num_cores(self) -> float | None:
        """Cores they kept busy on average, without our finished child processes; None within the first second."""
        took_s = time.monotonic() - self._began_s
        if took_s < MIN_COUNTED_S:
            return None
        return max(0.0, (_others_cpu_s(self._measured) - self._others_began_s) / took_s)


def _others_cpu_s(measured: list[Any]) -> float:
    ours_s = sum(_cpu_s(process) for process in (_process(), *measured))
    total = _psutil().cpu_times()
    return sum(getattr(total, kind, 0.0) for kind in _BUSY_KINDS) - ours_s


def _cpu_s(process: Any) -> float:
    """Processor time of a process and its finished children; 0 if it has ended or may not be looked at."""
    try:
        times = process.cpu_times()
    except _psutil().Error:
        return 0.0
    return float(times.user + times.system + getattr(times, "children_user", 0) + getattr(times, "children_system", 0))


_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _processes_of(server: str) -> list[Any]:
    """The processes of this machine that listen at a loopback address, and their children.

    A server in a container and, on macOS, one of another user cannot be found; it counts among the other programs.
    """
    psutil, address = _psutil(), urlsplit(server)
    if address.hostname not in _LOOPBACK:
        return []
    port = address.port or (443 if address.scheme in ("https", "wss") else 80)
    found = []
    with suppress(psutil.Error):
        listening = [it for it in psutil.net_connections("tcp") if it.status == psutil.CONN_LISTEN]
        for pid in {it.pid for it in listening if it.pid and it.laddr.port == port}:
            process = psutil.Process(pid)
            found += [process, *process.children(recursive=True)]
    return found


def _process() -> Any:
    return _psutil().Process()


def _psutil() -> Any:
    try:
        import psutil
    except ModuleNotFoundError as error:
        raise MissingExtraError("psutil", "bench", "measuring memory and processor time") from error
    return psutil
