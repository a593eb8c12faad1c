"""Shows one stream while it runs. In: its chunks and events. Out: text on a terminal, plain lines elsewhere.

Each segment is a paragraph. On a terminal, full rows of stable text stay for good; the open row, the interim text after
it (dim) and the status row are redrawn.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TextIO

from voxtide.audio.level import level_dbfs
from voxtide.cli.transcribe.metrics import LatencyMetrics
from voxtide.cli.transcribe.screen import Row, Screen, Span, row_width, spans, wrap
from voxtide.pipeline import Observer
from voxtide.transcript.assembler import Assembler
from voxtide.transcript.events import Flushed, TranscriptEvent
from voxtide.types import Samples

REDRAW_S = 0.08
"""Least time between two redraws that only move the level meter: one frame of audio, and smooth to the eye."""

METER_FLOOR_DB = -60.0
"""The level at which the meter is empty: a quiet room."""

METER_CELLS = 8

STATUS_GAP = "  "
STATUS_LEAST_FIRST = ("title", "level", "rtf", "flush", "first", "final", "note", "time")
"""What the status row leaves out first where the terminal is narrow."""

INTERIM_MARK = Span("~")
"""Goes before interim text where it cannot be dim."""


class PlainView(Observer):
    """Writes each paragraph as one line, at once when it is final. No control codes. Give it observed `metrics`."""

    def __init__(self, file: TextIO, metrics: LatencyMetrics) -> None:
        self._file = file
        self._metrics = metrics
        self._paragraphs = Paragraphs()

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        for row in self._paragraphs.add(event, self._metrics):
            self._file.write(" ".join(span.text for span in row) + "\n")
            self._file.flush()


class LiveView(Observer):
    """The view on a terminal. Give it `metrics` that observe before it; `close` it however the stream ended."""

    def __init__(
        self, screen: Screen, metrics: LatencyMetrics, title: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._screen = screen
        self._metrics = metrics
        self._title = title
        self._clock = clock
        self._paragraphs = Paragraphs()
        self._level_db = METER_FLOOR_DB
        self._note = ""
        self._drawn_at_s = -math.inf

    def note(self, text: str) -> None:
        """Put a remark into the status row."""
        self._note = text
        self._draw([])

    def close(self) -> None:
        """Leave the stable text and the last status as they are."""
        rest = wrap(self._paragraphs.take_rest(), self._screen.num_columns)
        self._level_db, self._note = METER_FLOOR_DB, ""
        self._screen.update(rest, [self._status()])
        self._screen.close()

    def on_started(self) -> None:
        self._draw([])

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        self._level_db = level_dbfs(chunk)
        if self._clock() - self._drawn_at_s >= REDRAW_S:
            self._draw([])

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        columns = self._screen.num_columns
        ended = [part for row in self._paragraphs.add(event, self._metrics) for part in wrap(row, columns)]
        self._draw([*ended, *self._paragraphs.take_full_rows(columns)])

    def _draw(self, staying: Sequence[Row]) -> None:
        open_text, interim = self._paragraphs.open_words(), self._paragraphs.interim_words()
        if interim and not self._screen.is_styled:
            interim = [INTERIM_MARK, *interim]
        tail = wrap([*open_text, *interim], self._screen.num_columns)
        self._screen.update(staying, [*tail, self._status()])
        self._drawn_at_s = self._clock()

    def _status(self) -> Row:
        parts = status_parts(self._metrics, self._level_db, self._title, self._note)
        while len(parts) > 1 and len(STATUS_GAP.join(parts.values())) > self._screen.num_columns:
            parts.pop(next(name for name in STATUS_LEAST_FIRST if name in parts))
        return [Span(STATUS_GAP.join(parts.values())[: self._screen.num_columns], "dim")]


class Paragraphs:
    """What of a stream's text is still to be shown for good."""

    def __init__(self) -> None:
        self._assembler = Assembler()
        self._num_segments = 0
        self._num_shown_words = 0  # of the open paragraph

    def add(self, event: TranscriptEvent, metrics: LatencyMetrics) -> list[Row]:
        """Take an event; return the rest of each paragraph it ends, and a mark where it answers a flush."""
        self._assembler.add(event)
        rows: list[Row] = []
        for segment in self._assembler.segments[self._num_segments :]:
            words = spans(segment.text)
            rows.append(words[self._num_shown_words :])
            self._num_shown_words = max(0, self._num_shown_words - len(words))
        self._num_segments = len(self._assembler.segments)
        if isinstance(event, Flushed) and metrics.flush.last_ms is not None:
            rows.append(spans(f"-- flushed: final {metrics.flush.last_ms:.0f} ms after the flush", "dim"))
        return [row for row in rows if row]

    def open_words(self) -> list[Span]:
        """The open paragraph's words not yet shown for good."""
        return spans(self._assembler.open_text)[self._num_shown_words :]

    def interim_words(self) -> list[Span]:
        """The words after them that may still change."""
        return spans(self._assembler.interim_text, "dim")

    def take_full_rows(self, num_columns: int) -> list[list[Span]]:
        """Rows of the open paragraph to which no word can be added any more."""
        words = self.open_words()
        if any(row_width([word]) > num_columns for word in words):
            return []  # rows would break words; they wait for the paragraph's end
        full = wrap(words, num_columns)[:-1]
        self._num_shown_words += sum(map(len, full))
        return full

    def take_rest(self) -> list[Span]:
        """All that is left of the open paragraph, for a stream that ended without finishing it."""
        words = self.open_words()
        self._num_shown_words += len(words)
        return words


def status_parts(metrics: LatencyMetrics, level_db: float, title: str, note: str) -> dict[str, str]:
    """The status row's parts in order, by name. Latencies are p50/p95 in milliseconds."""
    parts = {"time": f"{metrics.audio_s:.1f} s", "level": meter(level_db), "title": title}
    if metrics.rtf is not None:
        parts["rtf"] = f"rtf {metrics.rtf:.2f}"
    for name, latencies in (("first", metrics.first_text), ("final", metrics.final), ("flush", metrics.flush)):
        if latencies:
            parts[name] = f"{name} {latencies.p50_ms:.0f}/{latencies.p95_ms:.0f} ms"
    if note:
        parts["note"] = note
    return parts


def meter(level_db: float, num_cells: int = METER_CELLS) -> str:
    """A bar from `METER_FLOOR_DB` to full scale."""
    share = 1 - max(METER_FLOOR_DB, min(0.0, level_db)) / METER_FLOOR_DB
    num_full = round(share * num_cells)
    return "█" * num_full + "░" * (num_cells - num_full)
