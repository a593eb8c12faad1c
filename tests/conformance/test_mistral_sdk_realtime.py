"""The Mistral SDK in realtime: the released packages of its three major versions in use."""

from __future__ import annotations

import pytest

from tests.support.conformance_clients import FIRST, SECOND, Lines, LiveServer, Report, drive, of

SESSION = ["RealtimeTranscriptionSessionCreated", "RealtimeTranscriptionSessionUpdated"]


@pytest.fixture(scope="module", params=["mistral1", "mistral2", "mistral3"])
def report(request: pytest.FixtureRequest, server: LiveServer) -> Report:
    return drive(request.param, "mistral_realtime", server)


def finals(lines: Lines) -> list[str]:
    return [line["text"] for line in of(lines, "TranscriptionStreamDone")]


def messages(lines: Lines) -> list[str]:
    errors = of(lines, "RealtimeTranscriptionError")
    assert all(isinstance(line["error"]["code"], int) for line in errors)
    return [line["error"]["message"] for line in errors]


def test_one_socket_serves_many_turns(report: Report) -> None:
    opened, *lines, last = report["turns"]
    assert opened["request_id"].startswith("ws-") and opened["model"] == "tones"
    assert [line["event"] for line in lines[:2]] == SESSION
    assert finals(lines) == [FIRST, SECOND, FIRST, ""]  # the last `done` is empty
    assert last == {"is_closed": True}


def test_the_sdk_knows_every_event(report: Report) -> None:
    for scenario in ("turns", "defaults", "stream_helper", "malformed", "telephone"):
        assert of(report[scenario], "UnknownRealtimeEvent") == []


def test_joined_deltas_are_the_text(report: Report) -> None:
    deltas = "".join(line["text"] for line in of(report["turns"], "TranscriptionStreamTextDelta"))
    assert deltas == f"{FIRST} {SECOND} {FIRST}"


def test_language_segments_and_usage_are_sent(report: Report) -> None:
    lines = report["turns"]
    assert [line["audio_language"] for line in of(lines, "TranscriptionStreamLanguage")] == ["en"]
    first, second, *_ = of(lines, "TranscriptionStreamSegmentDelta")
    assert (first["text"], first["start"], first["end"]) == (FIRST, 0.0, 1.76)
    assert (second["text"], second["start"]) == (SECOND, 1.76)
    done = of(lines, "TranscriptionStreamDone")[0]
    assert done["language"] == "en"
    assert done["usage"]["prompt_audio_seconds"] == 2
    assert [segment["text"] for segment in done["segments"]] == [FIRST]


def test_without_settings_audio_is_16_kHz_and_only_an_end_is_needed(report: Report) -> None:
    lines = report["defaults"]
    assert [line["event"] for line in lines[:2]] == [SESSION[0], "TranscriptionStreamLanguage"]
    assert lines[0]["session"]["audio_format"] == {"encoding": "pcm_s16le", "sample_rate": 16_000}
    assert finals(lines) == [FIRST]


def test_the_stream_helper_gets_all_text_in_the_first_done(report: Report) -> None:
    lines = report["stream_helper"]
    assert finals(lines) == [FIRST]
    assert lines[-1]["event"] == "TranscriptionStreamDone"


def test_a_second_flush_has_its_own_answer(report: Report) -> None:
    assert finals(report["flush_twice"]) == [FIRST, "", SECOND]


def test_an_empty_flush_has_an_empty_answer(report: Report) -> None:
    assert finals(report["empty_flush"]) == ["", SECOND]


def test_end_is_idempotent(report: Report) -> None:
    assert finals(report["end_twice"]) == [""]


def test_a_supported_delay_is_accepted(report: Report) -> None:
    lines = report["delay_accepted"]
    assert {"delay_ms": 480} in lines
    assert (messages(lines), finals(lines)) == ([], [FIRST])


def test_an_unsupported_delay_is_refused_and_the_session_continues(report: Report) -> None:
    lines = report["delay_refused"]
    assert messages(lines) == [
        "target_streaming_delay_ms: tones has no delay of 481 ms; it has 80, 240, 480, 960, 2400"
    ]
    assert finals(lines) == [FIRST]


def test_telephone_audio_is_transcribed_completely(report: Report) -> None:
    lines = report["telephone"]
    assert {"format": {"encoding": "pcm_mulaw", "sample_rate": 8_000}} in lines
    assert finals(lines) == [FIRST]


def test_late_settings_are_refused_and_the_session_continues(report: Report) -> None:
    lines = report["late_settings"]
    assert messages(lines) == ["Session fields cannot be changed after audio has started."]
    assert finals(lines) == [FIRST]


def test_too_much_audio_in_one_message_is_refused_and_the_session_continues(report: Report) -> None:
    lines = report["oversize_append"]
    assert messages(lines) == ["audio of one message must be at most 262144 bytes; send it in smaller pieces"]
    assert finals(lines) == [FIRST]


def test_malformed_messages_are_errors_that_the_sdk_parses(report: Report) -> None:
    lines = report["malformed"]
    errors = messages(lines)
    assert len(errors) == 4
    assert "JSON" in errors[0] and "base64" in errors[1] and "type" in errors[2] and "JSON object" in errors[3]
    assert finals(lines) == [FIRST]


def test_a_wrong_key_is_refused_before_the_session(report: Report) -> None:
    (line,) = report["bad_key"]
    assert line["raised"] == "RealtimeTranscriptionException"
    assert "HTTP 401" in line["message"]
