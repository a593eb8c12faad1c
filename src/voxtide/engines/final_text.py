"""Builds a stream's final text. In: final text, a segment's words. Out: `SegmentEnded`, `Flushed`. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence

from voxtide.transcript.events import Flushed, SegmentEnded
from voxtide.types import Segment, Word


class FinalText:
    """The text of the open segment, and the text and segments since the last flush."""

    def __init__(self) -> None:
        self.has_text = False
        """Whether the stream has any final text; until then, text begins without a space."""
        self._segment_text = ""
        self._flush_text = ""
        self._flush_segments: list[Segment] = []

    def add(self, text: str) -> None:
        """Append final text to the segment and to the flush."""
        self.has_text |= bool(text)
        self._segment_text += text
        self._flush_text += text

    def end_segment(self, words: Sequence[Word], audio_s: float) -> list[SegmentEnded]:
        """Close the segment; returns [] if it has no words."""
        text, self._segment_text = self._segment_text.strip(), ""
        if not words:
            return []
        segment = Segment(text, words[0].start_s, words[-1].end_s, tuple(words))
        self._flush_segments.append(segment)
        return [SegmentEnded(segment, audio_s)]

    def answer(self, flush_id: int, audio_s: float) -> Flushed:
        """Answer a flush with the text and the segments since the previous flush."""
        text, segments = self._flush_text.strip(), tuple(self._flush_segments)
        self._flush_text, self._flush_segments = "", []
        return Flushed(flush_id, text, segments, audio_s)
