"""The limit on open files; each connection is one. In: how many are needed. Out: a raised limit, or a log message.

Knows no sessions.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from typing import Any

_log = logging.getLogger("voxtide.server")

_ACCEPT_FAILED = "socket.accept() out of system resource"
"""asyncio's message, logged with a traceback up to 2,048 times a second."""

_REPORT_INTERVAL_S = 10.0


def raise_fd_limit(num_files: int) -> None:
    """Raise the soft limit to `num_files`; log a warning with the remedy if the system does not allow it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= num_files:
        return
    limit = num_files if hard == resource.RLIM_INFINITY else min(num_files, hard)
    with contextlib.suppress(OSError, ValueError):  # macOS has a further limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
        soft = limit
    if soft < num_files:
        _log.warning(
            "this process may open %d files, and a full server needs %d; raise its limit (ulimit -Hn), or lower "
            "--capacity",
            soft,
            num_files,
            extra={"event": "too_few_files"},
        )


@contextlib.contextmanager
def rate_limited_fd_errors() -> Iterator[None]:
    """Log the running loop's failures to accept a connection every 10 s at most, with the remedy, without traceback."""
    loop = asyncio.get_running_loop()
    previous = loop.get_exception_handler()
    reported_at_s = -_REPORT_INTERVAL_S

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal reported_at_s
        if context.get("message") != _ACCEPT_FAILED:
            loop.default_exception_handler(context) if previous is None else previous(loop, context)
        elif loop.time() - reported_at_s >= _REPORT_INTERVAL_S:
            reported_at_s = loop.time()
            _log.error(
                "cannot accept connections: this process has reached its limit of open files; raise it (ulimit -n)",
                extra={"event": "too_few_files"},
            )

    loop.set_exception_handler(handle)
    try:
        yield
    finally:
        loop.set_exception_handler(previous)
