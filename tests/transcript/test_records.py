import json

import pytest

from voxtide.transcript.events import (
    BlankLoopDetected,
    Delta,
    Finished,
    Flushed,
    Interim,
    LanguageDetected,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    TranscriptEvent,
)
from voxtide.transcript.records import event_record, json_text, record
from voxtide.types import Segment, Word

SEGMENT = Segment("No matter.", 1.0, 2.0, (Word("No", 1.0, 1.25), Word("matter.", 1.25, 2.0)))
WORDS = [
    {"text": "No", "start_s": 1.0, "end_s": 1.25, "is_estimated": False},
    {"text": "matter.", "start_s": 1.25, "end_s": 2.0, "is_estimated": False},
]
FLUSHED = Flushed(7, "No matter.", (SEGMENT,), 1.3)
SEGMENT_FIELDS = {"text": "No matter.", "start_s": 1.0, "end_s": 2.0, "words": WORDS}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (Delta("No ", 1.3), {"type": "delta", "text": "No "}),
        (Interim("matter", 1.3), {"type": "interim", "text": "matter"}),
        (SpeechStarted(1.3), {"type": "speech_started"}),
        (SpeechStopped(1.3), {"type": "speech_stopped"}),
        (SegmentEnded(SEGMENT, 1.3), {"type": "segment", **SEGMENT_FIELDS}),
        (LanguageDetected("en", 1.3), {"type": "language", "language": "en"}),
        (FLUSHED, {"type": "flushed", "flush_id": 7, "text": "No matter.", "words": WORDS}),
        (Finished(1.3), {"type": "finished"}),
    ],
)
def test_each_event_has_its_record(event: TranscriptEvent, expected: dict[str, object]) -> None:
    fields = event_record(event, wall_s=2.00049)
    assert fields == {**expected, "wall_s": 2.0, "audio_s": 1.3}
    assert list(fields)[:3] == ["type", "wall_s", "audio_s"]
    json.dumps(fields)


def test_engine_events_have_no_record() -> None:
    assert event_record(BlankLoopDetected(1.3), wall_s=2.0) is None


def test_records_without_an_event_have_the_same_fields() -> None:
    fields = record("error", 1.2346, 3.0, code="corrupt_audio", message="it breaks off")
    assert fields == {
        "type": "error",
        "wall_s": 1.235,
        "audio_s": 3.0,
        "code": "corrupt_audio",
        "message": "it breaks off",
    }


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("bad\udc80\udcff.wav", r"bad\x80\xff.wav"),
        ("half \ud83d or \udf00", "half \ufffd or \ufffd"),
        ("both \ud83d\ude00", "both \U0001f600"),
        ("all \U0001f600 \ufffd \x1b\n", "all \U0001f600 \ufffd \x1b\n"),
    ],
)
def test_no_lone_surrogate_is_in_json(written: str, read: str) -> None:
    text = json_text({"text": written})
    assert json.loads(text.encode("utf-8")) == {"text": read}
    assert "\\ud" not in text
