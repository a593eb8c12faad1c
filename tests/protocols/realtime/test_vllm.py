"""The vLLM dialect, and its detection on the path it shares with OpenAI's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.dialect_session import ABLE, ENGLISH, Conversation, b64
from voxtide.audio.pcm import PcmFormat
from voxtide.errors import CapacityError, SessionExpiredError
from voxtide.protocols.realtime.dialect import Close
from voxtide.protocols.realtime.routing import RealtimePath
from voxtide.protocols.realtime.vllm import MAX_PENDING_DONES
from voxtide.transcript.events import Interim
from voxtide.types import EngineInfo

AUDIO = b64(b"\0\1" * 1280)


def vllm(engine: EngineInfo = ENGLISH) -> Conversation:
    conversation = Conversation(RealtimePath.REALTIME, engine)
    assert conversation.send("session.update", model="mistralai/Voxtral-Mini-4B-Realtime-2602") == []
    return conversation


def send_words(conversation: Conversation, num_words: int) -> None:
    for _ in range(num_words):
        assert conversation.send("input_audio_buffer.append", audio=AUDIO) == []


def transcripts(conversation: Conversation) -> list[str]:
    return [done["text"] for done in conversation.of_type("transcription.done")]


# Detection.


def test_one_created_event_serves_both() -> None:
    (created,) = Conversation(RealtimePath.REALTIME).sent
    assert created["type"] == "session.created"
    assert (created["id"], created["created"]) == ("ws-7", 1_700_000_000)
    assert created["session"]["type"] == "transcription" and created["event_id"]


def test_a_model_beside_the_type_selects_vllm() -> None:
    conversation = vllm()
    assert conversation.configured[-1].pcm == PcmFormat(sample_rate_hz=16_000)
    assert conversation.configured[-1].turns is None and not conversation.configured[-1].options.interim
    assert isinstance(conversation.send("nonsense")[0]["error"], str)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("session.update", {"session": {"type": "transcription"}}),
        ("transcription_session.update", {"session": {}}),
        ("input_audio_buffer.append", {"audio": AUDIO}),
        ("input_audio_buffer.commit", {}),
        ("nonsense", {}),
    ],
)
def test_every_other_first_message_selects_openai(kind: str, fields: dict[str, Any]) -> None:
    conversation = Conversation(RealtimePath.REALTIME, model="gpt-4o-transcribe")
    conversation.send(kind, **fields)
    assert all("event_id" in message for message in conversation.sent)
    assert conversation.configured[-1].pcm.sample_rate_hz == 24_000
    (error,) = conversation.send("session.update", model="m")  # too late
    assert error["error"]["code"] == "missing_required_parameter"


def test_an_intent_selects_openai() -> None:
    conversation = Conversation(RealtimePath.REALTIME, intent="transcription")
    (error,) = conversation.send("session.update", model="m")
    assert error["error"]["param"] == "session"


def test_an_unreadable_message_selects_nothing() -> None:
    conversation = Conversation(RealtimePath.REALTIME)
    (error,) = conversation.send_raw("{")
    assert error["error"]["code"] == "invalid_json"
    conversation.send("session.update", model="m")
    conversation.send("input_audio_buffer.commit", final=True)
    assert conversation.work() == [{"type": "transcription.done", "text": "", "usage": None}]


# The conversation.


def test_one_generation_after_another() -> None:
    conversation = vllm()
    for num_words in (3, 2):
        assert conversation.send("input_audio_buffer.commit") == []
        send_words(conversation, num_words)
        assert conversation.send("input_audio_buffer.commit", final=True) == []
        conversation.work()
    assert transcripts(conversation) == ["word1 word2 word3", "word4 word5"]
    assert "".join(delta["delta"] for delta in conversation.of_type("transcription.delta")[:3]) == "word1 word2 word3"
    assert conversation.of_type("transcription.delta")[3]["delta"] == "word4"
    assert conversation.close is None


def test_audio_between_two_generations_is_not_lost() -> None:
    conversation = vllm()
    send_words(conversation, 1)
    conversation.send("input_audio_buffer.commit")
    conversation.send("input_audio_buffer.commit")  # already started
    send_words(conversation, 1)
    conversation.send("input_audio_buffer.commit", final=True)
    send_words(conversation, 1)
    conversation.send("input_audio_buffer.commit", final=False)
    conversation.send("input_audio_buffer.commit", final=True)
    conversation.work()
    assert transcripts(conversation) == ["word1 word2", "word3"]


def test_a_final_commit_without_a_generation_is_answered() -> None:
    conversation = vllm()
    send_words(conversation, 2)
    conversation.send("input_audio_buffer.commit", final=True)
    conversation.work()
    assert transcripts(conversation) == ["word1 word2"]


def test_a_language_may_accompany_the_model() -> None:
    conversation = Conversation(RealtimePath.REALTIME, ABLE)
    assert conversation.send("session.update", model="m", language="de") == []
    assert conversation.configured[-1].options.language == "de"


def test_the_servers_language_is_for_sessions_that_name_none() -> None:
    conversation = vllm(replace(ABLE, default_language="de"))
    assert conversation.configured[-1].options.language == "de"
    conversation.send("session.update", model="m", language="English")
    assert conversation.configured[-1].options.language == "en"


def test_a_prompt_holds_words_to_expect() -> None:
    conversation = Conversation(RealtimePath.REALTIME, ABLE)
    assert conversation.send("session.update", model="m", prompt="Dashwood, Siobhan.") == []
    assert conversation.configured[-1].options.vocabulary == ("Dashwood, Siobhan.",)
    (error,) = conversation.send("session.update", model="m", prompt="x" * 1001)
    assert error["code"] == "invalid_value" and "at most 1000 characters" in error["error"]


def test_interim_text_is_not_sent() -> None:
    assert vllm().on_event(Interim("hel", 0.4)) == []


# Bad messages, and ends.


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("session.update", {}, "invalid_event"),
        ("session.update", {"model": 7}, "invalid_event"),
        ("session.update", {"model": "m", "language": "de"}, "unsupported_option"),
        ("session.update", {"model": "m", "language": ["en"]}, "invalid_event"),
        ("session.update", {"model": "m", "prompt": "Talk."}, "unsupported_option"),
        ("input_audio_buffer.append", {"audio": ""}, "invalid_audio"),
        ("input_audio_buffer.append", {"audio": "###"}, "invalid_audio"),
        ("input_audio_buffer.append", {}, "invalid_audio"),
        ("input_audio_buffer.commit", {"final": "yes"}, "invalid_value"),
        ("input_audio_buffer.clear", {}, "unknown_event"),
    ],
)
def test_a_bad_message_is_answered_and_the_session_continues(kind: str, fields: dict[str, Any], code: str) -> None:
    conversation = vllm()
    (error,) = conversation.send(kind, **fields)
    assert error["code"] == code and isinstance(error["error"], str)
    send_words(conversation, 1)
    conversation.send("input_audio_buffer.commit", final=True)
    conversation.work()
    assert transcripts(conversation) == ["word1"]


def test_invalid_json_is_answered() -> None:
    (error,) = vllm().send_raw("{")
    assert error["code"] == "invalid_json"


def test_an_unknown_model_starts_nothing() -> None:
    conversation = Conversation(RealtimePath.REALTIME, EngineInfo(name="test", model="a", models=("a",)))
    (error,) = conversation.send("session.update", model="b")
    assert error["code"] == "model_not_found"
    (error,) = conversation.send("input_audio_buffer.commit")
    assert error["code"] == "model_not_validated"
    assert conversation.send("session.update", model="a") == conversation.send("input_audio_buffer.commit") == []


def test_unanswered_final_commits_are_limited() -> None:
    conversation = vllm()
    for _ in range(MAX_PENDING_DONES):
        assert conversation.send("input_audio_buffer.commit", final=True) == []
    (error,) = conversation.send("input_audio_buffer.commit", final=True)
    assert error["code"] == "processing_error"
    assert len(conversation.work()) == MAX_PENDING_DONES


def test_a_failure_is_reported_and_closed_as_one() -> None:
    conversation = vllm()
    (error,) = conversation.execute(conversation.dialect.fail(CapacityError("all streams are taken")))
    assert error == {"type": "error", "error": "all streams are taken", "code": "capacity"}
    assert conversation.close == Close(1013, "capacity")
    assert conversation.send("input_audio_buffer.commit") == conversation.dialect.fail(CapacityError("x")) == []


@pytest.mark.parametrize("is_started", [True, False])
def test_draining_answers_an_open_generation(is_started: bool) -> None:
    conversation = vllm()
    if is_started:
        conversation.send("input_audio_buffer.commit")
    conversation.execute(conversation.dialect.drain())
    assert conversation.dialect.drain() == []
    conversation.work()
    assert transcripts(conversation) == ([""] if is_started else [])
    assert conversation.close == Close(1001)


def test_an_expired_session_sends_its_text_then_the_reason() -> None:
    conversation = vllm()
    send_words(conversation, 1)
    conversation.execute(conversation.dialect.drain(SessionExpiredError("a session may last 3600 s")))
    *_, done, error = conversation.work()
    assert (done["text"], error["code"]) == ("word1", "session_expired")
    assert conversation.close == Close(1013, "session_expired")
