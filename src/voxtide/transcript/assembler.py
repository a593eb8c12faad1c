"""Assembling events into a transcript. In: one stream's events. Out: stable text, interim text, segments. No I/O."""

from __future__ import annotations

from voxtide.transcript.events import (
    Delta,
    Finished,
    Flushed,
    Interim,
    LanguageDetected,
    SegmentEnded,
    TranscriptEvent,
)
from voxtide.types import Segment, Transcript


class Assembler:
    """The text of one stream so far. `add` every event in order; read the properties at any time."""

    def __init__(self) -> None:
        self._deltas: list[str] = []
        self._segments: list[Segment] = []
        self._num_flushed_segments = 0
        self._open_text = ""  # stable, not in a segment yet
        self._open_start_s = 0.0
        self._interim_text = ""
        self._language: str | None = None
        self._audio_s = 0.0

    @property
    def stable_text(self) -> str:
        """All stable text; append-only."""
        return "".join(self._deltas)

    @property
    def open_text(self) -> str:
        """The end of the stable text that is not in a segment yet."""
        return self._open_text

    @property
    def open_segment(self) -> Segment | None:
        """The open text as a segment without words, if there is any."""
        return self._open_segment() if self._open_text.strip() else None

    @property
    def interim_text(self) -> str:
        """The text after the stable text; may still change."""
        return self._interim_text

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The completed segments, in order."""
        return tuple(self._segments)

    @property
    def audio_s(self) -> float:
        """End of the audio covered by the events so far, in seconds."""
        return self._audio_s

    def add(self, event: TranscriptEvent) -> None:
        """Add the stream's next event."""
        match event:
            case Delta(text, audio_s):
                self._add_stable(text, audio_s)
            case Interim(text):
                self._interim_text = text
            case SegmentEnded(segment):
                self._add_segment(segment)
            case LanguageDetected(language):
                self._language = language
            case Flushed():
                self._add_flushed(event)
            case Finished():
                self._interim_text = ""
                self._close_open_text()
            case _:
                pass  # speech events and blank loops change no text
        self._audio_s = max(self._audio_s, event.audio_s)

    def transcript(self) -> Transcript:
        """The result so far. Stable text outside of segments becomes a last segment without words."""
        last = () if self.open_segment is None else (self.open_segment,)
        return Transcript(
            text=self.stable_text.strip(), segments=self.segments + last, language=self._language, audio_s=self._audio_s
        )

    def _add_stable(self, text: str, audio_s: float) -> None:
        if text.strip() and not self._open_text.strip():
            last_end_s = self._segments[-1].end_s if self._segments else 0.0
            self._open_start_s = min(max(last_end_s, self._audio_s), audio_s)
        self._deltas.append(text)
        self._open_text += text
        # These words were the first of the interim text; its rest is the best guess until the next `Interim`.
        self._interim_text = " ".join(self._interim_text.split()[len(text.split()) :])

    def _add_segment(self, segment: Segment) -> None:
        self._segments.append(segment)
        self._open_text = _without_prefix(self._open_text, segment.text)
        self._open_start_s = segment.end_s

    def _add_flushed(self, flushed: Flushed) -> None:
        """Add the segments not already reported by `SegmentEnded`. The interim text became final."""
        known = set(self._segments[self._num_flushed_segments :])
        for segment in flushed.segments:
            if segment not in known:
                self._add_segment(segment)
        self._interim_text = ""
        self._close_open_text()
        self._num_flushed_segments = len(self._segments)

    def _close_open_text(self) -> None:
        if self._open_text.strip():
            self._segments.append(self._open_segment())
        self._open_text = ""

    def _open_segment(self) -> Segment:
        end_s = max(self._open_start_s, self._audio_s)
        return Segment(text=self._open_text.strip(), start_s=self._open_start_s, end_s=end_s)


def _without_prefix(text: str, prefix: str) -> str:
    """`text` without its first n non-space characters, where `prefix` has n; their white space may differ."""
    num_left = sum(not char.isspace() for char in prefix)
    for index, char in enumerate(text):
        if num_left == 0:
            return text[index:]
        num_left -= not char.isspace()
    return ""
