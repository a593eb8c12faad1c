"""Writes the text of a live source as it becomes final. In: one stream's events. Out: calls of its result.

Knows no files: a result (results.py) takes the text, a growing document gives it its format.
"""

from __future__ import annotations

from voxtide.cli.transcribe.results import DocumentFormat, Result
from voxtide.pipeline import Observer
from voxtide.transcript.cues import CueShape
from voxtide.transcript.events import TranscriptEvent
from voxtide.transcript.growing import GrowingDocument, GrowingJson, GrowingSubtitles, GrowingText
from voxtide.transcript.writers import VTT_HEADER, srt_cue, vtt_cue


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
