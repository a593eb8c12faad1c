"""The interface of all audio sources. In: any input. Out: chunks of samples, in order. Knows no concrete source."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

import numpy as np

from voxtide.errors import ConfigError
from voxtide.types import SAMPLE_RATE_HZ, Notice, Samples

MIN_CHUNK_MS = 10
"""Smaller chunks add overhead without reducing latency: engines step about every 80 ms."""

MAX_CHUNK_MS = 10_000
"""Larger chunks would delay text too much for streaming."""


class AudioSource(ABC):
    """Audio in chunks: open it with `async with`, then iterate it once.

    Each chunk is float32 mono at 16 kHz, shape [n], in [-1, 1], and `chunk_ms` long; the last one may be shorter.

    Attributes:
        name: The source's name in messages, without credentials.
        chunk_ms: Length of a chunk.
        duration_s: Length of the whole audio, set when open; None for live input or if unknown.
    """

    def __init__(self, name: str, *, chunk_ms: int) -> None:
        """Set the name and the chunk length.

        Raises:
            ConfigError: `chunk_ms` is outside `MIN_CHUNK_MS` to `MAX_CHUNK_MS`.
        """
        if not MIN_CHUNK_MS <= chunk_ms <= MAX_CHUNK_MS:
            raise ConfigError(f"chunk_ms must be {MIN_CHUNK_MS} to {MAX_CHUNK_MS}, not {chunk_ms}")
        self.name = name
        self.chunk_ms = chunk_ms
        self.duration_s: float | None = None

    @property
    def notices(self) -> Sequence[Notice]:
        """What the user should know about the input, in order. A few at most; complete when `read` has ended."""
        return ()

    @abstractmethod
    async def open(self) -> None:
        """Open the input.

        Raises:
            SourceNotFoundError: There is no such file, address or device.
            NotAudioError: The input contains no audio.
            AudioError: The input cannot be read.
        """

    @abstractmethod
    async def read(self) -> Samples | None:
        """The next chunk, or None at the end. A cancelled call loses no audio.

        Raises:
            CorruptAudioError: The input is truncated or damaged. Raised after all readable audio.
            StreamClosedError: The source is not open.
        """

    def end(self) -> bool:
        """End a live input now: `read` returns the audio received so far without delay, then None.

        Returns False, without effect, if the audio can be read again: the caller cancels `read`.
        """
        return False

    @abstractmethod
    async def close(self) -> None:
        """Release all resources; unread audio is lost. Idempotent."""

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Samples:
        chunk = await self.read()
        if chunk is None:
            raise StopAsyncIteration
        return chunk


class Sleeper:
    """Sleeps for a time, or until `wake`."""

    def __init__(self, sleep: Callable[[float], Awaitable[object]]) -> None:
        """`sleep` takes seconds, as `asyncio.sleep`."""
        self._sleep = sleep
        self._sleeping: asyncio.Future[object] | None = None

    async def sleep(self, wait_s: float) -> None:
        """Return after `wait_s`, or when `wake` is called."""
        self._sleeping = asyncio.ensure_future(self._sleep(wait_s))
        try:
            await asyncio.wait({self._sleeping})
        finally:
            self._sleeping.cancel()

    def wake(self) -> None:
        """End a current sleep; a later one is not affected."""
        if self._sleeping is not None:
            self._sleeping.cancel()


class Chunker:
    """Splits a stream of samples into chunks of equal length."""

    def __init__(self, chunk_ms: int) -> None:
        self._chunk_samples = chunk_ms * SAMPLE_RATE_HZ // 1000
        self._waiting: list[Samples] = []
        self._num_waiting = 0

    def feed(self, samples: Samples) -> list[Samples]:
        """The chunks that `samples`, of any length, completes."""
        self._waiting.append(samples)
        self._num_waiting += samples.size
        if self._num_waiting < self._chunk_samples:
            return []
        joined = np.concatenate(self._waiting)
        num_chunks = joined.size // self._chunk_samples
        rest = joined[num_chunks * self._chunk_samples :]
        self._waiting, self._num_waiting = [rest], rest.size
        return [joined[i * self._chunk_samples : (i + 1) * self._chunk_samples] for i in range(num_chunks)]

    def finish(self) -> Samples:
        """The remaining samples, less than a chunk, possibly empty."""
        rest = np.concatenate(self._waiting) if self._waiting else np.zeros(0, np.float32)
        self._waiting, self._num_waiting = [], 0
        return rest
