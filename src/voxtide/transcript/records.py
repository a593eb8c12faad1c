"""Records of the JSON event stream (docs/events.md). In: an event. Out: a dict for JSON. No I/O.

Every record has `type`, `wall_s` (when the event was emitted: seconds since the first sample was fed, on a monotonic
clock) and `audio_s` (the end of the audio it covers).
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeAlias

from voxtide.transcript.events import (
    Delta,
    Finished,
    Flushed,
    Interim,
    LanguageDetected,
    LanguageDoubted,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    SpeechUntranscribed,
    TranscriptEvent,
)
from voxtide.types import Notice, Segment, Transcript, Word

Record: TypeAlias = dict[str, Any]
"""One JSON object."""

_SURROGATES = re.compile("[\ud800-\udbff][\udc00-\udfff]|[\ud800-\udfff]")
"""The two halves of a character, or one."""

_TYPES: dict[type[TranscriptEvent], str] = {
    Delta: "delta",
    Interim: "interim",
    SpeechStarted: "speech_started",
    SpeechStopped: "speech_stopped",
    SpeechUntranscribed: "speech_untranscribed",
    SegmentEnded: "segment",
    LanguageDetected: "language",
    LanguageDoubted: "language_doubted",
    Flushed: "flushed",
    Finished: "finished",
}


def event_record(event: TranscriptEvent, wall_s: float) -> Record | None:
    """The record of an event emitted at `wall_s`; None for `BlankLoopDetected`, which concerns the engine only."""
    kind = _TYPES.get(type(event))
    return None if kind is None else record(kind, wall_s, event.audio_s, **_details(event))


def record(kind: str, wall_s: float, audio_s: float, **details: Any) -> Record:
    """Any record, with its three common fields first. Used directly for `started`, `notice` and `error`."""
    return {"type": kind, "wall_s": _rounded(wall_s), "audio_s": _rounded(audio_s), **details}


def json_text(written: object, *, indent: int | None = None) -> str:
    """A record or a part of one as JSON that any encoding of Unicode can hold and any parser accepts.

    A byte of a file name that is not UTF-8 is a lone surrogate in Python (PEP 383). It becomes text such as `\\xff`, as
    on the terminal; any other half of a character becomes U+FFFD.
    """
    return _SURROGATES.sub(_replacement, json.dumps(written, ensure_ascii=False, indent=indent))


def _replacement(found: re.Match[str]) -> str:
    surrogates = found[0]
    if len(surrogates) == 2:
        return surrogates.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    byte = ord(surrogates) - 0xDC00
    return f"\\\\x{byte:02x}" if 0x80 <= byte <= 0xFF else "\ufffd"


def transcript_record(transcript: Transcript) -> Record:
    """The whole result as one JSON object."""
    return {
        "text": transcript.text,
        "language": transcript.language,
        "audio_s": _rounded(transcript.audio_s),
        "segments": [_segment_fields(segment) for segment in transcript.segments],
        "notices": [notice_fields(notice) for notice in transcript.notices],
    }


def notice_fields(notice: Notice) -> Record:
    """A notice as a JSON object."""
    return {"code": notice.code, "message": notice.message}


def _details(event: TranscriptEvent) -> Record:
    match event:
        case Delta(text) | Interim(text):
            return {"text": text}
        case SegmentEnded(segment):
            return _segment_fields(segment)
        case LanguageDetected(language) | LanguageDoubted(language):
            return {"language": language}
        case SpeechUntranscribed(start_s):
            return {"start_s": _rounded(start_s)}
        case Flushed(flush_id, text, segments):
            words = [_word_fields(word) for segment in segments for word in segment.words]
            return {"flush_id": flush_id, "text": text, "words": words}
        case _:
            return {}


def _segment_fields(segment: Segment) -> Record:
    return {
        "text": segment.text,
        "start_s": _rounded(segment.start_s),
        "end_s": _rounded(segment.end_s),
        "words": [_word_fields(word) for word in segment.words],
    }


def _word_fields(word: Word) -> Record:
    return {
        "text": word.text,
        "start_s": _rounded(word.start_s),
        "end_s": _rounded(word.end_s),
        "is_estimated": word.is_estimated,
    }


def _rounded(seconds: float) -> float:
    """Rounded to milliseconds, finer than any engine's times."""
    return round(seconds, 3)
