"""The one seam: what every engine offers and every stream promises. In: options and samples. Out: transcript events.

Five verbs: open, feed, flush, finish, close. The promises (tests/contract runs them against every engine):

- Stable text (`Delta`) is append-only and never taken back.
- `flush` may come at any time and any number of times. Each is answered by exactly one `Flushed`, whose text is what
  became final since the one before; audio may follow at once, and its text neither repeats nor loses words.
- Final text depends on the audio and on where flushes fell in it, never on chunk sizes, timing or load.
- Streams never see each other's text.
- Times are seconds of the caller's own audio.
- A dead engine fails every stream (`EngineFailedError`); nothing hangs. What a stream holds is bounded: `feed` waits
  when the engine is behind or events are not read.
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
_CHUNK_SAMPLES = 8192  # half a second; live audio comes in less


def check_samples(samples: Samples) -> None:
    """Refuse what `EngineStream.feed` does not take.

    Raises:
        ValueError: Not floats, or not of shape [n].
        CorruptAudioError: A sample is NaN or infinite.
    """
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise ValueError(
            f"feed takes float32 samples in [-1, 1] of shape [n], not {samples.dtype} of shape {samples.shape}"
        )
    # A finite sum of squares has only finite parts, and costs a quarter of the rest. (BLAS starts threads past 10,000.)
    if samples.dtype == np.float32 and samples.size <= _CHUNK_SAMPLES and math.isfinite(np.vdot(samples, samples)):
        return
    # NaN is in no order with anything, and takes the minimum; so one pass without a copy finds all that is unusable.
    if samples.size and not (samples.min() >= -_FLOAT32_MAX and samples.max() <= _FLOAT32_MAX):
        index = int(np.flatnonzero(~(np.abs(samples) <= _FLOAT32_MAX))[0])
        raise CorruptAudioError(f"sample {index} of {len(samples)} is {samples[index]}; audio must be finite numbers")


class EngineStream(ABC):
    """One utterance sequence inside an engine. Use it in `async with`; iterate it for its events.

    `feed`, `flush` and `finish` keep their order. They may be called from one task while another iterates.
    """

    @abstractmethod
    async def feed(self, samples: Samples) -> None:
        """Take audio: float32 mono at 16 kHz, shape [n], any n. Waits while the stream is full.

        Other float types are converted. Leave the array as it is until `feed` returns. A refused array leaves the
        stream as it was; a cancelled `feed` may have taken a first part of it.

        Raises:
            ValueError: Not floats, or not of shape [n].
            CorruptAudioError: A sample is NaN or infinite.
            StreamClosedError: The stream was finished or closed.
            EngineFailedError: The engine died.
        """

    def try_feed(self, samples: Samples) -> bool:
        """As `feed`, at less cost, where it need not wait; else False, and nothing was taken."""
        return False

    @abstractmethod
    async def flush(self) -> int:
        """Ask that everything fed so far becomes final. Returns the flush's id; its `Flushed` comes as an event.

        Ids count up from 1. A cancelled `flush` was either not asked for at all or is answered like any other.

        Raises:
            StreamClosedError: The stream was finished or closed.
            EngineFailedError: The engine died.
        """

    @abstractmethod
    async def finish(self) -> None:
        """Say that no more audio comes: the rest becomes final, then `Finished`. Twice is the same as once.

        Raises:
            StreamClosedError: The stream was closed before.
            EngineFailedError: The engine died.
        """

    @abstractmethod
    async def close(self) -> None:
        """Free everything now, whatever is left unsaid. Iterators end. Twice is the same as once."""

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[TranscriptEvent]:
        """The stream's events in order, each once; ends after `Finished` or `close`.

        Raises:
            EngineFailedError: The engine died.
        """

    @property
    @abstractmethod
    def lag_s(self) -> float:
        """Audio fed and not yet transcribed, in seconds."""

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
        """What the engine is and can do."""

    @abstractmethod
    def open(self, options: StreamOptions | None = None) -> EngineStream:
        """A new stream, to be entered with `async with`, once.

        Raises, here or on entering:
            UnsupportedOptionError: The engine cannot do what the options ask.
            CapacityError: There is no room for one more stream.
            EngineFailedError: The engine died or was closed.
        """

    def observe_steps(self, observer: Callable[[float], None]) -> None:  # noqa: B027  # not every engine has steps
        """Tell `observer` how long each step takes, in seconds, in the thread that takes it.

        An engine without steps of its own never calls it.
        """

    @abstractmethod
    async def close(self) -> None:
        """End all streams and free the model. Twice is the same as once."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
