"""Priority of live speech over files. In: how late sessions are, a file's queued audio. Out: when to feed more of it.

Engine streams share the workers, so a file slows a live session down by its share of the machine at most. When live
sessions need more than the rest, files pause until the sessions have caught up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

MAX_LATE_S = 0.2
"""Files pause while a session is later than this: half of what calibration accepts."""

MAX_QUEUED_S = 2.0
"""Audio of a file queued in the engine while sessions are open. It is transcribed however late live speech is, so it
bounds the delay files can cause: four of them queue one second of work for an engine at eight times real time."""

POLL_S = 0.02
MAX_WAIT_S = 10.0
"""Longest wait per second of a file's audio: files finish even on an overloaded machine."""


class FileThrottle:
    """Shared by all files of a server."""

    def __init__(self, *, num_live: Callable[[], int], late_s: Callable[[], float]) -> None:
        """`num_live` returns the number of sessions, `late_s` how late the latest one is."""
        self._num_live = num_live
        self._late_s = late_s

    async def wait(self, queued_s: Callable[[], float]) -> None:
        """Wait until a file may feed its next second; `queued_s` returns its audio queued in the engine."""
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + MAX_WAIT_S
        while self._must_wait(queued_s()) and loop.time() < deadline_s:  # noqa: ASYNC110  # lag has no event
            await asyncio.sleep(POLL_S)

    def _must_wait(self, queued_s: float) -> bool:
        return self._num_live() > 0 and (queued_s > MAX_QUEUED_S or self._late_s() > MAX_LATE_S)
