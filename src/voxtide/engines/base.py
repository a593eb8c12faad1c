"""The interface of every engine and its streams. In: options and samples. Out: transcript events.

Five verbs: open, feed, flush, finish, close. Guarantees, which tests/contract checks for every engine:

- Stable text (`Delta`) is append-only and is never retracted.
- `flush` may be called at any time, any number of times. Each call is answered by exactly one `Flushed`, with the text
  that became final since the previous one. Audio may follow at once; its text neither repeats nor loses words.
- Final text depends on the audio and on the positions of the flushes, never on chunk sizes, timing or load.
- Streams never see each other's text.
- Times are seconds of the caller's own audio.
- When an engine dies, all its streams fail with `EngineFailedError`; no call blocks forever.
- A stream's memory is bounded: `feed` waits while the engine is behind or events are not read.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

import numpy as np

from voxtide.errors import CorruptAudioError
from voxtide.transcript.events import TranscriptEvent
from voxtide.types import EngineInfo, Samples, StreamOptions

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_CHUNK_SAMPLES = 8192  # half a second; live audio arrives in smaller chunks


def check_samples(samples: Samples) -> None:
    """Refuse samples that `EngineStream.feed` does not accept.

    Raises:
        ValueError: Not floats, or not of shape [n].
        CorruptAudioError: A sample is NaN or infinite.
    """
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise ValueError(
            f"feed takes float32 samples in [-1, 1] of shape [n], not {samples.dtype} of shape {samples.shape}"
        )
    # If the sum of squares is finite, so is each sample; four times as fast. BLAS starts threads above 10,000 samples.
    if samples.dtype == np.float32 and samples.size <= _CHUNK_SAMPLES and math.isfinite(np.vdot(samples, samples)):
        return
    # A NaN makes the minimum NaN, so these comparisons also reject NaN, without a copy.
    if samples.size and not (samples.min() >= -_FLOAT32_MAX and samples.max() <= _FLOAT32_MAX):
        index = int(np.flatnonzero(~(np.abs(samples) <= _FLOAT32_MAX))[0])
        raise CorruptAudioError(f"sample {index} of {len(samples)} is {samples[index]}; audio must be finite numbers")


class EngineStream(ABC):
    """One audio stream of an engine. Use it in `async with`; iterate over it for its events.

    `feed`, `flush` and `finish` are processed in call order. One task may call them while another iterates.
    """

    @abstractmethod
    async def feed(self, samples: Samples) -> None:
        """Feed audio: float32 mono at 16 kHz, shape [n], any n. Waits while the stream is full.

        Other float types are converted. Do not modify the array before `feed` returns. A refused array leaves the
        stream unchanged; a cancelled `feed` may have fed the beginning of it.

        Raises:
            ValueError: Not floats, or not of shape [n].
            CorruptAudioError: A sample is NaN or infinite.
            StreamClosedError: The stream was finished or closed.
            EngineFailedError: The engine died.
        """

    def try_feed(self, samples: Samples) -> bool:
        """Like `feed`, but cheaper: feeds all the samples if it need not wait, else none and returns False."""
        return False

    @abstractmethod
    async def flush(self) -> int:
        """Make everything fed so far final. Returns the flush's id; the answer is a `Flushed` event.

        Ids count up from 1. A cancelled `flush` either has no effect or is answered like any other.

        Raises:
            StreamClosedError: The stream was finished or closed.
            EngineFailedError: The engine died.
        """

    @abstractmethod
    async def finish(self) -> None:
        """End the audio: the rest becomes final, then comes `Finished`. Idempotent.

        Raises:
            StreamClosedError: The stream was closed before.
            EngineFailedError: The engine died.
        """

    @abstractmethod
    async def close(self) -> None:
        """Free everything now and drop unread events. Iterators end. Idempotent."""

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[TranscriptEvent]:
        """Iterate over the events in order, each once; ends after `Finished` or `close`.

        Raises:
            EngineFailedError: The engine died.
        """

    @property
    @abstractmethod
    def lag_s(self) -> float:
        """Audio fed and not yet transcribed [s]."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class Engine(ABC):
    """A loaded model that runs any number of streams. `close` it, or use it in `async with`."""

    @property
    @abstractmethod
    def info(self) -> EngineInfo:
        """The engine's model and capabilities."""

    @abstractmethod
    def open(self, options: StreamOptions | None = None) -> EngineStream:
        """Make a stream; enter it once, with `async with`.

        Raises, here or on entering:
            UnsupportedOptionError: The engine does not support an option.
            CapacityError: All streams of the engine are in use.
            EngineFailedError: The engine died or was closed.
        """

    def fit_prompt(self, prompt: str, vocabulary: tuple[str, ...] = ()) -> str:
        """The end of `prompt` that a stream accepts beside `vocabulary`: all of it if the engine has no limit.

        For callers that prefer a truncated prompt to a refusal.
        """
        return prompt

    def observe_steps(self, observer: Callable[[float], None]) -> None:  # noqa: B027  # not every engine has steps
        """Call `observer` with the duration of each step [s], on the thread that ran it.

        An engine without steps of its own never calls it.
        """

    @abstractmethod
    async def close(self) -> None:
        """End all streams and free the model. Idempotent."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
