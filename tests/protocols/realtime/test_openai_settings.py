"""Settings of an OpenAI client, and the session object returned to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.dialect_session import ABLE, b64, openai, update
from voxtide.audio.encodings import Encoding
from voxtide.audio.pcm import PcmFormat
from voxtide.types import EngineInfo

AUDIO = b64(b"\0\1" * 1200)


def test_session_created_is_sent_at_once() -> None:
    conversation = openai(model="gpt-4o-transcribe")
    (created,) = conversation.sent
    assert created["type"] == "session.created" and created["event_id"]
    assert created["session"] == {
        "id": "ws-7",
        "object": "realtime.transcription_session",
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "transcription": {
                    "model": "moonshine-tiny",
                    "language": None,
                    "languages": None,
                    "prompt": None,
                    "keywords": None,
                    "delay": None,
                },
                "noise_reduction": None,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 500,
                    "idle_timeout_ms": None,
                },
            }
        },
        "expires_at": None,
        "include": None,
    }
    (configured,) = conversation.configured
    assert configured.pcm == PcmFormat(Encoding.PCM_S16LE, 24_000)
    assert configured.turns and configured.turns.min_silence_ms == 500
    assert not configured.options.interim


@pytest.mark.parametrize(
    ("requested", "pcm"),
    [
        ({"type": "audio/pcm", "rate": 24_000}, PcmFormat(sample_rate_hz=24_000)),
        ({"type": "audio/pcm"}, PcmFormat(sample_rate_hz=24_000)),
        ({"type": "audio/pcm", "rate": 16_000}, PcmFormat(sample_rate_hz=16_000)),
        ({"type": "audio/pcmu"}, PcmFormat(Encoding.PCM_MULAW, 8_000)),
        ({"type": "audio/pcma"}, PcmFormat(Encoding.PCM_ALAW, 8_000)),
        (None, PcmFormat(sample_rate_hz=24_000)),
    ],
)
def test_every_audio_format(requested: dict[str, Any] | None, pcm: PcmFormat) -> None:
    conversation = openai()
    (updated,) = update(conversation, format=requested)
    assert updated["type"] == "session.updated"
    assert conversation.configured[-1].pcm == pcm
    sent = updated["session"]["audio"]["input"]["format"]
    assert sent["type"] == (requested or {"type": "audio/pcm"})["type"]
    assert sent.get("rate") == (pcm.sample_rate_hz if pcm.encoding is Encoding.PCM_S16LE else None)


def test_absent_fields_are_kept_and_null_clears() -> None:
    conversation = openai(ABLE)
    update(conversation, transcription={"language": "de", "keywords": ["Beckett"], "delay": "xhigh", "prompt": ""})
    options = conversation.configured[-1].options
    assert (options.language, options.vocabulary, options.delay_ms) == ("de", ("Beckett",), 2400)
    (updated,) = update(conversation, transcription={"model": "gpt-4o-transcribe", "keywords": None})
    sent = updated["session"]["audio"]["input"]
    assert (sent["transcription"]["language"], sent["transcription"]["keywords"]) == ("de", None)
    assert sent["turn_detection"]["type"] == "server_vad"
    (updated,) = update(conversation, turn_detection=None, transcription={"language": None, "delay": "minimal"})
    assert updated["session"]["audio"]["input"]["turn_detection"] is None
    assert conversation.configured[-1].turns is None
    assert conversation.configured[-1].options.language is None
    assert conversation.configured[-1].options.delay_ms == 80


def test_a_prompt_holds_words_to_expect() -> None:
    conversation = openai(ABLE)
    (updated,) = update(conversation, transcription={"keywords": ["Beckett"], "prompt": "Dashwood, Siobhan."})
    assert updated["session"]["audio"]["input"]["transcription"]["prompt"] == "Dashwood, Siobhan."
    assert conversation.configured[-1].options.vocabulary == ("Beckett", "Dashwood, Siobhan.")
    for cleared in ("", None):
        update(conversation, transcription={"prompt": cleared})
        assert conversation.configured[-1].options.vocabulary == ("Beckett",)
    for refused in ("x" * 1001, 7, ["Siobhan"]):
        error, *_ = update(conversation, transcription={"prompt": refused})
        assert "must be a string of at most 1000 characters" in error["error"]["message"]


@pytest.mark.parametrize("message", ["session.update", "transcription_session.update"])
def test_null_for_the_transcription_clears_all_its_fields(message: str) -> None:
    conversation = openai(ABLE)
    update(conversation, transcription={"language": "de", "keywords": ["Beckett"], "delay": "xhigh"})
    requested = (
        {"audio": {"input": {"transcription": None}}}
        if message == "session.update"
        else {"input_audio_transcription": None}
    )
    conversation.send(message, session=requested)
    options = conversation.configured[-1].options
    assert (options.language, options.vocabulary, options.delay_ms) == (None, (), None)


def test_with_several_languages_the_engine_decides() -> None:
    conversation = openai(ABLE)
    (updated,) = update(conversation, transcription={"languages": ["de", "en-GB", "de"]})
    assert updated["session"]["audio"]["input"]["transcription"]["languages"] == ["de", "en"]
    assert conversation.configured[-1].options.language is None
    update(conversation, transcription={"languages": ["en"]})
    assert conversation.configured[-1].options.language == "en"


def test_the_servers_language_is_for_sessions_that_name_none() -> None:
    conversation = openai(replace(ABLE, default_language="de"))
    created = conversation.sent[0]["session"]["audio"]["input"]["transcription"]
    assert created["language"] == conversation.configured[0].options.language == "de"
    for requested, code in (({"language": "English"}, "en"), ({"language": None}, "de"), ({"languages": []}, "de")):
        update(conversation, transcription=requested)
        assert conversation.configured[-1].options.language == code


def test_hints_without_effect_are_accepted_and_returned_as_off() -> None:
    session = {
        "type": "transcription",
        "audio": {"input": {"noise_reduction": {"type": "near_field"}, "not_known_to_us": 1}},
        "include": ["item.input_audio_transcription.logprobs"],
    }
    (updated,) = openai().send("session.update", session=session)
    assert updated["session"]["audio"]["input"]["noise_reduction"] is None and updated["session"]["include"] is None


def test_turn_detection_by_silence() -> None:
    conversation = openai()
    requested = {"type": "server_vad", "threshold": 0.7, "silence_duration_ms": 350, "create_response": True}
    (updated,) = update(conversation, turn_detection=requested)
    assert updated["session"]["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 350
    turns = conversation.configured[-1].turns
    assert turns and (turns.start_threshold, turns.min_silence_ms) == (0.7, 350)
    assert turns.end_threshold == pytest.approx(0.55)


@pytest.mark.parametrize("model", ["gpt-realtime-whisper", "gpt-live-transcribe-2026"])
def test_openais_models_without_turns_disable_turn_detection(model: str) -> None:  # as LiveKit does
    conversation = openai()
    (updated,) = update(conversation, transcription={"model": model})
    assert updated["session"]["audio"]["input"]["turn_detection"] is None
    assert conversation.configured[-1].turns is None
    (updated,) = update(conversation, transcription={"model": model}, turn_detection={"type": "server_vad"})
    assert updated["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"


@pytest.mark.parametrize(("eagerness", "silence_ms"), [("low", 1_000), ("auto", 600), (None, 600), ("high", 300)])
def test_semantic_turn_detection_uses_silence(eagerness: str | None, silence_ms: int) -> None:
    conversation = openai()
    (updated,) = update(conversation, turn_detection={"type": "semantic_vad", "eagerness": eagerness})
    sent = {"type": "semantic_vad", "eagerness": eagerness or "auto"}
    assert updated["session"]["audio"]["input"]["turn_detection"] == sent
    turns = conversation.configured[-1].turns
    assert turns and turns.min_silence_ms == silence_ms


@pytest.mark.parametrize(
    ("requested", "code", "param"),
    [
        ({"transcription": {"language": "de"}}, "unsupported_language", "transcription.language"),
        ({"transcription": {"language": 4}}, "invalid_value", "transcription.language"),
        ({"transcription": {"languages": ["en", "de"]}}, "unsupported_language", "transcription.languages"),
        ({"transcription": {"keywords": ["Beckett"]}}, "unsupported_option", "transcription.keywords"),
        ({"transcription": {"delay": "low"}}, "unsupported_option", "transcription.delay"),
        ({"transcription": {"delay": ["low"]}}, "invalid_value", "transcription.delay"),
        ({"transcription": {"prompt": "Talk."}}, "unsupported_option", "transcription.prompt"),
        ({"format": {"type": "audio/opus"}}, "invalid_value", "format"),
        ({"format": {"type": "audio/pcm", "rate": 1}}, "invalid_value", "format.rate"),
        ({"turn_detection": {"type": "psychic"}}, "invalid_value", "turn_detection"),
        ({"turn_detection": {"type": "semantic_vad", "eagerness": {}}}, "invalid_value", "turn_detection"),
        ({"turn_detection": {"type": "semantic_vad", "eagerness": 1}}, "invalid_value", "turn_detection"),
        ({"turn_detection": {"threshold": 2}}, "invalid_value", "turn_detection.threshold"),
        ({"turn_detection": {"silence_duration_ms": -1}}, "invalid_value", "turn_detection.silence_duration_ms"),
    ],
)
def test_unsupported_settings_are_refused_by_name_and_the_rest_applied(
    requested: dict[str, Any], code: str, param: str
) -> None:
    conversation = openai()
    accepted = {"format": {"type": "audio/pcmu"}} if "format" not in requested else {"turn_detection": None}
    error, updated = update(conversation, **requested, **accepted)
    assert (error["error"]["type"], error["error"]["code"]) == ("invalid_request_error", code)
    assert error["error"]["param"] == f"session.audio.input.{param}" and error["error"]["message"]
    sent = updated["session"]["audio"]["input"]
    assert sent["format"] == {"type": "audio/pcmu"} or sent["turn_detection"] is None


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ({"session": {"type": "realtime"}}, "session.type"),
        ({"session": {"audio": 1}}, "session.audio"),
        ({"session": {"audio": {"input": []}}}, "session.audio.input"),
        ({"session": {"audio": {"input": {"transcription": "x"}}}}, "session.audio.input.transcription"),
        ({"session": None}, "session"),
    ],
)
def test_a_malformed_update_is_refused_whole(message: dict[str, Any], param: str) -> None:
    conversation = openai()
    (error,) = conversation.send("session.update", event_id="mine", **message)
    assert (error["error"]["param"], error["error"]["event_id"]) == (param, "mine")
    assert len(conversation.configured) == 1


def test_any_model_is_accepted_unless_the_server_has_a_list() -> None:
    (updated,) = update(openai(), transcription={"model": "gpt-4o-transcribe"})
    assert updated["type"] == "session.updated"
    error, _ = update(openai(EngineInfo(name="test", model="a", models=("a", "b"))), transcription={"model": "c"})
    assert error["error"]["code"] == "model_not_found"


def test_without_speech_detection_the_client_commits() -> None:
    conversation = openai(EngineInfo(name="test", model="m", can_detect_turns=False))
    assert conversation.sent[0]["session"]["audio"]["input"]["turn_detection"] is None
    error, _ = update(conversation, turn_detection={"type": "server_vad"})
    assert error["error"]["code"] == "unsupported_option"


def test_audio_is_refused_after_a_refused_format() -> None:
    conversation = openai()
    update(conversation, format={"type": "audio/opus"})
    (error,) = conversation.send("input_audio_buffer.append", audio=AUDIO)
    assert error["error"]["code"] == "invalid_audio" and not conversation.fed
    update(conversation, format={"type": "audio/pcm"})
    conversation.send("input_audio_buffer.append", audio=AUDIO)
