from __future__ import annotations

import json
from typing import Any

from tests.support.http_cases import LONDON, MODEL, TOWER, TRANSCRIPT, request
from voxtide.protocols.http.errors import Problem
from voxtide.protocols.http.form import Form
from voxtide.protocols.http.sse import TranscriptionEvents
from voxtide.transcript.events import Delta, Finished, Interim, LanguageDetected, SegmentEnded, TranscriptEvent

EVENTS: list[TranscriptEvent] = [
    LanguageDetected("en", 1.0),
    Delta(" The White Tower.", 2.0),
    SegmentEnded(TOWER, 2.0),
    Interim("Lond", 3.2),
    Delta(" London.", 3.6),
    SegmentEnded(LONDON, 3.6),
    Finished(4.2),
]
PROBLEM = Problem(status=503, code="engine_failed", message="the engine died")


def streamed(form: Form, **requested: Any) -> str:
    events = TranscriptionEvents(request(form, is_streamed=True, **requested), MODEL)
    return "".join(map(events.on_event, EVENTS)) + events.finish(TRANSCRIPT)


def lines_of(text: str) -> list[list[str]]:
    assert text.endswith("\n\n")
    return [block.split("\n") for block in text.removesuffix("\n\n").split("\n\n")]


def data_of(block: list[str]) -> Any:
    return json.loads(block[-1].removeprefix("data: "))


def test_openais_events_are_data_alone_and_end_with_done() -> None:  # rule 20
    *blocks, last = lines_of(streamed(Form.OPENAI))
    assert last == ["data: [DONE]"]
    assert [data_of(block) for block in blocks] == [
        {"type": "transcript.text.delta", "delta": "The White Tower."},
        {"type": "transcript.text.delta", "delta": " London."},
        {"type": "transcript.text.done", "text": "The White Tower. London."},
    ]
    assert all(len(block) == 1 for block in blocks)


def test_mistrals_events_are_all_named_and_have_no_done() -> None:  # rule 20
    blocks = lines_of(streamed(Form.MISTRAL, granularities=frozenset({"segment"})))
    assert [block[0] for block in blocks] == [
        "event: transcription.language",
        "event: transcription.text.delta",
        "event: transcription.segment",
        "event: transcription.text.delta",
        "event: transcription.segment",
        "event: transcription.done",
    ]
    assert all(data_of(block)["type"] == block[0].removeprefix("event: ") for block in blocks)
    assert {"text": "London.", "start": 3.0, "end": 3.5}.items() <= data_of(blocks[4]).items()
    assert data_of(blocks[-1])["usage"]["prompt_audio_seconds"] == 5
    assert "[DONE]" not in "".join(map(str, blocks))


def test_deltas_joined_are_the_text() -> None:
    for form, key in ((Form.OPENAI, "delta"), (Form.MISTRAL, "text")):
        deltas = [data_of(block) for block in lines_of(streamed(form)) if "delta" in str(block)]
        assert "".join(delta[key] for delta in deltas) == TRANSCRIPT.text


def test_mistrals_segments_are_sent_only_if_requested() -> None:
    assert "transcription.segment" not in streamed(Form.MISTRAL)
    assert streamed(Form.MISTRAL, granularities=frozenset({"word"})).count("event: transcription.segment") == 4


def test_a_failure_is_an_event_that_each_sdk_parses() -> None:
    (openai,) = lines_of(TranscriptionEvents(request(), MODEL).fail(PROBLEM))
    assert data_of(openai)["error"]["message"] == "the engine died"
    (mistral,) = lines_of(TranscriptionEvents(request(Form.MISTRAL), MODEL).fail(PROBLEM))
    assert mistral[0] == "event: error"
    assert data_of(mistral) == {"type": "error", "error": {"message": "the engine died", "code": 503}}
