"""The vLLM dialect as a client speaks it, message by message."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxtide.audio.pcm import PcmFormat
from voxtide.client.dialects.base import DialectOptions, Done, Ready, ServerFailure, ServerMessage, Text
from voxtide.client.dialects.vllm import VllmDialect
from voxtide.errors import ConfigError, UnsupportedOptionError
from voxtide.types import StreamOptions

WORDING = VllmDialect(DialectOptions(model="m"))


def read(**message: Any) -> ServerMessage | None:
    return WORDING.read(json.dumps(message))


def test_what_is_said() -> None:
    assert json.loads(*WORDING.configure(Ready())) == {"type": "session.update", "model": "m"}
    assert not WORDING.is_confirmed(Ready())
    assert json.loads(*WORDING.begin()) == {"type": "input_audio_buffer.commit", "final": False}
    assert json.loads(WORDING.flush()) == {"type": "input_audio_buffer.commit", "final": True}
    assert WORDING.end() == WORDING.flush()
    message = json.loads(WORDING.append(b"\0\1"))
    assert message == {"type": "input_audio_buffer.append", "audio": base64.b64encode(b"\0\1").decode()}
    assert WORDING.query() == {}


def test_what_is_heard() -> None:
    assert read(type="session.created", id="sess-1", created=1) == Ready("m")
    assert read(type="transcription.delta", delta=" a") == Text(" a")
    assert read(type="transcription.delta", delta="") == Text("")
    assert read(type="transcription.done", text="a", usage={"total_tokens": 2}) == Done("a", usage={"total_tokens": 2})
    assert read(type="transcription.done", text="a", usage=None) == Done("a")
    assert read(type="else") is None


def test_errors() -> None:
    passing = read(type="error", error="CUDA error", code="processing_error")
    assert passing == ServerFailure("CUDA error (processing_error)", is_final=False, ends_utterance=True)
    final = read(type="error", error="no such model", code="model_not_found")
    assert final == ServerFailure("no such model (model_not_found)", is_final=True, ends_utterance=True)
    assert read(type="error", error=None, code=None) == ServerFailure(
        "the server reports an error without saying which", is_final=False, ends_utterance=True
    )


def test_what_the_dialect_has_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="wants the model named"):
        VllmDialect(DialectOptions())
    with pytest.raises(ConfigError, match="16000 Hz"):
        VllmDialect(DialectOptions(model="m", pcm=PcmFormat(sample_rate_hz=8000)))
    for options in (StreamOptions(language="en"), StreamOptions(delay_ms=480), StreamOptions(vocabulary=("a",))):
        with pytest.raises(UnsupportedOptionError, match="cannot be had"):
            VllmDialect(DialectOptions(model="m", options=options))


@settings(deadline=None, derandomize=True)
@given(st.binary() | st.text())
def test_no_frame_is_ever_an_error(frame: str | bytes) -> None:
    WORDING.read(frame)
