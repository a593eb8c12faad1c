"""What an engine that runs on a CPU writes: one stream's state machine. In: samples, flush, finish. Out: events.

Knows no threads, clocks or asyncio; `pool` runs it, `pooled` gives it the face of an `EngineStream`.
"""

from __future__ import annotations

from typing import Protocol

from voxtide.transcript.events import TranscriptEvent
from voxtide.types import Samples


class Recogniser(Protocol):
    """One stream. Called by one thread at a time, in the order the caller fed, flushed and finished.

    After each of `feed`, `flush` and `finish`, `step` is called until it returns None. So work comes in pieces, and
    streams that share a thread take turns between pieces.
    """

    @property
    def num_done_samples(self) -> int:
        """How much of the fed audio has been looked at; the rest is the stream's lag."""

    def feed(self, samples: Samples) -> None:
        """Take audio; do no work yet."""

    def flush(self, flush_id: int) -> None:
        """The steps that follow make all audio so far final and answer with one `Flushed`."""

    def finish(self) -> None:
        """The steps that follow make the rest final and end with `Finished`."""

    def step(self, *, is_behind: bool) -> list[TranscriptEvent] | None:
        """Do one piece of work (at most one model run) and tell what came of it; None: nothing is left to do.

        `is_behind` allows work to be left out that only serves interim text. It must not change final text.
        """

    def close(self) -> None:
        """Let go of everything held."""
