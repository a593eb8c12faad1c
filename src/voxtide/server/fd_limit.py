"""Open files; each connection is one. In: how many are needed. Out: room for them, or a word that there is none.

Knows no sessions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Any

_log = logging.getLogger("voxtide.server")

_NO_ROOM = "socket.accept() out of system resource"
"""What asyncio says of it: 2,048 times a second, with a traceback each."""

_TELL_EVERY_S = 10.0


def make_room(num_files: int) -> None:
    """Let the process open so many, where it may raise its own limit; else say in the log what would do."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= num_files:
        return
    most = num_files if hard == resource.RLIM_INFINITY else min(num_files, hard)
    with contextlib.suppress(OSError, ValueError):  # a system that has another bound as well
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    if soft < num_files:
        _log.warning(
            "this process may open %d files, and a full server needs %d; raise its limit (ulimit -Hn), or lower "
            "--capacity",
            soft,
            num_files,
            extra={"event": "too_few_files"},
        )


@contextlib.contextmanager
def shortage_told_once() -> Iterator[None]:
    """While the running loop cannot take connections for want of files, say so now and then, with the remedy."""
    loop = asyncio.get_running_loop()
    before = loop.get_exception_handler()
    told_at_s = -_TELL_EVERY_S

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal told_at_s
        if context.get("message") != _NO_ROOM:
            loop.default_exception_handler(context) if before is None else before(loop, context)
        elif loop.time() - told_at_s >= _TELL_EVERY_S:
            told_at_s = loop.time()
            _log.error(
                "no connection can be taken: this process may open no more files; raise its limit (ulimit -n)",
                extra={"event": "too_few_files"},
            )

    loop.set_exception_handler(handle)
    try:
        yield
    finally:
        loop.set_exception_handler(before)
