"""The client side of the Mistral dialect, message by message."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from voxtide.audio.encodings import Encoding
from voxtide.audio.pcm import PcmFormat
from voxtide.client.dialects.base import (
    MAX_APPEND_BYTES,
    DialectOptions,
    Done,
    InterimText,
    Language,
    Ready,
    SegmentText,
    ServerFailure,
    ServerMessage,
    Speech,
    Text,
    Updated,
)
from voxtide.client.dialects.mistral import MistralDialect
from voxtide.errors import ConfigError, UnsupportedOptionError
from voxtide.types import StreamOptions

DIALECT = MistralDialect(DialectOptions())


def parse(**message: Any) -> ServerMessage | None:
    return DIALECT.parse(json.dumps(message))


def test_audio_is_sent_as_base64() -> None:
    payload = bytes(range(256)) * (MAX_APPEND_BYTES // 256)
    message = json.loads(DIALECT.append(payload))
    assert message.pop("type") == "input_audio.append"
    assert base64.b64decode(message.pop("audio"), validate=True) == payload
    assert message == {}  # hosted servers reject unknown fields
    assert MAX_APPEND_BYTES <= 262_144


def test_flush_and_end_have_no_fields() -> None:
    assert json.loads(DIALECT.flush()) == {"type": "input_audio.flush"}
    assert json.loads(DIALECT.end()) == {"type": "input_audio.end"}
    assert DIALECT.begin() == []


def test_without_options_nothing_is_configured() -> None:
    for ready in (Ready(), Ready("m", has_interim=False)):
        assert DIALECT.configure(ready) == []
        assert not DIALECT.is_confirmed(ready)
    assert DIALECT.query() == {}


def test_extensions_are_requested_only_where_announced() -> None:
    voxtide = Ready("m", has_interim=True, has_speech_events=True)
    assert json.loads(*DIALECT.configure(voxtide)) == {
        "type": "session.update",
        "session": {"speech": True, "interim": True},
    }
    quiet = MistralDialect(DialectOptions(options=StreamOptions(interim=False)))
    assert json.loads(*quiet.configure(voxtide))["session"] == {"speech": True}
    assert quiet.is_confirmed(voxtide)


def test_options_become_fields() -> None:
    requested = DialectOptions(
        model="m",
        pcm=PcmFormat(Encoding.PCM_ALAW, 8000),
        options=StreamOptions(language="fr", delay_ms=480, vocabulary=("a", "b")),
    )
    dialect = MistralDialect(requested)
    assert dialect.query() == {"model": "m"}
    assert json.loads(*dialect.configure(Ready()))["session"] == {
        "audio_format": {"encoding": "pcm_alaw", "sample_rate": 8000},
        "target_streaming_delay_ms": 480,
        "language": "fr",
        "context_bias": ["a", "b"],
    }


def test_unsupported_options_are_refused() -> None:
    for delay_ms in (79, 2401):
        with pytest.raises(UnsupportedOptionError, match=f"no delay of {delay_ms} ms"):
            MistralDialect(DialectOptions(options=StreamOptions(delay_ms=delay_ms)))
    with pytest.raises(UnsupportedOptionError, match="cannot translate"):
        MistralDialect(DialectOptions(options=StreamOptions(task="translate")))
    for pcm in (PcmFormat(channels=2), PcmFormat(sample_rate_hz=7999), PcmFormat(sample_rate_hz=96_001)):
        with pytest.raises(ConfigError, match="one channel"):
            MistralDialect(DialectOptions(pcm=pcm))


def test_parsed_messages() -> None:
    session = {"request_id": "ws-1", "model": "m", "audio_format": {"encoding": "pcm_s16le", "sample_rate": 16000}}
    assert parse(type="session.created", session=session) == Ready("m")
    extended = session | {"interim": False, "speech": False}
    assert parse(type="session.created", session=extended) == Ready("m", has_interim=True, has_speech_events=True)
    assert parse(type="session.updated", session=session) == Updated()
    assert parse(type="transcription.text.delta", text=" a") == Text(" a")
    assert parse(type="transcription.text.interim", text="b") == InterimText("b")
    assert parse(type="transcription.language", audio_language="en") == Language("en")
    assert parse(type="transcription.segment", text="a", start=1, end=2.5, speaker_id=None) == SegmentText(
        "a", 1.0, 2.5
    )
    assert parse(type="speech.start", time_s=0.5) == Speech(True, 0.5)
    assert parse(type="speech.stop", time_s=0.75) == Speech(False, 0.75)


def test_done() -> None:
    segments = [{"type": "transcription_segment", "text": "a", "start": 0.5, "end": 1}, {"text": "b", "start": None}]
    done = parse(type="transcription.done", model="m", text="a b", language=None, segments=segments, usage={"x": 1})
    assert done == Done("a b", (SegmentText("a", 0.5, 1.0),), {"x": 1})
    assert parse(type="transcription.done", text="a") == Done("a")
    assert parse(type="transcription.done", text=None, segments="none", usage=3) == Done("")


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ({"message": "busy", "code": 3804}, ServerFailure("busy (code 3804)", is_permanent=False)),
        ({"message": "no such model", "code": 400}, ServerFailure("no such model (code 400)", is_permanent=True)),
        ({"message": "no such model", "code": "401"}, ServerFailure("no such model (code 401)", is_permanent=True)),
        ({"message": "slow down", "code": 429}, ServerFailure("slow down (code 429)", is_permanent=False)),
        ({"message": "internal", "code": 500}, ServerFailure("internal (code 500)", is_permanent=False)),
        ({"message": {"detail": "no"}, "code": "?"}, ServerFailure("no (code ?)", is_permanent=False)),
        ({"code": "4" * 5000}, ServerFailure(f"no reason given (code {'4' * 5000})", is_permanent=False)),
        ({}, ServerFailure("no reason given", is_permanent=False)),
        ("plain", ServerFailure("the server reports an error without a message", is_permanent=False)),
    ],
)
def test_errors(error: object, failure: ServerFailure) -> None:
    assert parse(type="error", error=error) == failure


def test_unknown_and_invalid_messages_are_ignored() -> None:
    assert parse(type="turn.end", time_s=1.0, end_reason="threshold") is None
    assert parse(type="something.new") is None
    assert parse(nothing=1) is None
    assert parse(type="transcription.segment", text="a", start=None, end=None) is None
    for frame in ("", "[]", "null", "{", b"\xff", "[" * 100_000):
        assert DIALECT.parse(frame) is None


FIELDS = ["session", "text", "audio_language", "start", "end", "segments", "usage", "time_s", "error"]
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), values, max_size=2),
    max_leaves=4,
)
KINDS = [
    "session.created",
    "session.updated",
    "transcription.text.delta",
    "transcription.text.interim",
    "transcription.segment",
    "transcription.language",
    "transcription.done",
    "speech.start",
    "error",
]


@settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_no_message_raises(kind: str, fields: dict[str, object]) -> None:
    parse(type=kind, **fields)


@settings(deadline=None, derandomize=True)
@given(st.binary() | st.text())
def test_no_frame_raises(frame: str | bytes) -> None:
    DIALECT.parse(frame)
