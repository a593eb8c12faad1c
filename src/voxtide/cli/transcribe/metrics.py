"""Latencies of one stream. In: its chunks, flushes and events. Out: latencies and the real-time factor.

Definitions, repeated in docs/cli.md. A sample is fed when the chunk that holds it is fed.

- first text: from feeding the sample where speech starts (`SpeechStarted.audio_s`) to the first text after that event,
  interim or stable.
- final: from feeding the sample where speech stops (`SpeechStopped.audio_s`) to the first `SegmentEnded` after that
  event. Includes the pause that the engine needs to detect the end of speech.
- flush: from requesting a flush to its `Flushed`.
- real-time factor: processor time of this process, all threads, since the first sample, divided by the audio fed.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Collection

from voxtide.pipeline import Observer
from voxtide.transcript.events import (
    BlankLoopDetected,
    Delta,
    Flushed,
    Interim,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    TranscriptEvent,
)
from voxtide.types import Samples

NUM_KEPT_CHUNKS = 8192
"""Number of chunks whose feeding time is kept: eleven minutes at 80 ms, far beyond any engine's lag."""

NUM_KEPT_LATENCIES = 10_000
"""Number of latencies kept of each kind: hours of speech in little memory."""


class Latencies:
    """Latencies of one kind in milliseconds."""

    def __init__(self) -> None:
        self._times_ms: deque[float] = deque(maxlen=NUM_KEPT_LATENCIES)

    def __len__(self) -> int:
        return len(self._times_ms)

    def add_s(self, latency_s: float) -> None:
        self._times_ms.append(latency_s * 1000)

    @property
    def last_ms(self) -> float | None:
        """The newest, or None."""
        return self._times_ms[-1] if self._times_ms else None

    @property
    def p50_ms(self) -> float:
        return percentile(self._times_ms, 50)

    @property
    def p95_ms(self) -> float:
        return percentile(self._times_ms, 95)


def percentile(values: Collection[float], percent: float) -> float:
    """The nearest-rank percentile: the smallest value that at least `percent` of all values do not exceed."""
    rank = max(1, math.ceil(percent / 100 * len(values)))
    return sorted(values)[rank - 1]


class LatencyMetrics(Observer):
    """Measures one stream."""

    def __init__(self, cpu_clock: Callable[[], float] = time.process_time) -> None:
        self.first_text = Latencies()
        self.final = Latencies()
        self.flush = Latencies()
        self.num_blank_loops = 0
        """Number of blank loops: seconds of speech without text, which made the engine bias the model against PAD."""
        self.audio_s = 0.0
        self.wall_s = 0.0
        self._cpu_clock = cpu_clock
        self._cpu_started_s = 0.0
        self._fed: deque[tuple[float, float]] = deque(maxlen=NUM_KEPT_CHUNKS)  # end of chunk: audio_s, wall_s
        self._speech_fed_s: float | None = None
        self._pause_fed_s: float | None = None
        self._flushes_s: deque[float] = deque()  # requested and not yet answered; engines answer every flush in order

    @property
    def rtf(self) -> float | None:
        """The real-time factor so far; None before any audio."""
        return (self._cpu_clock() - self._cpu_started_s) / self.audio_s if self.audio_s else None

    def on_started(self) -> None:
        self._cpu_started_s = self._cpu_clock()

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        self.audio_s = audio_s
        self._fed.append((audio_s, wall_s))

    def on_flush(self, wall_s: float) -> None:
        self._flushes_s.append(wall_s)

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        self.wall_s = wall_s
        match event:
            case SpeechStarted(audio_s):
                self._speech_fed_s = self._fed_s(audio_s)
            case Delta(text) | Interim(text) if text.strip() and self._speech_fed_s is not None:
                self.first_text.add_s(wall_s - self._speech_fed_s)
                self._speech_fed_s = None
            case SpeechStopped(audio_s):
                self._pause_fed_s = self._fed_s(audio_s)
            case SegmentEnded() if self._pause_fed_s is not None:
                self.final.add_s(wall_s - self._pause_fed_s)
                self._pause_fed_s = None
            case Flushed() if self._flushes_s:
                self.flush.add_s(wall_s - self._flushes_s.popleft())
            case BlankLoopDetected():
                self.num_blank_loops += 1
            case _:
                pass

    def _fed_s(self, audio_s: float) -> float:
        """When the chunk that holds `audio_s` was fed; the newest chunk if `audio_s` lies beyond it."""
        at = bisect_left(self._fed, (audio_s, -math.inf))
        return self._fed[min(at, len(self._fed) - 1)][1] if self._fed else 0.0


def metrics_lines(metrics: LatencyMetrics) -> list[str]:
    """The metrics as plain lines, each with what it measures."""
    rtf = metrics.rtf
    lines = [
        f"audio       {metrics.audio_s:.2f} s",
        f"wall        {metrics.wall_s:.2f} s",
        f"rtf         {rtf:.3f}  (processor time / audio)" if rtf is not None else "rtf         -",
    ]
    for name, meaning, latencies in (
        ("first text", "start of speech to first text", metrics.first_text),
        ("final", "end of speech to final segment", metrics.final),
        ("flush", "flush request to answer", metrics.flush),
    ):
        values = f"p50 {latencies.p50_ms:.0f} ms  p95 {latencies.p95_ms:.0f} ms" if latencies else "-"
        lines.append(f"{name:<11} {values}  ({meaning}; n={len(latencies)})")
    if metrics.num_blank_loops:
        lines.append(f"blank loops {metrics.num_blank_loops}  (speech without text for seconds; biased against PAD)")
    return lines
