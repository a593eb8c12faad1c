"""Rate limits per address. In: an address for each request. Out: how long to wait. Knows nothing else."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_ADDRESSES = 10_000
"""Addresses remembered, a megabyte; beyond it the least recently seen one is forgotten."""

BURST_S = 10.0
"""An address may save up this much of its rate: a page opens with a handful of requests at once."""


class RateLimiter:
    """Up to `per_minute` requests a minute from each address; None for no limit."""

    def __init__(self, per_minute: int | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = None if per_minute is None else 60.0 / per_minute
        self._clock = clock
        self._free_at_s: OrderedDict[str, float] = OrderedDict()

    def wait_s(self, address: str) -> float:
        """Count a request. Returns 0 if it may pass, else the seconds until the next one may."""
        if self._interval_s is None:
            return 0.0
        now_s = self._clock()
        burst_s = max(BURST_S, self._interval_s)
        free_at_s = max(self._free_at_s.get(address, 0.0), now_s - burst_s + self._interval_s)
        if free_at_s > now_s:
            return free_at_s - now_s
        self._free_at_s[address] = free_at_s + self._interval_s
        self._free_at_s.move_to_end(address)
        if len(self._free_at_s) > MAX_ADDRESSES:
            self._free_at_s.popitem(last=False)
        return 0.0
