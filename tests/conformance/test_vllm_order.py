"""The message order of vLLM's examples."""

from __future__ import annotations

import pytest

from tests.support.conformance_clients import FIRST, SECOND, Lines, LiveServer, Report, drive, of


@pytest.fixture(scope="module")
def report(server: LiveServer) -> Report:
    return drive("openai", "vllm_realtime", server)


def finals(lines: Lines) -> list[str]:
    return [line["text"] for line in of(lines, "transcription.done")]


def test_one_socket_serves_many_generations(report: Report) -> None:
    lines = report["turns"]
    assert isinstance(lines[0]["id"], str) and isinstance(lines[0]["created"], int)
    assert {line["type"] for line in lines[1:]} == {"transcription.delta", "transcription.done"}
    assert finals(lines) == [FIRST, SECOND, FIRST]
    assert "".join(line["delta"] for line in of(lines, "transcription.delta")) == FIRST + SECOND + FIRST


def test_deltas_arrive_while_audio_is_sent(report: Report) -> None:
    lines = report["microphone"]
    assert of(lines, "transcription.delta")[0]["delta"] == FIRST.split()[0]
    assert finals(lines) == []


def test_each_final_commit_is_answered(report: Report) -> None:
    assert finals(report["final_twice"]) == [FIRST, ""]


def test_an_error_is_a_string_and_does_not_close(report: Report) -> None:
    lines = report["malformed"]
    errors = of(lines, "error")
    assert [line["code"] for line in errors] == ["invalid_audio", "invalid_audio", "unknown_event", "invalid_event"]
    assert all(isinstance(line["error"], str) for line in errors)
    assert finals(lines) == [SECOND]


def test_a_wrong_key_is_refused(report: Report) -> None:
    assert report["bad_key"] == [{"status": 401}]
