"""The Mistral SDK with files, models and client secrets: its three major versions in use."""

from __future__ import annotations

import json

import pytest

from tests.support.conformance_clients import FIRST, Lines, LiveServer, Report, drive


@pytest.fixture(scope="module", params=["mistral1", "mistral2", "mistral3"])
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def report(client: str, server: LiveServer) -> Report:
    return drive(client, "mistral_files", server)


def refusals(lines: Lines) -> list[tuple[int, str, str]]:
    bodies = [json.loads(line["body"]) for line in lines]
    assert [line["raised"] for line in lines] == ["SDKError"] * len(lines)
    return [(line["status"], body["code"], body["message"]) for line, body in zip(lines, bodies, strict=True)]


def test_a_file_is_transcribed(report: Report) -> None:
    (answer,) = report["file"]
    assert answer["answer"] == "TranscriptionResponse"
    assert (answer["model"], answer["text"], answer["language"]) == ("tones", FIRST, "en")
    assert answer["usage"]["prompt_audio_seconds"] == 2


def test_options_take_effect_and_segments_have_times(report: Report) -> None:
    (answer,) = report["options"]
    assert (answer["text"], answer["language"]) == ("Who BUILT the WHITE", "de")
    (segment,) = answer["segments"]
    assert (segment["text"], segment["start"], segment["end"]) == (answer["text"], 0.0, 1.76)


def test_a_streamed_answer_ends_with_the_whole_text(report: Report) -> None:
    lines = report["streamed"]
    assert "".join(line["text"] for line in lines if line["event"] == "transcription.text.delta") == FIRST
    assert lines[0]["audio_language"] == "en"
    assert (lines[-1]["event"], lines[-1]["text"]) == ("transcription.done", FIRST)


def test_invalid_requests_are_refused_with_a_code(report: Report) -> None:
    refused = refusals(report["wrong_requests"])
    assert {status for status, _, _ in refused} == {400}
    codes = ["not_audio", "not_audio", "unsupported_language", "unsupported_option", "unsupported_option"]
    assert [code for _, code, _ in refused] == [*codes, "file_url_refused"]


def test_a_stream_that_cannot_start_is_an_error(report: Report) -> None:
    assert [(status, code) for status, code, _ in refusals(report["wrong_stream"])] == [(400, "not_audio")]


def test_a_wrong_key_is_refused(report: Report) -> None:
    assert [(status, code) for status, code, _ in refusals(report["bad_key"])] == [(401, "invalid_api_key")] * 2


def test_the_model_is_listed(report: Report) -> None:
    (model,) = report["models"]
    assert (model["answer"], model["id"]) == ("BaseModelCard", "tones")
    assert model["capabilities"]["audio_transcription"]


def test_a_client_secret_opens_a_session(client: str, report: Report) -> None:
    lines = report["client_secret"]
    if client == "mistral1":  # 1.x has no call for it
        assert lines == []
    else:
        assert lines == [{"object": "client.session", "prefix": "rt_"}, {"model": "tones"}]
