"""Coroutine tests: each runs in an event loop of its own, must end in time and must leave no task behind."""

from __future__ import annotations

import asyncio
import inspect

import pytest

TEST_S = 100.0
"""Longest coroutine test, on a real model and two busy cores. Well under pytest's own limit, which ends the run."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    asyncio.run(_alone(pyfuncitem.obj(**arguments)))
    return True


async def _alone(test: object) -> None:
    async with asyncio.timeout(TEST_S):
        await test
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks left behind: {left}"
