"""Every connection is an open file, and the system limits those of a process."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Iterator

import pytest

from tests.support.serving import running
from voxtide.server.fd_limit import raise_fd_limit, rate_limited_fd_errors

ACCEPT_FAILED = {"message": "socket.accept() out of system resource", "exception": OSError("too many")}


@pytest.fixture
def few_files() -> Iterator[tuple[int, int]]:
    """A soft limit of 200, restored at the end."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_a_server_raises_the_limit_for_its_connections(few_files: tuple[int, int]) -> None:
    async with running() as server:
        await server.get("/healthz")
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 8 + 512


def test_a_hard_limit_that_is_too_low_is_logged_with_the_remedy(
    few_files: tuple[int, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (200, 300))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: None)
    raise_fd_limit(150)
    assert not caplog.records
    raise_fd_limit(1000)
    assert "may open 300 files, and a full server needs 1000; raise its limit" in caplog.text


async def test_failed_accepts_are_logged_once_and_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    loop = asyncio.get_running_loop()
    with rate_limited_fd_errors():
        for _ in range(2048):
            loop.call_exception_handler(dict(ACCEPT_FAILED))
        loop.call_exception_handler({"message": "something else"})
    assert caplog.messages == [
        "cannot accept connections: this process has reached its limit of open files; raise it (ulimit -n)",
        "something else",
    ]
    assert loop.get_exception_handler() is None
