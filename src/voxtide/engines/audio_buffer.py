"""The samples of a stream that are still needed, addressed by their position in it. Knows nothing else."""

from __future__ import annotations

import numpy as np

from voxtide.types import Samples


class AudioBuffer:
    """Grows at its end, is cut at its start. Its owner bounds it by cutting."""

    def __init__(self) -> None:
        self._samples: Samples = np.zeros(0, np.float32)
        self.start = 0
        """Position of the first sample held."""

    @property
    def end(self) -> int:
        """Position after the last sample held."""
        return self.start + len(self._samples)

    def append(self, samples: Samples) -> None:
        """Add samples at the end."""
        self._samples = np.concatenate([self._samples, samples])

    def between(self, start: int, end: int) -> Samples:
        """The samples from position `start` up to `end`, both within what is held."""
        assert self.start <= start <= end <= self.end, (self.start, start, end, self.end)
        return self._samples[start - self.start : end - self.start]

    def drop_before(self, start: int) -> None:
        """Let go of the samples before position `start`; one before the buffer's start does nothing."""
        num_dropped = min(max(0, start - self.start), len(self._samples))
        self._samples = self._samples[num_dropped:]
        self.start += num_dropped
