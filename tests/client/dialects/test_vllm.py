"""The client side of the vLLM dialect, message by message."""

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

DIALECT = VllmDialect(DialectOptions(model="m"))


def parse(**message: Any) -> ServerMessage | None:
    return DIALECT.parse(json.dumps(message))


def test_sent_messages() -> None:
    assert json.loads(*DIALECT.configure(Ready())) == {"type": "session.update", "model": "m"}
    assert not DIALECT.is_confirmed(Ready())
    assert json.loads(*DIALECT.begin()) == {"type": "input_audio_buffer.commit", "final": False}
    assert json.loads(DIALECT.flush()) == {"type": "input_audio_buffer.commit", "final": True}
    assert DIALECT.end() == DIALECT.flush()
    message = json.loads(DIALECT.append(b"\0\1"))
    assert message == {"type": "input_audio_buffer.append", "audio": base64.b64encode(b"\0\1").decode()}
    assert DIALECT.query() == {}


def test_parsed_messages() -> None:
    assert parse(type="session.created", id="sess-1", created=1) == Ready("m")
    assert parse(type="transcription.delta", delta=" a") == Text(" a")
    assert parse(type="transcription.delta", delta="") == Text("")
    assert parse(type="transcription.done", text="a", usage={"total_tokens": 2}) == Done("a", usage={"total_tokens": 2})
    assert parse(type="transcription.done", text="a", usage=None) == Done("a")
    assert parse(type="else") is None


def test_errors() -> None:
    passing = parse(type="error", error="CUDA error", code="processing_error")
    assert passing == ServerFailure("CUDA error (processing_error)", is_permanent=False, ends_utterance=True)
    final = parse(type="error", error="no such model", code="model_not_found")
    assert final == ServerFailure("no such model (model_not_found)", is_permanent=True, ends_utterance=True)
    assert parse(type="error", error=None, code=None) == ServerFailure(
        "the server reports an error without a message", is_permanent=False, ends_utterance=True
    )


def test_unsupported_options_are_refused() -> None:
    with pytest.raises(ConfigError, match="needs a model name"):
        VllmDialect(DialectOptions())
    with pytest.raises(ConfigError, match="16000 Hz"):
        VllmDialect(DialectOptions(model="m", pcm=PcmFormat(sample_rate_hz=8000)))
    for options in (
        StreamOptions(language="en"),
        StreamOptions(delay_ms=480),
        StreamOptions(vocabulary=("a",)),
        StreamOptions(task="translate"),
    ):
        with pytest.raises(UnsupportedOptionError, match="does not support"):
            VllmDialect(DialectOptions(model="m", options=options))


@settings(deadline=None, derandomize=True)
@given(st.binary() | st.text())
def test_no_frame_raises(frame: str | bytes) -> None:
    DIALECT.parse(frame)
