"""How often one address may ask. In: addresses, one for each request. Out: how long to wait. Knows nothing else."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_ADDRESSES = 10_000
"""Addresses remembered; a megabyte. Beyond it the one heard of longest ago is forgotten, to its advantage."""

BURST_S = 10.0
"""What an address did not use is kept for it so long: a page opens with a handful of requests at once."""


class RateLimiter:
    """Up to `per_minute` requests a minute from each address; None for no limit."""

    def __init__(self, per_minute: int | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s = None if per_minute is None else 60.0 / per_minute
        self._clock = clock
        self._free_at_s: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Count a request: 0 where it may pass, else after how many seconds the next one may."""
        if self._every_s is None:
            return 0.0
        now_s = self._clock()
        burst_s = max(BURST_S, self._every_s)
        free_at_s = max(self._free_at_s.get(address, 0.0), now_s - burst_s + self._every_s)
        if free_at_s > now_s:
            return free_at_s - now_s
        self._free_at_s[address] = free_at_s + self._every_s
        self._free_at_s.move_to_end(address)
        if len(self._free_at_s) > MAX_ADDRESSES:
            self._free_at_s.popitem(last=False)
        return 0.0
