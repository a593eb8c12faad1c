"""Fresh processes return results and errors, and leave no process behind."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import subprocess
import sys

import psutil
import pytest

from tests.support.waiting import wait_until
from voxtide.bench.figures import memory
from voxtide.bench.load.process import _processes_of, in_fresh_process, resident_mb
from voxtide.bench.load.session import BenchEngine
from voxtide.errors import VoxtideError


async def test_a_fresh_process_returns_the_result() -> None:
    assert await in_fresh_process(asyncio.sleep, 0.0, "done") == "done"


async def test_an_error_in_a_fresh_process_is_raised() -> None:
    with pytest.raises(VoxtideError, match="no engine 'moonlight'"):
        await in_fresh_process(memory._sizes, BenchEngine("moonlight"), 1, 1.0)


async def test_a_process_over_its_limit_is_killed_and_reported() -> None:
    others = set(multiprocessing.active_children())
    with pytest.raises(VoxtideError, match=r"^sleep exceeded its limit of 0.1 s; its process was killed$"):
        await in_fresh_process(asyncio.sleep, 3600.0, limit_s=0.1)
    assert not set(multiprocessing.active_children()) - others


def test_a_fresh_process_ends_with_a_caller_that_was_killed() -> None:
    script = (
        "import asyncio, multiprocessing, threading, time\n"
        "from voxtide.bench.load.process import in_fresh_process\n"
        "def show():\n"
        "    while not (children := multiprocessing.active_children()): time.sleep(0.01)\n"
        "    print(children[0].pid, flush=True)\n"
        "if __name__ == '__main__':\n"
        "    threading.Thread(target=show, daemon=True).start()\n"
        "    asyncio.run(in_fresh_process(asyncio.sleep, 60.0))\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout is not None
        child = psutil.Process(int(caller.stdout.readline()))
        wait_until(lambda: child.num_threads() >= 2)  # it runs the task and follows its caller
        caller.kill()
    child.wait(timeout=30)


async def test_a_cancelled_run_leaves_no_process() -> None:
    others = set(multiprocessing.active_children())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await in_fresh_process(asyncio.sleep, 3600.0)
    assert not set(multiprocessing.active_children()) - others


def test_this_process_has_a_size() -> None:
    assert 10 < resident_mb() < 10_000


def test_a_measured_server_is_found_only_if_it_runs_here() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        for host in ("127.0.0.1", "localhost"):
            found = {process.pid for process in _processes_of(f"http://{host}:{port}/v1")}
            assert os.getpid() in found
        assert _processes_of(f"http://192.0.2.1:{port}") == []
    assert os.getpid() not in {process.pid for process in _processes_of(f"http://127.0.0.1:{port}")}
