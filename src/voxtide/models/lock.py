"""Inter-process lock. In: a path. Out: a lock that the system releases when its process dies. Knows no models."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

POLL_S = 0.2
"""Poll interval while waiting for the lock: short compared to a download, and a negligible load."""

if sys.platform == "win32":
    import msvcrt

    def try_lock(handle: int) -> bool:
        """Lock an open file until it is closed; returns False if another process holds the lock."""
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(handle: int) -> bool:
        """Lock an open file until it is closed; returns False if another process holds the lock."""
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextlib.contextmanager
def exclusive(path: Path, *, wait_s: float, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock at `path` for the block. Calls `on_wait` once if another process holds it.

    The file is not deleted: otherwise two processes could lock two files of the same name.

    Raises:
        TimeoutError: Another process held it for `wait_s`.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not try_lock(handle):
            on_wait()
            _wait_for(handle, path, time.monotonic() + wait_s)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, path: Path, deadline_s: float) -> None:
    while not try_lock(handle):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"another process still holds {path}")
        time.sleep(POLL_S)
