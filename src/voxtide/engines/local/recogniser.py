"""The state machine of one stream, which a local engine implements. In: samples, flush, finish. Out: events.

Knows no threads, clocks or asyncio: `StreamWorker` runs it, `LocalStream` makes it an `EngineStream`.
"""

from __future__ import annotations

from typing import Protocol

from voxtide.transcript.events import TranscriptEvent
from voxtide.types import Samples


class Recogniser(Protocol):
    """One stream. Called by one thread at a time, in the caller's order of feed, flush and finish.

    After each of `feed`, `flush` and `finish`, `step` is called until it returns None. Between steps the thread may run
    other streams.
    """

    @property
    def num_done_samples(self) -> int:
        """Samples processed; the rest of the fed audio is the stream's lag."""

    def feed(self, samples: Samples) -> None:
        """Buffer audio; do no work yet."""

    def flush(self, flush_id: int) -> None:
        """Make the next steps finalise all audio so far and end with one `Flushed`."""

    def finish(self) -> None:
        """Make the next steps finalise the rest and end with `Finished`."""

    def step(self, *, is_behind: bool) -> list[TranscriptEvent] | None:
        """Run one step and return its events; None if there is no work left.

        A step is one model run, or two if the first left speech without words.

        If `is_behind`, work that only serves interim text may be skipped. It must not change final text.
        """

    def close(self) -> None:
        """Release all resources."""
