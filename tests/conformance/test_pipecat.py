"""pipecat's MistralSTTService and OpenAIRealtimeSTTService, each in a pipeline."""

from __future__ import annotations

import pytest

from tests.support.conformance_clients import FIRST, SECOND, Lines, LiveServer, Report, drive


@pytest.fixture(scope="module")
def report(server: LiveServer) -> Report:
    return drive("pipecat", "pipecat_stt", server)


def texts(lines: Lines, frame: str) -> list[str]:
    return [line["text"] for line in lines if line["frame"] == frame]


def finals(lines: Lines) -> list[str]:
    return texts(lines, "TranscriptionFrame")


def errors(lines: Lines) -> list[str]:
    return texts(lines, "ErrorFrame")


@pytest.mark.parametrize("scenario", ["mistral_turns", "mistral_delay", "openai_turns", "openai_delay"])
def test_each_turn_of_a_call_has_its_text(report: Report, scenario: str) -> None:
    lines = report[scenario]
    assert finals(lines) == [FIRST, SECOND, FIRST]
    assert errors(lines) == []


def test_interim_text_grows_during_a_turn(report: Report) -> None:
    interims = texts(report["mistral_turns"], "InterimTranscriptionFrame")
    assert interims[:4] == ["Who", "Who built", "Who built the", FIRST]
    assert "".join(texts(report["openai_turns"], "InterimTranscriptionFrame")[:4]) == FIRST


def test_a_refused_delay_is_reported_and_the_call_continues(report: Report) -> None:
    lines = report["mistral_delay_refused"]
    assert errors(lines) == [
        "Mistral STT error: target_streaming_delay_ms: tones has no delay of 481 ms; it has 80, 240, 480, 960, 2400"
    ]
    assert finals(lines) == [FIRST, SECOND, FIRST]


@pytest.mark.parametrize("scenario", ["mistral_silent_turn", "openai_silent_turn"])
def test_silent_turns_break_nothing(report: Report, scenario: str) -> None:
    lines = report[scenario]
    assert (finals(lines), errors(lines)) == ([SECOND, FIRST], [])


@pytest.mark.parametrize("scenario", ["mistral_bad_key", "openai_bad_key"])
def test_a_wrong_key_is_reported(report: Report, scenario: str) -> None:
    error, *_ = errors(report[scenario])
    assert error.startswith("Error connecting to") and "HTTP 401" in error
