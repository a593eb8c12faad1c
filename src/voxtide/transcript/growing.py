"""Documents that grow with a stream. In: one stream's events. Out: fixed text, and an end that changes. No I/O.

After every event, all fixed text so far followed by the end is a valid document with all stable text. The cost of an
event depends on the open segment, not on the length of the session; only json repeats the text.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace

from voxtide.transcript.assembler import Assembler
from voxtide.transcript.cues import Cue, CueShape, spoken_cues
from voxtide.transcript.events import (
    BlankLoopDetected,
    Interim,
    LanguageDoubted,
    SpeechStarted,
    SpeechStopped,
    SpeechUntranscribed,
    TranscriptEvent,
)
from voxtide.transcript.records import json_text, transcript_record
from voxtide.transcript.writers import to_txt
from voxtide.types import Segment, Transcript


class GrowingDocument(ABC):
    """One stream's document. `add` every event in order; if it returns True, write `take_fixed`, then `end`."""

    def __init__(self, header: str = "") -> None:
        self._assembler = Assembler()
        self._header = header  # empty once taken
        self._num_fixed = 0  # segments

    def add(self, event: TranscriptEvent) -> bool:
        """Add the stream's next event; returns whether it can change the document."""
        self._assembler.add(event)
        return not isinstance(
            event, Interim | LanguageDoubted | SpeechStarted | SpeechStopped | SpeechUntranscribed | BlankLoopDetected
        )

    def take_fixed(self) -> str:
        """The text that became fixed since the last call: the header, then the completed segments."""
        text, self._header = self._header, ""
        for segment in self._assembler.segments[self._num_fixed :]:
            text += self._fix(segment)
            self._num_fixed += 1
        return text

    def end(self) -> str:
        """The text after the fixed text, until the next event: the open segment, and the end of the format."""
        segment = self._assembler.open_segment
        return "" if segment is None else self._text(segment)

    @abstractmethod
    def _text(self, segment: Segment) -> str:
        """`segment`, which follows the fixed segments."""

    def _fix(self, segment: Segment) -> str:
        """The same; from now on `segment` is fixed."""
        return self._text(segment)


class GrowingText(GrowingDocument):
    """As `to_txt`. The open segment is the last line."""

    def _text(self, segment: Segment) -> str:
        return to_txt([segment])


class GrowingSubtitles(GrowingDocument):
    """As `to_srt` or `to_vtt`: `header`, then cues by `cue_text`. The open segment's words have estimated times.

    A cue ends with its words, however short: the pause after it is not known yet.
    """

    def __init__(self, cue_text: Callable[[int, Cue], str], header: str = "", *, shape: CueShape | None = None) -> None:
        super().__init__(header)
        self._shape = shape
        self._cue_text = cue_text
        self._has_header = bool(header)
        self._num_cues = 0
        self._last: list[Segment] = []  # a segment with the times of the last fixed cue, if any

    def _text(self, segment: Segment) -> str:
        texts = [self._cue_text(number, cue) for number, cue in enumerate(self._cues(segment), self._num_cues + 1)]
        gap = "\n" if texts and (self._has_header or self._num_cues) else ""
        return gap + "\n".join(texts)

    def _fix(self, segment: Segment) -> str:
        text = self._text(segment)
        if cues := self._cues(segment):
            self._num_cues += len(cues)
            self._last = [Segment("-", cues[-1].start_ms / 1000, cues[-1].end_ms / 1000)]
        return text

    def _cues(self, segment: Segment) -> list[Cue]:
        """The segment's cues, which begin after the last fixed one."""
        return spoken_cues([*self._last, segment], self._shape)[len(spoken_cues(self._last)) :]


class GrowingJson(GrowingDocument):
    """The fields of `to_json`. `segments` come before the fields that change."""

    def __init__(self, source: str) -> None:
        super().__init__(f'{{\n"source": {_dumped(source)},\n"segments": [')

    def end(self) -> str:
        rest = transcript_record(replace(self._assembler.transcript(), segments=()))
        del rest["segments"]
        return f"{super().end()}\n],\n{_dumped(rest)[1:]}\n"

    def _text(self, segment: Segment) -> str:
        (fields,) = transcript_record(Transcript("", (segment,), None, 0.0))["segments"]
        return (",\n" if self._num_fixed else "\n") + _dumped(fields)


def _dumped(value: object) -> str:
    return json_text(value)
