"""Runs each coroutine test in its own event loop, with a time limit; a task that outlives its test fails it."""

from __future__ import annotations

import asyncio
import inspect
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

TEST_S = 100.0
"""Limit of one test, for a real model on two busy cores. Below pytest-timeout's limit, which ends the whole run."""

pytest.register_assert_rewrite("tests.support.stream_runs")  # it contains assertions

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")
"""A busy machine is no defect: examples have no deadline, and may be generated slowly."""


@pytest.fixture(scope="session", autouse=True)
def no_ignored_signals() -> None:
    """Under nohup, the processes that tests start would inherit that SIGHUP is ignored; in the background, SIGINT."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    """Small models are faster on one thread, most of all on busy cores."""
    import torch

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    asyncio.run(_run_test(pyfuncitem.obj(**arguments)))
    return True


async def _run_test(test: object) -> None:
    async with asyncio.timeout(TEST_S):
        await test
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks left behind: {left}"
