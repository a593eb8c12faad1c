"""A limit on concurrency. In: requests for a place. Out: a place, or None. Knows nothing of what it counts."""

from __future__ import annotations

from collections.abc import Callable


class Admission:
    """Counts sessions up to `capacity`. Single-threaded."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.num_taken = 0

    @property
    def is_full(self) -> bool:
        """Whether all places are taken."""
        return self.num_taken >= self.capacity

    def take(self) -> Callable[[], None] | None:
        """Take a place: returns the idempotent function that releases it, or None if all are taken."""
        if self.is_full:
            return None
        self.num_taken += 1
        is_released = False

        def release() -> None:
            nonlocal is_released
            if not is_released:
                is_released = True
                self.num_taken -= 1

        return release
