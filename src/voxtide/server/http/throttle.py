"""Files make way for live speech. In: how late sessions are, what of a file waits. Out: when its next second may go.

Streams take turns in the engine, so a file slows a live session down by its share of the machine, and no more. Where
live sessions need more than is left, files stand still until those have caught up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

MAX_LATE_S = 0.2
"""Half of what a calibrated machine may be late with live speech: past this, files stand still."""

MAX_QUEUED_S = 2.0
"""Audio of a file that lies in the engine while somebody speaks. It is transcribed however late live speech is, so it
bounds what files can make that late: four of them hold a second of work for an engine at eight times real time."""

LOOK_S = 0.02
MAX_WAIT_S = 10.0
"""For a second of a file: with a machine too small for its live sessions, files still end some time."""


class FileThrottle:
    """One for all files of a server."""

    def __init__(self, *, num_live: Callable[[], int], late_s: Callable[[], float]) -> None:
        """`num_live` sessions run, of which one is `late_s` behind and the others less."""
        self._num_live = num_live
        self._late_s = late_s

    async def wait(self, queued_s: Callable[[], float]) -> None:
        """Wait until a file may feed its next second; `queued_s` tells how much of it the engine has before it."""
        loop = asyncio.get_running_loop()
        give_up_at_s = loop.time() + MAX_WAIT_S
        while self._has_to_wait(queued_s()) and loop.time() < give_up_at_s:  # noqa: ASYNC110  # lag tells nobody
            await asyncio.sleep(LOOK_S)

    def _has_to_wait(self, queued_s: float) -> bool:
        return self._num_live() > 0 and (queued_s > MAX_QUEUED_S or self._late_s() > MAX_LATE_S)
