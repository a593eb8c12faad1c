"""The text of one source in each format. In: its events, or its transcript. Out: documents, and calls of its result.

Only this module knows which format is written by what. Knows no files: a result (results.py) takes the text.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from voxtide.cli.transcribe.results import DocumentFormat, Result
from voxtide.errors import VoxtideError
from voxtide.pipeline import Observer
from voxtide.transcript.cues import CueShape
from voxtide.transcript.events import TranscriptEvent
from voxtide.transcript.growing import GrowingDocument, GrowingJson, GrowingSubtitles, GrowingText
from voxtide.transcript.records import Record, event_record, json_text, notice_fields, record
from voxtide.transcript.writers import VTT_HEADER, srt_cue, to_json, to_srt, to_txt, to_vtt, vtt_cue
from voxtide.types import Notice, Samples, Transcript


def whole_document(doc_format: DocumentFormat | None, transcript: Transcript, source: str, shape: CueShape) -> str:
    """The document of a finished source; without a format its text."""
    match doc_format:
        case "srt":
            return to_srt(transcript.segments, shape)
        case "vtt":
            return to_vtt(transcript.segments, shape)
        case "json":
            return to_json(transcript, source)
        case _:
            return to_txt(transcript.segments)


def error_document(source: str, error: VoxtideError) -> str:
    """The entry of a failed source in a JSON array."""
    failed = {"source": source, "error": {"code": error.code, "message": str(error)}}
    return json_text(failed, indent=2) + "\n"


class DocumentWriter(Observer):
    """Grows a result with each event. It observes before the views: what they show as final is in the file."""

    def __init__(self, doc_format: DocumentFormat, source: str, result: Result, shape: CueShape) -> None:
        self._document = growing_document(doc_format, source, shape)
        self._result = result

    def on_started(self) -> None:
        self._grow()

    def on_event(self, event: TranscriptEvent, wall_s: float) -> None:
        if self._document.add(event):
            self._grow()

    def _grow(self) -> None:
        self._result.grow(self._document.take_fixed(), self._document.end())


def growing_document(doc_format: DocumentFormat, source: str, shape: CueShape) -> GrowingDocument:
    """An empty document, except for jsonl, whose lines `EventWriter` writes."""
    match doc_format:
        case "srt":
            return GrowingSubtitles(srt_cue, shape=shape)
        case "vtt":
            return GrowingSubtitles(vtt_cue, VTT_HEADER, shape=shape)
        case "json":
            return GrowingJson(source)
        case _:
            return GrowingText()


class EventWriter(Observer):
    """Writes the event stream of `jsonl`: `started`, then every event; `fail` adds `error`."""

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
