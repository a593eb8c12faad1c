"""The released openai SDK in realtime: transcription sessions."""

from __future__ import annotations

import pytest

from tests.support.conformance_clients import FIRST, SECOND, Lines, LiveServer, Report, drive, of

DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"


@pytest.fixture(scope="module")
def report(server: LiveServer) -> Report:
    return drive("openai", "openai_realtime", server)


def finals(lines: Lines) -> list[str]:
    return [line["transcript"] for line in of(lines, COMPLETED)]


def test_one_socket_serves_many_items(report: Report) -> None:
    lines = report["turns"]
    assert finals(lines) == [FIRST, SECOND, FIRST]
    committed = of(lines, "input_audio_buffer.committed")
    ids = [line["item_id"] for line in committed]
    assert len(set(ids)) == 3
    assert [line.get("previous_item_id") for line in committed] == [None, *ids[:2]]
    assert [line["item_id"] for line in of(lines, COMPLETED)] == ids
    for item_id, text in zip(ids, finals(lines), strict=True):
        assert "".join(line["delta"] for line in of(lines, DELTA) if line["item_id"] == item_id) == text


def test_an_item_is_committed_and_added_before_it_completes(report: Report) -> None:
    kinds = [line["type"] for line in report["turns"] if line["type"] != DELTA]
    each = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done", COMPLETED]
    assert kinds == ["session.created", "session.updated", *each, *each, *each]


def test_every_event_has_a_unique_id(report: Report) -> None:
    ids = [line["event_id"] for line in report["turns"]]
    assert len(set(ids)) == len(ids)


def test_the_returned_session_is_the_one_in_effect(report: Report) -> None:
    created, updated = (line["session"]["audio"]["input"] for line in report["turns"][:2])
    assert created["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert created["turn_detection"]["type"] == "server_vad"
    assert "turn_detection" not in updated
    assert updated["transcription"] == {"model": "tones", "language": "en"}


def test_usage_is_in_seconds(report: Report) -> None:
    assert [line["usage"] for line in of(report["turns"], COMPLETED)] == [
        {"type": "duration", "seconds": seconds} for seconds in (1.76, 0.4, 1.76)
    ]


def test_a_client_need_not_wait_for_answers(report: Report) -> None:
    assert finals(report["nothing_awaited"]) == [FIRST, SECOND]


def test_an_empty_commit_is_not_an_error(report: Report) -> None:
    lines = report["empty_commit"]
    assert finals(lines) == ["", SECOND, ""]
    assert of(lines, "error") == []


def test_cleared_audio_is_in_no_item(report: Report) -> None:
    assert finals(report["cleared"]) == [SECOND]


def test_telephone_audio_is_transcribed_completely(report: Report) -> None:
    assert finals(report["telephone"]) == [FIRST]


def test_a_delay_is_accepted_or_refused_by_name(report: Report) -> None:
    lines = report["delays"]
    (error,) = of(lines, "error")
    assert error["error"]["param"] == "session.audio.input.transcription.delay"
    delays = [line["session"]["audio"]["input"]["transcription"]["delay"] for line in of(lines, "session.updated")]
    assert delays == ["minimal", "minimal"]


def test_malformed_messages_are_errors_and_the_session_continues(report: Report) -> None:
    lines = report["malformed"]
    errors = [line["error"] for line in of(lines, "error")]
    assert [error["code"] for error in errors] == ["invalid_audio", "unknown_event", "invalid_value"]
    assert errors[0]["event_id"] == "bad-audio"
    assert finals(lines) == [SECOND]


def test_an_oversize_message_has_an_error_and_a_close_code(report: Report) -> None:
    *_, error, closed = report["oversize_message"]
    assert error["error"]["code"] == "message_too_big"
    assert closed["raised"] == "ConnectionClosedError" and "1009" in closed["message"]


def test_a_wrong_key_is_refused_before_the_session(report: Report) -> None:
    (line,) = report["bad_key"]
    assert line["raised"] == "InvalidStatus" and "HTTP 401" in line["message"]


def test_a_client_secret_opens_a_session(report: Report) -> None:
    secret, created = report["client_secret"]
    assert secret == {"prefix": "ek_", "object": "realtime.transcription_session", "kind": "transcription"}
    assert created["type"] == "session.created"
