"""LiveKit's mistralai and openai plugins, with LiveKit's own VAD."""

from __future__ import annotations

import pytest

from tests.support.conformance_clients import FIRST, SECOND, Lines, LiveServer, Report, drive, of


@pytest.fixture(scope="module")
def report(server: LiveServer) -> Report:
    return drive("livekit", "livekit_stt", server)


def finals(lines: Lines) -> list[str]:
    return [line["text"] for line in of(lines, "final_transcript")]


def test_each_flush_has_a_final_transcript(report: Report) -> None:
    """At the end of its input the plugin flushes and ends: two more answers, both empty."""
    lines = report["mistral_turns"]
    assert finals(lines) == [FIRST, SECOND, FIRST, "", ""]
    assert {line["language"] for line in of(lines, "final_transcript")} == {"en"}


def test_one_plugin_opens_one_stream_after_another(report: Report) -> None:
    assert finals(report["mistral_streams"]) == [FIRST, SECOND]


def test_two_flushes_in_a_row_and_an_end_after_speech_are_answered(report: Report) -> None:
    assert finals(report["mistral_flush_twice"]) == [FIRST, "", SECOND, ""]


def test_the_openai_plugin_continues_after_empty_and_repeated_commits(report: Report) -> None:
    """It reports no final transcript for an empty commit, only its usage."""
    lines = [line for line in report["openai_flush_twice"] if line["event"] != "interim_transcript"]
    usage = ("recognition_usage", None)
    finals = [("final_transcript", text) for text in (FIRST, SECOND)]
    assert [(line["event"], line["text"]) for line in lines] == [usage, finals[0], usage, usage, finals[1], usage]


def test_segments_and_usage_arrive(report: Report) -> None:
    lines = report["mistral_turns"]
    assert of(lines, "final_transcript")[0]["words"] == [FIRST]
    assert [line["audio_s"] for line in of(lines, "recognition_usage")] == [2, 1, 1, 0, 0]


def test_interim_text_grows_during_a_turn(report: Report) -> None:
    interims = [line["text"] for line in of(report["mistral_turns"], "interim_transcript")]
    assert interims[:4] == ["Who", "Who built", "Who built the", FIRST]


def test_a_supported_delay_is_accepted(report: Report) -> None:
    assert finals(report["mistral_delay"]) == [FIRST]


def test_an_unsupported_delay_is_an_error_without_retry(report: Report) -> None:
    (line,) = report["mistral_delay_refused"]
    assert (line["raised"], line["status"]) == ("APIStatusError", 400)
    assert "retryable=False" in line["message"] and "481" in line["message"]


def test_files_are_transcribed(report: Report) -> None:
    (answer,) = report["mistral_file"]
    assert (answer["text"], answer["words"], answer["language"]) == (FIRST, [FIRST], "en")
    assert finals(report["openai_file"]) == [FIRST, FIRST]


@pytest.mark.parametrize("scenario", ["mistral_bad_key", "openai_bad_key"])
def test_a_wrong_key_is_reported_as_such(report: Report, scenario: str) -> None:
    (line,) = report[scenario]
    assert "401" in line["message"]
