"""How many sessions run at once. In: who wants one. Out: a place, or None. Counts, and knows nothing else."""

from __future__ import annotations

from collections.abc import Callable


class Admission:
    """Places up to `capacity`. Used from one thread."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.num_taken = 0

    @property
    def is_full(self) -> bool:
        """Whether there is no place."""
        return self.num_taken >= self.capacity

    def take(self) -> Callable[[], None] | None:
        """A place: call what comes back to give it back, once. None when all are taken."""
        if self.is_full:
            return None
        self.num_taken += 1
        is_given_back = False

        def give_back() -> None:
            nonlocal is_given_back
            if not is_given_back:
                is_given_back = True
                self.num_taken -= 1

        return give_back
