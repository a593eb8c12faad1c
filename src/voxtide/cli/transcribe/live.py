"""Shows one stream while it runs. In: its chunks and events. Out: text on a terminal, plain lines in a pipe.

Each segment is a paragraph. On a terminal, full rows of stable text are permanent; the last row, the interim text after
it (dim) and the status row are redrawn.
"""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from voxtide.audio.level import level_dbfs
from voxtide.cli.transcribe.metrics import LatencyMetrics
from voxtide.cli.transcribe.results import TextSink
from voxtide.cli.transcribe.screen import Row, Screen, Span, row_width, spans, wrap
from voxtide.pipeline import Observer
from voxtide.transcript.assembler import Assembler
from voxtide.transcript.events import Flushed, TranscriptEvent
from voxtide.types import Samples

REDRAW_S = 0.08
"""Minimum time between two redraws of the level meter alone: one frame of audio."""

METER_FLOOR_DB = -60.0
"""The level at which the meter is empty: a quiet room."""

METER_CELLS = 8

STATUS_GAP = "  "
STATUS_DROP_ORDER = ("title", "level", "rtf", "flush", "first", "final", "state", "time")
"""Parts of the status row in the order in which a narrow terminal drops them."""

INTERIM_MARK = Span("~")
"""Precedes interim text if it cannot be dim."""


class PlainView(Observer):
    """Writes each paragraph as one line as soon as it is final. No control codes.

    `metrics`, if given, must observe the stream before the view; each flush is then shown with its latency.
    """

    def __init__(self, file: TextSink, metrics: LatencyMetrics | None) -> None:
        self._file = file
        self._metrics = metrics
        self._paragraphs = Paragraphs()

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        for row in self._paragraphs.add(event, self._metrics):
            self._file.write(" ".join(span.text for span in row) + "\n")
            self._file.flush()


class LiveView(Observer):
    """The view on a terminal. `close` it however the stream ends.

    `metrics`, if given, must observe the stream before the view; the status row and each flush then show latencies.
    """

    def __init__(
        self,
        screen: Screen,
        title: str,
        metrics: LatencyMetrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._screen = screen
        self._title = title
        self._metrics = metrics
        self._clock = clock
        self._paragraphs = Paragraphs()
        self._audio_s = 0.0
        self._level_db = METER_FLOOR_DB
        self._state = ""
        self._drawn_at_s = -math.inf

    def show_state(self, state: str) -> None:
        """Show a state in the status row."""
        self._state = state
        self._draw([])

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Erase the rows that are redrawn while other output is written."""
        self._screen.update([], [])
        yield
        self._draw([])

    def show_note(self, text: str) -> None:
        """Show a message above the open text. It stays on the screen."""
        self._draw(wrap(spans(text, "dim"), self._screen.num_columns))

    def close(self) -> None:
        """Leave the stable text and the last status on the screen."""
        rest = wrap(self._paragraphs.take_rest(), self._screen.num_columns)
        self._level_db, self._state = METER_FLOOR_DB, ""
        self._screen.update(rest, [self._status()])
        self._screen.close()

    def on_started(self) -> None:
        self._draw([])

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        self._audio_s = audio_s
        self._level_db = level_dbfs(chunk)
        if self._clock() - self._drawn_at_s >= REDRAW_S:
            self._draw([])

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        columns = self._screen.num_columns
        ended = [part for row in self._paragraphs.add(event, self._metrics) for part in wrap(row, columns)]
        self._draw([*ended, *self._paragraphs.take_full_rows(columns)])

    def _draw(self, permanent: Sequence[Row]) -> None:
        open_text, interim = self._paragraphs.open_words(), self._paragraphs.interim_words()
        if interim and not self._screen.is_styled:
            interim = [INTERIM_MARK, *interim]
        open_rows = wrap([*open_text, *interim], self._screen.num_columns)
        self._screen.update(permanent, [*open_rows, self._status()])
        self._drawn_at_s = self._clock()

    def _status(self) -> Row:
        parts = {"time": f"{self._audio_s:.1f} s", "level": meter(self._level_db), "title": self._title}
        if self._metrics is not None:
            parts |= metrics_parts(self._metrics)
        if self._state:
            parts["state"] = self._state
        while len(parts) > 1 and len(STATUS_GAP.join(parts.values())) > self._screen.num_columns:
            parts.pop(next(name for name in STATUS_DROP_ORDER if name in parts))
        return [Span(STATUS_GAP.join(parts.values())[: self._screen.num_columns], "dim")]


@contextmanager
def showing_logs(show_note: Callable[[str], object]) -> Iterator[None]:
    """Show what the body logs to stderr as notes: written directly, it would break the rows that are redrawn."""
    notes = _NoteSink(show_note, sys.stderr)
    handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, logging.StreamHandler)]
    replaced = [(handler, handler.setStream(notes)) for handler in handlers if handler.stream is sys.stderr]
    try:
        yield
    finally:
        for handler, stream in replaced:
            handler.setStream(stream)


class _NoteSink:
    """Takes log messages for a view. Those of other threads, which must not draw, go to `stderr`."""

    def __init__(self, show_note: Callable[[str], object], stderr: TextSink) -> None:
        self._show_note = show_note
        self._stderr = stderr
        self._thread = threading.current_thread()

    def write(self, text: str, /) -> None:
        if threading.current_thread() is not self._thread:
            self._stderr.write(text)
        elif text.strip():
            self._show_note(text)

    def flush(self) -> None:
        self._stderr.flush()


class Paragraphs:
    """The part of a stream's text that is not yet permanent on the screen."""

    def __init__(self) -> None:
        self._assembler = Assembler()
        self._num_segments = 0
        self._num_shown_words = 0  # of the open paragraph

    def add(self, event: TranscriptEvent, metrics: LatencyMetrics | None) -> list[Row]:
        """Add an event; return the rest of each paragraph it ends and, with `metrics`, the latency of a flush."""
        self._assembler.add(event)
        rows: list[Row] = []
        for segment in self._assembler.segments[self._num_segments :]:
            words = spans(segment.text)
            rows.append(words[self._num_shown_words :])
            self._num_shown_words = max(0, self._num_shown_words - len(words))
        self._num_segments = len(self._assembler.segments)
        if isinstance(event, Flushed) and metrics is not None and metrics.flush.last_ms is not None:
            rows.append(spans(f"-- flushed: final {metrics.flush.last_ms:.0f} ms after the flush", "dim"))
        return [row for row in rows if row]

    def open_words(self) -> list[Span]:
        """The open paragraph's words that are not yet permanent."""
        return spans(self._assembler.open_text)[self._num_shown_words :]

    def interim_words(self) -> list[Span]:
        """The interim words after them."""
        return spans(self._assembler.interim_text, "dim")

    def take_full_rows(self, num_columns: int) -> list[list[Span]]:
        """Rows of the open paragraph that no further word can extend."""
        words = self.open_words()
        if any(row_width([word]) > num_columns for word in words):
            return []  # a row would split a word; wait for the end of the paragraph
        full = wrap(words, num_columns)[:-1]
        self._num_shown_words += sum(map(len, full))
        return full

    def take_rest(self) -> list[Span]:
        """The rest of the open paragraph, for a stream that ended without finishing it."""
        words = self.open_words()
        self._num_shown_words += len(words)
        return words


def metrics_parts(metrics: LatencyMetrics) -> dict[str, str]:
    """The metrics in the status row, by name. Latencies are p50/p95 in milliseconds."""
    parts = {} if metrics.rtf is None else {"rtf": f"rtf {metrics.rtf:.2f}"}
    for name, label, latencies in (
        ("first", "speech start to text", metrics.first_text),
        ("final", "speech end to final", metrics.final),
        ("flush", "flush to answer", metrics.flush),
    ):
        if latencies:
            parts[name] = f"{label} {latencies.p50_ms:.0f}/{latencies.p95_ms:.0f} ms"
    return parts


def meter(level_db: float, num_cells: int = METER_CELLS) -> str:
    """A bar from `METER_FLOOR_DB` to full scale."""
    share = 1 - max(METER_FLOOR_DB, min(0.0, level_db)) / METER_FLOOR_DB
    num_full = round(share * num_cells)
    return "█" * num_full + "░" * (num_cells - num_full)
