"""The event stream of `--format jsonl` (docs/events.md). In: one stream's events. Out: lines of JSON."""

from __future__ import annotations

import time
from collections.abc import Callable

from voxtide.errors import VoxtideError
from voxtide.pipeline import Observer
from voxtide.transcript.events import TranscriptEvent
from voxtide.transcript.records import Record, event_record, json_text, notice_fields, record
from voxtide.types import Notice, Samples


class EventWriter(Observer):
    """Writes `started`, then every event; `fail` adds `error`."""

    def __init__(
        self, write: Callable[[str], None], details: Record, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`write` takes a line. `details` are added to the `started` record: source, engine, model and pace."""
        self._write_line = write
        self._details = details
        self._clock = clock
        self._started_at_s: float | None = None
        self._audio_s = 0.0

    def on_started(self) -> None:
        self._started_at_s = self._clock()
        self._write(record("started", 0.0, 0.0, **self._details))

    def on_chunk(self, chunk: Samples, audio_s: float, wall_s: float) -> None:
        self._audio_s = audio_s

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        if (written := event_record(event, wall_s)) is not None:
            self._write(written)

    def on_notice(self, notice: Notice, wall_s: float) -> None:
        self._write(record("notice", wall_s, self._audio_s, **notice_fields(notice)))

    def fail(self, source: str, error: VoxtideError) -> None:
        """Write the error that ended the stream or prevented its start."""
        wall_s = 0.0 if self._started_at_s is None else self._clock() - self._started_at_s
        self._write(record("error", wall_s, self._audio_s, source=source, code=error.code, message=str(error)))

    def _write(self, written: Record) -> None:
        self._write_line(json_text(written) + "\n")
