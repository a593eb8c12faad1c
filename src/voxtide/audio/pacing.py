"""Real-time pacing. In: a source faster than real time. Out: the same chunks, timed as from a microphone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from voxtide.audio.source import AudioSource, Sleeper
from voxtide.types import SAMPLE_RATE_HZ, Notice, Samples


class _PacedSource(AudioSource):
    """Delivers each chunk at its end time after the first `read`; a late chunk does not delay later ones."""

    def __init__(
        self, source: AudioSource, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]]
    ) -> None:
        super().__init__(source.name, chunk_ms=source.chunk_ms)
        self._source = source
        self._clock = clock
        self._sleeper = Sleeper(sleep)
        self._start_s: float | None = None
        self._num_samples = 0
        self._next: Samples | None = None
        self._is_ended = False

    @property
    def notices(self) -> Sequence[Notice]:
        """Those of the wrapped source."""
        return self._source.notices

    async def open(self) -> None:
        """Open the wrapped source."""
        await self._source.open()
        self.duration_s = self._source.duration_s

    async def read(self) -> Samples | None:
        """The next chunk, when it is due."""
        if self._start_s is None:
            self._start_s = self._clock()
        if self._next is None:  # else: a chunk that a cancelled call left
            self._next = await self._source.read()
        if self._next is None:
            return None
        due_s = self._start_s + (self._num_samples + self._next.size) / SAMPLE_RATE_HZ
        if not self._is_ended and (wait_s := due_s - self._clock()) > 0:
            await self._sleeper.sleep(wait_s)
        chunk, self._next = self._next, None
        self._num_samples += chunk.size
        return chunk

    def end(self) -> bool:
        """See `AudioSource.end`. Audio already received is due at once: it may have waited before the first `read`."""
        self._is_ended = self._source.end()
        if self._is_ended:
            self._sleeper.wake()
        return self._is_ended

    async def close(self) -> None:
        """Close the wrapped source."""
        await self._source.close()


def paced(
    source: AudioSource,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AudioSource:
    """Pace `source` in real time: each chunk is delivered when its last sample would have been recorded.

    No drift, no drops: a late reader gets all overdue chunks at once. `clock` and `sleep` use seconds.
    """
    return _PacedSource(source, clock, sleep)
