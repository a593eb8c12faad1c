from __future__ import annotations

from dataclasses import replace

import pytest

from voxtide.errors import CapacityError, ConnectionFailedError, CorruptAudioError, EngineFailedError, ModelCorruptError
from voxtide.protocols.http.errors import problem_of
from voxtide.protocols.http.form import Form
from voxtide.protocols.messages import RequestRefusedError


def test_openais_shape() -> None:
    problem = problem_of(RequestRefusedError("language must be a code", param="language"))
    assert problem.status_in(Form.OPENAI) == 400
    assert problem.body_in(Form.OPENAI) == {
        "error": {
            "message": "language must be a code",
            "type": "invalid_request_error",
            "param": "language",
            "code": "invalid_value",
        }
    }


def test_mistrals_shape_of_a_malformed_field() -> None:
    problem = problem_of(RequestRefusedError("language must be a code", param="language"))
    assert problem.status_in(Form.MISTRAL) == 422
    assert problem.body_in(Form.MISTRAL) == {
        "detail": [{"type": "value_error", "loc": ["body", "language"], "msg": "language must be a code"}]
    }


def test_mistrals_shape_of_everything_else() -> None:
    problem = problem_of(RequestRefusedError("no speakers", code="unsupported_option", param="diarize"))
    assert problem.status_in(Form.MISTRAL) == 400
    assert problem.body_in(Form.MISTRAL) == {
        "object": "error",
        "message": "no speakers",
        "type": "invalid_request_error",
        "param": "diarize",
        "code": "unsupported_option",
    }


def test_the_text_before_the_failure_is_a_field() -> None:
    problem = replace(problem_of(CorruptAudioError("it breaks off")), text="The White")
    assert problem.body_in(Form.OPENAI)["error"]["text"] == "The White"
    assert problem.body_in(Form.MISTRAL)["text"] == "The White"


@pytest.mark.parametrize(
    ("error", "status", "code", "kind"),
    [
        (CorruptAudioError("it breaks off"), 400, "corrupt_audio", "invalid_request_error"),
        (CapacityError("full"), 503, "capacity", "server_error"),
        (ConnectionFailedError("http://gpu"), 502, "connection_failed", "server_error"),
        (EngineFailedError("/opt/gpu/x.onnx: bad node 7"), 503, "engine_failed", "server_error"),
        (ModelCorruptError("bad"), 500, "model_corrupt", "server_error"),
    ],
)
def test_voxtide_errors(error: Exception, status: int, code: str, kind: str) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.code) == (status, code)
    assert "gpu" not in problem.message
    assert problem.body_in(Form.OPENAI)["error"]["type"] == kind


def test_an_unexpected_exception_gives_no_details() -> None:
    problem = problem_of(KeyError("/home/ann/secret"))
    assert (problem.status, problem.message) == (500, "internal error")
