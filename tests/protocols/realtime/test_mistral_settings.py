"""Settings of a Mistral client, and the session object returned to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.dialect_session import ABLE, b64, mistral
from voxtide.audio.encodings import Encoding
from voxtide.audio.pcm import PcmFormat
from voxtide.protocols.realtime.dialect import Close
from voxtide.protocols.realtime.turns import TurnConfig
from voxtide.types import EngineInfo

AUDIO = b64(b"\0\1" * 640)


def test_session_created_is_sent_at_once_with_every_field_the_sdk_reads() -> None:  # rules 2 and 3
    conversation = mistral(model="voxtral-mini-transcribe-realtime-2602")
    (created,) = conversation.sent
    assert created["type"] == "session.created"
    assert created["session"]["request_id"] == "ws-7"
    assert created["session"]["model"] == "moonshine-tiny"
    assert created["session"]["audio_format"] == {"encoding": "pcm_s16le", "sample_rate": 16_000}
    (configured,) = conversation.configured
    assert configured.pcm == PcmFormat(Encoding.PCM_S16LE, 16_000)
    assert (configured.options.interim, configured.turns) == (False, None)


def test_an_unknown_model_is_refused_first() -> None:
    engine = EngineInfo(name="test", model="moonshine-tiny", models=("moonshine-tiny", "voxtral-realtime"))
    assert mistral(engine, model="voxtral-realtime").close is None
    conversation = mistral(engine, model="gpt-5")
    (error,) = conversation.sent
    assert error["error"]["code"] == 400
    assert "'gpt-5'" in error["error"]["message"] and "moonshine-tiny" in error["error"]["message"]
    assert conversation.close == Close(1008, "invalid model")
    assert conversation.send("input_audio.flush") == []


def test_settings_may_come_before_the_client_has_read_anything() -> None:  # rule 4
    conversation = mistral(ABLE)
    fields = {
        "audio_format": {"encoding": "pcm_mulaw", "sample_rate": 8000},
        "target_streaming_delay_ms": 480,
        "language": "en-US",
        "context_bias": ["Beckett", "White Tower"],
        "diarize": False,
        "turn_detection": {},
        "not_known_to_us": 1,
    }
    (updated,) = conversation.send("session.update", session=fields)
    assert updated["type"] == "session.updated"
    session = updated["session"]
    assert session["audio_format"] == fields["audio_format"]
    assert (session["target_streaming_delay_ms"], session["language"]) == (480, "en")
    assert session["context_bias"] == ["Beckett", "White Tower"]
    assert session["turn_detection"] == {
        "start_threshold": 0.5,
        "eager_end_threshold": 0.5,
        "end_threshold": 0.33,
        "min_silence_ms": 500,
        "end_timeout_ms": None,
    }
    configured = conversation.configured[-1]
    assert configured.pcm == PcmFormat(Encoding.PCM_MULAW, 8000)
    assert configured.options.delay_ms == 480 and configured.options.language == "en"
    assert configured.options.vocabulary == ("Beckett", "White Tower")
    assert configured.turns == TurnConfig()


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 96_000])
def test_every_audio_format(encoding: Encoding, rate_hz: int) -> None:
    conversation = mistral()
    requested = {"encoding": encoding.value, "sample_rate": rate_hz}
    (updated,) = conversation.send("session.update", session={"audio_format": requested})
    assert updated["session"]["audio_format"] == requested
    assert conversation.configured[-1].pcm == PcmFormat(encoding, rate_hz)


def test_null_is_the_default_and_absent_fields_are_kept() -> None:
    conversation = mistral(ABLE)
    conversation.send(
        "session.update", session={"language": "de", "target_streaming_delay_ms": 80, "turn_detection": {}}
    )
    (updated,) = conversation.send("session.update", session={"language": None, "turn_detection": None})
    assert updated["session"]["language"] is None and updated["session"]["turn_detection"] is None
    assert updated["session"]["target_streaming_delay_ms"] == 80
    (updated,) = conversation.send("session.update")
    assert updated["type"] == "session.updated"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"language": "de"}, "language: moonshine-tiny cannot transcribe 'de': it knows en"),
        ({"language": 7}, "language must be"),
        ({"target_streaming_delay_ms": 480}, "no delay of 480 ms; it has none: its delay is not adjustable"),
        ({"target_streaming_delay_ms": 4.5}, "target_streaming_delay_ms must be a whole number"),
        ({"context_bias": ["Beckett"]}, "context_bias: moonshine-tiny cannot use words to expect"),
        ({"context_bias": "Beckett"}, "context_bias must be a list of strings"),
        ({"context_bias": ["x" * 201]}, "context_bias may hold"),
        ({"diarize": True}, "diarize: moonshine-tiny cannot distinguish speakers"),
        ({"diarize": 1}, "diarize must be true or false"),
        ({"speaker_references": {"Ann": "AAAA"}}, "speaker_references: moonshine-tiny cannot distinguish speakers"),
        (
            {"audio_format": {"encoding": "opus", "sample_rate": 16000}},
            "audio_format.encoding must be one of pcm_s16le",
        ),
        ({"audio_format": {"encoding": ["x"], "sample_rate": 16000}}, "audio_format.encoding must be one of pcm_s16le"),
        ({"audio_format": {"encoding": "pcm_s16le"}}, "audio_format.sample_rate must be a whole number from 8000"),
        ({"audio_format": {"encoding": "pcm_s16le", "sample_rate": True}}, "audio_format.sample_rate"),
        ({"audio_format": "pcm_s16le"}, "audio_format must be an object"),
        ({"turn_detection": True}, "turn_detection must be an object"),
        ({"turn_detection": {"start_threshold": 1.5}}, "turn_detection.start_threshold must be a number from 0 to 1"),
        ({"turn_detection": {"start_threshold": float("nan")}}, "turn_detection.start_threshold must be a number"),
        ({"turn_detection": {"end_threshold": 0.6}}, "start_threshold >= eager_end_threshold > end_threshold"),
        ({"turn_detection": {"end_timeout_ms": 100}}, "turn_detection.end_timeout_ms must be a whole number from 500"),
        ({"interim": "yes"}, "interim must be true or false"),
    ],
)
def test_unsupported_settings_are_refused_by_name_and_the_rest_applied(fields: dict[str, Any], named: str) -> None:
    conversation = mistral()
    accepted = "interim" if "interim" not in fields else "language"
    requested = {**fields, accepted: True if accepted == "interim" else "en"}
    error, updated = conversation.send("session.update", session=requested)
    assert error["type"] == "error"
    assert named in error["error"]["message"] and error["error"]["code"] == 400
    assert updated["type"] == "session.updated" and updated["session"][accepted] == requested[accepted]
    assert conversation.close is None


def test_a_server_without_speech_detection_refuses_turns() -> None:
    conversation = mistral(EngineInfo(name="test", model="m", can_detect_turns=False))
    error, updated = conversation.send("session.update", session={"turn_detection": {}})
    assert "no speech detection" in error["error"]["message"]
    assert updated["session"]["turn_detection"] is None


def test_audio_is_refused_after_a_refused_format() -> None:
    conversation = mistral()
    conversation.send("session.update", session={"audio_format": {"encoding": "opus", "sample_rate": 48000}})
    (error,) = conversation.send("input_audio.append", audio=AUDIO)
    assert "audio_format was refused" in error["error"]["message"] and conversation.fed == b""
    requested = {"encoding": "pcm_s16le", "sample_rate": 48000}
    (updated,) = conversation.send("session.update", session={"audio_format": requested})
    assert updated["type"] == "session.updated"
    assert conversation.send("input_audio.append", audio=AUDIO) == [] and conversation.fed


def test_settings_are_fixed_after_the_first_audio() -> None:
    conversation = mistral()
    assert conversation.send("input_audio.append", audio="") == []  # empty
    conversation.send("session.update", session={"interim": True})
    conversation.send("input_audio.append", audio=AUDIO)
    (error,) = conversation.send("session.update", session={"interim": False})
    assert error["error"] == {"message": "Session fields cannot be changed after audio has started.", "code": 400}
    assert len(conversation.configured) == 2


def test_the_servers_language_is_for_sessions_that_name_none() -> None:
    conversation = mistral(replace(ABLE, default_language="de"))
    assert conversation.sent[0]["session"]["language"] == conversation.configured[0].options.language == "de"
    for language, code in (("English", "en"), (None, "de")):
        (updated,) = conversation.send("session.update", session={"language": language})
        assert updated["session"]["language"] == conversation.configured[-1].options.language == code
