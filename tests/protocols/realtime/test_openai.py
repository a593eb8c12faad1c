"""The OpenAI dialect, message by message."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.dialect_session import ABLE, ENGLISH, Conversation, b64, openai, update
from voxtide.audio.encodings import Encoding
from voxtide.audio.pcm import PcmFormat
from voxtide.errors import EngineFailedError, SessionExpiredError
from voxtide.protocols.realtime.dialect import MAX_APPEND_BYTES, Close
from voxtide.protocols.realtime.openai_items import MAX_PENDING_ITEMS
from voxtide.protocols.realtime.turns import TurnEnded, TurnEnding, TurnResumed, TurnStarted
from voxtide.transcript.events import Delta, Flushed, Interim, LanguageDetected, SpeechStarted, SpeechStopped
from voxtide.types import EngineInfo

AUDIO = b64(b"\0\1" * 1200)
TRANSCRIPTION = "conversation.item.input_audio_transcription"
COMMITTED = ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]


def manual(engine: EngineInfo = ENGLISH) -> Conversation:
    """As pipecat and LiveKit with their own VAD."""
    conversation = openai(engine)
    update(conversation, turn_detection=None)
    return conversation


def send_words(conversation: Conversation, num_words: int) -> None:
    for _ in range(num_words):
        assert conversation.send("input_audio_buffer.append", audio=AUDIO) == []


def types_of(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"].removeprefix(f"{TRANSCRIPTION}.") for message in messages]


def transcripts(conversation: Conversation) -> list[str]:
    return [message["transcript"] for message in conversation.of_type(f"{TRANSCRIPTION}.completed")]


# Items.


def test_a_commit_makes_an_item_that_completes_with_its_text() -> None:
    conversation = manual()
    send_words(conversation, 3)
    committed = conversation.send("input_audio_buffer.commit")
    assert types_of(committed) == COMMITTED
    item_id = committed[0]["item_id"]
    assert committed[0]["previous_item_id"] is None
    for message in committed[1:]:
        assert message["previous_item_id"] is None
        assert message["item"]["id"] == item_id
        assert [message["item"][name] for name in ("type", "role", "status")] == ["message", "user", "completed"]
        assert message["item"]["content"] == [{"type": "input_audio", "transcript": None}]
    sent = conversation.work()
    assert types_of(sent) == ["delta", "delta", "delta", "completed"]
    assert {(message["item_id"], message["content_index"]) for message in sent} == {(item_id, 0)}
    assert sent[-1]["transcript"] == "word1 word2 word3" == "".join(message["delta"] for message in sent[:-1])
    assert sent[-1]["usage"] == {"type": "duration", "seconds": 1.2}
    assert len({message["event_id"] for message in conversation.sent}) == len(conversation.sent)


def test_items_complete_in_order_and_name_the_previous_one() -> None:
    conversation = manual()
    for _ in range(3):
        send_words(conversation, 2)
        conversation.send("input_audio_buffer.commit")
    conversation.work()
    ids = [message["item_id"] for message in conversation.of_type("input_audio_buffer.committed")]
    assert len(set(ids)) == 3
    before = [message["previous_item_id"] for message in conversation.of_type("input_audio_buffer.committed")]
    assert before == [None, *ids[:2]]
    assert [message["item_id"] for message in conversation.of_type(f"{TRANSCRIPTION}.completed")] == ids
    assert transcripts(conversation) == ["word1 word2", "word3 word4", "word5 word6"]


def test_deltas_before_the_commit_have_the_items_future_id() -> None:
    conversation = manual()
    send_words(conversation, 3)
    early = conversation.work()
    assert types_of(early) == ["delta", "delta"]
    committed = conversation.send("input_audio_buffer.commit")
    assert {message["item_id"] for message in early} == {committed[0]["item_id"]}


def test_the_servers_turns_commit() -> None:
    conversation = openai()
    send_words(conversation, 2)
    (started,) = conversation.on_event(TurnStarted(0.8), SpeechStarted(0.8), TurnEnding(1.4), TurnResumed(1.5))
    assert (started["type"], started["audio_start_ms"]) == ("input_audio_buffer.speech_started", 500)
    ended = conversation.on_event(TurnEnded(2.0), SpeechStopped(2.0))
    assert types_of(ended) == ["input_audio_buffer.speech_stopped", *COMMITTED]
    assert ended[0]["audio_end_ms"] == 2_500  # includes the silence that ended it
    assert started["item_id"] == ended[0]["item_id"] == ended[1]["item_id"]
    (started,) = conversation.on_event(TurnStarted(2.6))
    assert started["audio_start_ms"] == 2_500  # not 2,300, which is in the previous item
    assert started["item_id"] != ended[0]["item_id"]
    conversation.work()
    assert transcripts(conversation) == ["word1 word2"]


def test_prefix_padding_is_clamped_to_the_start() -> None:
    (started,) = openai().on_event(TurnStarted(0.1))
    assert started["audio_start_ms"] == 0


def test_without_turn_detection_no_turn_is_sent() -> None:
    assert manual().on_event(TurnStarted(0.8), TurnEnded(2.0)) == []


def test_an_empty_commit_makes_an_empty_item() -> None:
    conversation = manual()
    assert types_of(conversation.send("input_audio_buffer.commit")) == COMMITTED
    (completed,) = conversation.work()
    assert (completed["transcript"], completed["usage"]["seconds"]) == ("", 0.0)
    assert not conversation.of_type("error")


def test_the_text_of_cleared_audio_is_not_sent() -> None:
    conversation = manual()
    send_words(conversation, 2)
    conversation.send("input_audio_buffer.commit")
    send_words(conversation, 2)
    assert types_of(conversation.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    send_words(conversation, 2)
    conversation.send("input_audio_buffer.commit")
    conversation.work()
    assert transcripts(conversation) == ["word1 word2", "word5 word6"]
    deltas = [message["delta"] for message in conversation.of_type(f"{TRANSCRIPTION}.delta")]
    assert deltas == ["word1", " word2", "word5", " word6"]
    seconds = [message["usage"]["seconds"] for message in conversation.of_type(f"{TRANSCRIPTION}.completed")]
    assert seconds == [0.8, 0.8]  # excludes the cleared audio


def test_text_after_a_clear_has_a_new_item_id() -> None:
    conversation = manual()
    send_words(conversation, 2)
    (early,) = conversation.work()
    conversation.send("input_audio_buffer.clear")
    send_words(conversation, 1)
    committed = conversation.send("input_audio_buffer.commit")
    conversation.work()
    assert early["item_id"] != committed[0]["item_id"]
    assert transcripts(conversation) == ["word3"]


def test_clear_without_audio_does_not_flush() -> None:
    conversation = manual()
    assert types_of(conversation.send("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert not conversation.engine.has_work
    send_words(conversation, 1)
    conversation.send("input_audio_buffer.commit")
    conversation.work()
    conversation.send("input_audio_buffer.clear")
    assert not conversation.engine.has_work


def test_a_detected_language_is_sent_with_the_text() -> None:
    conversation = manual(ABLE)
    conversation.send("input_audio_buffer.commit")
    conversation.on_event(LanguageDetected("de", 1.0))
    (completed,) = conversation.work()
    assert completed["languages"] == [{"code": "de"}]


def test_interim_text_is_not_sent() -> None:
    assert manual().on_event(Interim("hel", 0.4)) == []


def test_text_too_long_for_a_frame_has_omitted_chars() -> None:
    conversation = manual()
    for _ in range(40):
        conversation.on_event(Delta("\N{GRINNING FACE}" * 40_000, 1.0))
    conversation.send("input_audio_buffer.commit")
    (completed,) = conversation.on_event(Flushed(1, "", (), 1.0))
    assert completed["omitted_chars"] + len(completed["transcript"]) == 40 * 40_000


# Bad messages, and ends.


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("nonsense", "invalid_json"),
        (b"\xff", "invalid_json"),
        ("[]", "invalid_json"),
        ('{"type": "response.create"}', "unknown_event"),
        ('{"type": 4}', "unknown_event"),
        ('{"type": "input_audio_buffer.append", "audio": "###"}', "invalid_audio"),
        ('{"type": "input_audio_buffer.append"}', "invalid_audio"),
        ('{"type": "session.update", "model": "m"}', "missing_required_parameter"),
    ],
)
def test_a_bad_message_is_answered_and_the_session_continues(message: str | bytes, code: str) -> None:
    conversation = openai()
    (error,) = conversation.send_raw(message)
    assert (error["type"], error["error"]["code"], error["error"]["event_id"]) == ("error", code, None)
    send_words(conversation, 1)
    conversation.send("input_audio_buffer.commit")
    conversation.work()
    assert transcripts(conversation) == ["word1"]


def test_audio_per_message_is_limited() -> None:
    conversation = openai()
    (error,) = conversation.send("input_audio_buffer.append", audio="A" * (MAX_APPEND_BYTES // 3 * 4 + 8))
    assert error["error"]["code"] == "invalid_audio" and str(MAX_APPEND_BYTES) in error["error"]["message"]


def test_pending_items_are_limited() -> None:
    conversation = manual()
    for _ in range(MAX_PENDING_ITEMS):
        conversation.send("input_audio_buffer.commit")
    for kind in ("commit", "clear"):
        (error,) = conversation.send(f"input_audio_buffer.{kind}")
        assert error["error"]["code"] == "rate_limit_exceeded"
    assert types_of(conversation.work()) == ["completed"] * MAX_PENDING_ITEMS


def test_a_failure_names_the_pending_items() -> None:
    conversation = manual()
    send_words(conversation, 1)
    conversation.send("input_audio_buffer.clear")
    item_id = conversation.send("input_audio_buffer.commit")[0]["item_id"]
    failed, error = conversation.execute(conversation.dialect.fail(EngineFailedError("/opt/x: bad")))[:2]
    assert (failed["type"], failed["item_id"]) == (f"{TRANSCRIPTION}.failed", item_id)
    assert failed["error"]["code"] == error["error"]["code"] == "engine_failed"
    assert error["error"]["type"] == "server_error" and "/opt" not in error["error"]["message"]
    assert conversation.close == Close(1011, "engine_failed")
    assert conversation.on_event(Delta("late", 1.0)) == conversation.dialect.fail(EngineFailedError("again")) == []


def test_draining_completes_the_items() -> None:
    conversation = openai()
    send_words(conversation, 2)
    conversation.send("input_audio_buffer.commit")
    send_words(conversation, 2)
    conversation.execute(conversation.dialect.drain())
    assert conversation.dialect.drain() == conversation.send("input_audio_buffer.commit") == []
    assert conversation.on_event(TurnEnded(1.0)) == []  # no flush may follow
    conversation.work()
    assert transcripts(conversation) == ["word1 word2", "word3 word4"]
    first, last = conversation.of_type("input_audio_buffer.committed")
    assert last["previous_item_id"] == first["item_id"]
    assert conversation.close == Close(1001)


def test_an_expired_session_completes_and_gives_the_reason() -> None:
    conversation = openai()
    conversation.execute(conversation.dialect.drain(SessionExpiredError("a session may last 3600 s")))
    (error,) = conversation.work()
    assert (error["error"]["code"], error["error"]["message"]) == ("session_expired", "a session may last 3600 s")
    assert conversation.close == Close(1013, "session_expired")


# The beta.


def test_the_beta_form_is_parsed_and_answered() -> None:
    conversation = openai()
    session = {
        "input_audio_format": "g711_ulaw",
        "input_audio_transcription": {"model": "whisper-1", "language": "en"},
        "turn_detection": None,
        "input_audio_noise_reduction": {"type": "near_field"},
    }
    (updated,) = conversation.send("transcription_session.update", session=session)
    assert updated["type"] == "transcription_session.updated"
    assert updated["session"]["input_audio_format"] == "g711_ulaw"
    assert updated["session"]["input_audio_transcription"]["language"] == "en"
    assert updated["session"]["turn_detection"] is updated["session"]["input_audio_noise_reduction"] is None
    assert conversation.configured[-1].pcm == PcmFormat(Encoding.PCM_MULAW, 8_000)
    kinds = types_of(conversation.send("input_audio_buffer.commit"))
    assert kinds == ["input_audio_buffer.committed", "conversation.item.created"]
    assert types_of(update(conversation)) == ["session.updated"]
    assert types_of(conversation.send("input_audio_buffer.commit")) == COMMITTED


@pytest.mark.parametrize("name", ["opus", 4, ["pcm16"]])
def test_an_unknown_beta_format_is_refused(name: object) -> None:
    error, _ = openai().send("transcription_session.update", session={"input_audio_format": name})
    assert error["error"]["param"] == "session.audio.input.format"


@pytest.mark.parametrize("name", ["pcm16", None])
def test_the_betas_default_format(name: str | None) -> None:
    conversation = openai()
    (updated,) = conversation.send("transcription_session.update", session={"input_audio_format": name})
    assert updated["session"]["input_audio_format"] == "pcm16"
