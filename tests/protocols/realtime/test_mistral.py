"""The Mistral dialect, message by message. "rule n" is a row of the table in docs/protocols.md."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.dialect_session import ABLE, Conversation, b64, mistral
from voxtide.errors import CapacityError, EngineFailedError, SessionExpiredError
from voxtide.protocols.realtime.dialect import Close
from voxtide.protocols.realtime.mistral import MAX_PENDING_FLUSHES, MISTRAL_MAX_APPEND_BYTES
from voxtide.protocols.realtime.turns import TurnEnded, TurnEnding, TurnResumed, TurnStarted
from voxtide.transcript.events import (
    Delta,
    Flushed,
    Interim,
    LanguageDetected,
    LanguageDoubted,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    SpeechUntranscribed,
)
from voxtide.types import Segment

AUDIO = b64(b"\0\1" * 640)


def send_words(conversation: Conversation, num_words: int) -> None:
    for _ in range(num_words):
        conversation.send("input_audio.append", audio=AUDIO)


def types_of(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]


# Flush, end, done.


def test_done_has_every_field_the_sdk_validates() -> None:  # rules 5, 6, 8
    conversation = mistral()
    conversation.send("input_audio.append", audio=AUDIO)
    conversation.send("input_audio.flush")
    segment = Segment("Hello.", 0.2, 1.25)
    (*_, done) = conversation.on_event(Delta("Hello.", 1.3), SegmentEnded(segment, 1.3), Flushed(1, "Hello.", (), 1.5))
    assert done == {
        "type": "transcription.done",
        "model": "moonshine-tiny",
        "text": "Hello.",
        "language": None,
        "segments": [{"type": "transcription_segment", "text": "Hello.", "start": 0.2, "end": 1.25}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, "prompt_audio_seconds": 2},
    }
    assert type(done["usage"]["prompt_audio_seconds"]) is int


def test_the_seconds_of_all_dones_add_up_to_the_sessions() -> None:
    conversation = mistral()
    ends_s = [0.4, 0.4, 1.7, 2.1, 6.0]
    for flush_id, end_s in enumerate(ends_s, 1):
        conversation.send("input_audio.flush")
        conversation.on_event(Flushed(flush_id, "", (), end_s))
    seconds = [done["usage"]["prompt_audio_seconds"] for done in conversation.of_type("transcription.done")]
    assert seconds == [1, 0, 1, 1, 3]


def test_a_flush_is_answered_with_the_text_since_the_previous_one() -> None:  # rule 9
    conversation = mistral()
    send_words(conversation, 3)
    conversation.send("input_audio.flush")
    send_words(conversation, 2)
    conversation.send("input_audio.flush")
    conversation.work()
    texts = [done["text"] for done in conversation.of_type("transcription.done")]
    assert texts == ["word1 word2 word3", "word4 word5"]
    assert conversation.close is None
    send_words(conversation, 1)
    conversation.send("input_audio.end")
    conversation.work()
    assert conversation.sent[-1]["text"] == "word6"


def test_flush_and_end_at_once_put_the_text_into_the_first_done() -> None:  # rules 10 and 12
    conversation = mistral()
    send_words(conversation, 4)
    conversation.send("input_audio.flush")
    conversation.send("input_audio.end")
    assert types_of(conversation.work()) == ["transcription.text.delta"] * 4 + ["transcription.done"] * 2
    first, last = conversation.of_type("transcription.done")
    assert (first["text"], last["text"]) == ("word1 word2 word3 word4", "")
    assert conversation.close == Close(1000)


def test_a_flush_without_text_gets_an_empty_done() -> None:  # rule 13
    conversation = mistral()
    conversation.send("input_audio.flush")
    (done,) = conversation.work()
    assert (done["type"], done["text"], done["segments"]) == ("transcription.done", "", [])


def test_no_done_is_sent_without_a_flush() -> None:  # rule 11
    conversation = mistral()
    conversation.send("session.update", session={"turn_detection": {}})
    send_words(conversation, 3)
    conversation.on_event(TurnStarted(0.1), SpeechStarted(0.1), TurnEnding(1.0), SpeechStopped(1.0), TurnEnded(1.0))
    conversation.work()
    assert conversation.of_type("transcription.done") == []
    assert types_of(conversation.sent[-1:]) == ["turn.end"]


def test_end_is_idempotent_and_nothing_may_follow_it() -> None:
    conversation = mistral()
    send_words(conversation, 1)
    assert conversation.send("input_audio.end") == conversation.send("input_audio.end") == []
    for kind, fields in (("input_audio.append", {"audio": AUDIO}), ("input_audio.flush", {}), ("session.update", {})):
        assert types_of(conversation.send(kind, **fields)) == ["error"]
    assert types_of(conversation.work()) == ["transcription.text.delta", "transcription.done"]
    assert conversation.send("input_audio.append", audio=AUDIO) == conversation.on_event(Delta("late", 9.0)) == []


def test_unanswered_flushes_are_limited() -> None:
    conversation = mistral()
    for _ in range(MAX_PENDING_FLUSHES):
        assert conversation.send("input_audio.flush") == []
    (error,) = conversation.send("input_audio.flush")
    assert error["error"]["code"] == 429
    assert len(conversation.work()) == MAX_PENDING_FLUSHES
    assert conversation.send("input_audio.flush") == []


def test_the_space_between_utterances_is_in_deltas_but_in_no_done() -> None:
    conversation = mistral()
    for _ in range(2):
        send_words(conversation, 2)
        conversation.send("input_audio.flush")
    conversation.work()
    assert "".join(delta["text"] for delta in conversation.of_type("transcription.text.delta")) == (
        "word1 word2 word3 word4"
    )


# Other messages.


def test_language_and_segments() -> None:
    conversation = mistral(ABLE)
    conversation.send("session.update", session={"language": "de"})
    first, second = Segment("Guten Tag.", 0.0, 1.0), Segment("Servus.", 1.5, 2.00049)
    conversation.send("input_audio.flush")
    conversation.on_event(SegmentEnded(first, 1.2))
    sent = conversation.on_event(LanguageDetected("de", 1.0), Flushed(1, "Guten Tag. Servus.", (first, second), 2.1))
    assert sent[0] == {"type": "transcription.language", "audio_language": "de"}
    assert sent[1] == {"type": "transcription.segment", "text": "Servus.", "start": 1.5, "end": 2.0, "speaker_id": None}
    assert sent[2]["language"] == "de"
    assert [segment["text"] for segment in sent[2]["segments"]] == ["Guten Tag.", "Servus."]


def test_done_has_the_requested_language_if_none_was_detected() -> None:
    conversation = mistral(ABLE)
    conversation.send("session.update", session={"language": "de"})
    conversation.send("input_audio.flush")
    assert conversation.work()[-1]["language"] == "de"


def test_speech_events_are_sent_only_if_requested() -> None:
    conversation = mistral()
    assert conversation.on_event(SpeechStarted(0.5), SpeechStopped(0.9)) == []
    (updated,) = conversation.send("session.update", session={"speech": True})
    assert updated["session"]["speech"] is True
    assert conversation.on_event(SpeechStarted(1.5), SpeechStopped(1.9)) == [
        {"type": "speech.start", "time_s": 1.5},
        {"type": "speech.stop", "time_s": 1.9},
    ]


def test_notices_are_sent_only_if_requested() -> None:
    events = LanguageDoubted("en", 9.50049), SpeechUntranscribed(12.5, 14.0)
    for conversation in (mistral(), mistral(notices="false"), mistral(interim="true")):
        assert conversation.on_event(*events) == []
    by_query, by_update = mistral(notices="true"), mistral()
    (updated,) = by_update.send("session.update", session={"notices": True})
    assert updated["session"]["notices"] is True
    for conversation in (by_query, by_update):
        doubted, untranscribed = conversation.on_event(*events)
        assert (doubted["type"], doubted["code"], doubted["audio_s"]) == (
            "transcription.notice",
            "language_doubted",
            9.5,
        )
        assert "may not be English" in doubted["message"]
        assert untranscribed["code"] == "speech_untranscribed"
        assert "from 12.5 to 14.0 s" in untranscribed["message"]


def test_interim_text_is_sent_only_if_requested() -> None:
    for conversation in (mistral(), mistral(interim="false")):
        assert conversation.on_event(Interim("hel", 0.5)) == []
        assert not conversation.configured[-1].options.interim
    by_query, by_update = mistral(interim="true"), mistral()
    (updated,) = by_update.send("session.update", session={"interim": True})
    assert updated["session"]["interim"] is True
    for conversation in (by_query, by_update):
        assert conversation.configured[-1].options.interim
        assert conversation.on_event(Interim("hel", 0.5), Interim("", 0.6)) == [
            {"type": "transcription.text.interim", "text": "hel", "audio_s": 0.5},
            {"type": "transcription.text.interim", "text": "", "audio_s": 0.6},
        ]


def test_deltas_have_the_time_of_their_audio_only_for_clients_of_interim_text() -> None:
    assert mistral().on_event(Delta("hel", 0.5)) == [{"type": "transcription.text.delta", "text": "hel"}]
    assert mistral(interim="true").on_event(Delta("hel", 0.50049)) == [
        {"type": "transcription.text.delta", "text": "hel", "audio_s": 0.5}
    ]


def test_turn_ends_are_sent_after_their_text() -> None:
    conversation = mistral()
    conversation.send("session.update", session={"turn_detection": {}})
    send_words(conversation, 2)
    sent = conversation.on_event(TurnStarted(0.2), TurnEnding(0.8), TurnResumed(0.9), TurnEnding(1.2))
    assert [(message["type"], message["time_s"]) for message in sent] == [
        ("turn.start", 0.2),
        ("turn.eager_end", 0.8),
        ("turn.resume", 0.9),
        ("turn.eager_end", 1.2),
    ]
    assert conversation.on_event(TurnEnded(1.2)) == []  # its text is not complete
    assert conversation.on_event(TurnStarted(1.6), TurnEnding(2.0), TurnEnded(2.0, is_timeout=True)) == []
    sent = conversation.work()
    assert types_of(sent) == ["transcription.text.delta"] * 2 + ["turn.end", "turn.start", "turn.eager_end", "turn.end"]
    assert [message["end_reason"] for message in sent if message["type"] == "turn.end"] == ["threshold", "timeout"]
    assert conversation.on_event(TurnStarted(3.0))[0]["type"] == "turn.start"


def test_flushes_of_turns_and_clients_keep_their_own_answers() -> None:
    conversation = mistral()
    conversation.send("session.update", session={"turn_detection": {}})
    send_words(conversation, 1)
    conversation.send("input_audio.flush")
    send_words(conversation, 1)
    conversation.on_event(TurnStarted(0.1), TurnEnded(1.0))
    send_words(conversation, 1)
    conversation.send("input_audio.flush")
    conversation.work()
    answers = [message for message in conversation.sent if message["type"] in ("transcription.done", "turn.end")]
    assert types_of(answers) == ["transcription.done", "turn.end", "transcription.done"]
    assert (answers[0]["text"], answers[2]["text"]) == ("word1", "word2 word3")


def test_a_turn_ending_after_input_audio_end_requests_no_flush() -> None:
    conversation = mistral()
    conversation.send("session.update", session={"turn_detection": {}})
    conversation.send("input_audio.end")
    assert types_of(conversation.on_event(TurnEnded(1.0))) == ["turn.end"]


def test_turns_are_sent_only_if_requested() -> None:
    assert mistral().on_event(TurnStarted(0.1), TurnEnding(0.4), TurnResumed(0.5), TurnEnded(0.9)) == []


# Bad messages.


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("", "JSON object"),
        ("hello", "JSON object"),
        ("[1]", "JSON object"),
        ("7" * 5000, "JSON object"),
        ("[" * 100_000, "JSON object"),
        (b"\xff\xfe", "JSON object"),
        ("{}", "needs a type"),
        ('{"type": ["input_audio.append"]}', "needs a type"),
        ('{"type": "input_audio.comit"}', "type 'input_audio.comit'; known are input_audio.append, input_audio.flush"),
        ('{"type": "input_audio.append"}', "audio must be a string of base64"),
        ('{"type": "input_audio.append", "audio": "AAA"}', "not base64: it takes the standard alphabet, its padding"),
        ('{"type": "input_audio.append", "audio": "AA\\nAA"}', "audio is not base64"),
        ('{"type": "input_audio.append", "audio": "\\ud800AAA"}', "audio is not base64"),
        ('{"type": "session.update", "session": 1}', "session.update needs a session"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_bad_message_is_answered_and_the_session_continues(message: str | bytes, named: str) -> None:  # rule 7
    conversation = mistral()
    (error,) = conversation.send_raw(message)
    assert error["type"] == "error"
    assert type(error["error"]["code"]) is int
    assert named in error["error"]["message"]
    send_words(conversation, 1)
    conversation.send("input_audio.flush")
    assert conversation.work()[-1]["text"] == "word1"


def test_binary_frames_are_parsed_like_text() -> None:
    conversation = mistral()
    conversation.send_raw(json.dumps({"type": "input_audio.append", "audio": b64(b"ab")}).encode())
    assert conversation.fed == b"ab"


def test_audio_per_message_is_limited() -> None:
    conversation = mistral()
    assert conversation.send("input_audio.append", audio=b64(bytes(MISTRAL_MAX_APPEND_BYTES))) == []
    for size in (MISTRAL_MAX_APPEND_BYTES + 1, 2 * MISTRAL_MAX_APPEND_BYTES):
        (error,) = conversation.send("input_audio.append", audio=b64(bytes(size)))
        assert error["error"]["code"] == 413 and "262144" in error["error"]["message"]
    assert len(conversation.fed) == MISTRAL_MAX_APPEND_BYTES


def test_no_frame_reaches_a_mebibyte() -> None:  # rule 15; `Conversation` checks each frame
    conversation = mistral()
    for at in range(40):
        conversation.on_event(Delta("\N{GRINNING FACE}" * 40_000, 1.0))
        conversation.on_event(SegmentEnded(Segment("\N{GRINNING FACE}" * 2_000, at, at + 1.0), 1.0))
    conversation.send("input_audio.flush")
    done = conversation.work()[-1]
    assert done["omitted_chars"] + len(done["text"]) == 40 * 40_000
    assert len(done["text"]) > 3_000 and len(done["segments"]) > 3
    conversation.send("input_audio.flush")
    assert "omitted_chars" not in conversation.work()[-1]
    (segment,) = conversation.on_event(SegmentEnded(Segment("x" + "\N{GRINNING FACE}" * 500_000, 41.0, 42.0), 42.0))
    assert segment["omitted_chars"] + len(segment["text"]) == 500_001


def test_returned_settings_fit_into_a_frame() -> None:  # rule 15
    conversation = mistral(ABLE)
    phrases = ["\N{GRINNING FACE}" * 200] * 100
    (updated,) = conversation.send("session.update", session={"context_bias": phrases})
    assert updated["session"]["context_bias"] == phrases
    error, _ = conversation.send("session.update", session={"context_bias": [*phrases, "one more"]})
    assert "20000 in all" in error["error"]["message"]


# Ends by the server.


def test_a_failure_is_reported_and_closed_as_one() -> None:  # rule 14
    conversation = mistral()
    conversation.execute(conversation.dialect.fail(CapacityError("all 4 streams are taken; come back later")))
    (error,) = conversation.of_type("error")
    assert error["error"] == {"message": "all 4 streams are taken; come back later", "code": 503}
    assert conversation.close == Close(1013, "capacity")
    assert conversation.dialect.fail(CapacityError("x")) == conversation.dialect.drain() == []


def test_internal_errors_give_no_details() -> None:
    conversation = mistral()
    conversation.execute(conversation.dialect.fail(EngineFailedError("/opt/models/x.onnx: bad node 7")))
    (error,) = conversation.of_type("error")
    assert error["error"]["code"] == 500 and "onnx" not in error["error"]["message"]
    assert conversation.close == Close(1011, "engine_failed")


def test_draining_sends_the_final_text() -> None:  # rule 14
    conversation = mistral()
    send_words(conversation, 2)
    conversation.execute(conversation.dialect.drain())
    assert conversation.dialect.drain() == []
    assert conversation.send("input_audio.append", audio=AUDIO) == []  # the close has been sent
    assert conversation.send("input_audio.flush") == conversation.send("input_audio.end") == []
    assert conversation.work()[-1]["text"] == "word1 word2"
    assert conversation.close == Close(1001)


def test_an_expired_session_sends_its_text_then_the_reason() -> None:
    conversation = mistral()
    send_words(conversation, 2)
    conversation.execute(conversation.dialect.drain(SessionExpiredError("a session may last 3600 s")))
    *_, done, error = conversation.work()
    assert done["text"] == "word1 word2"
    assert error["error"] == {"message": "a session may last 3600 s", "code": 408}
    assert conversation.close == Close(1013, "session_expired")


def test_an_ended_session_is_not_drained() -> None:
    conversation = mistral()
    conversation.send("input_audio.end")
    assert conversation.dialect.drain() == []
    conversation.work()
    assert conversation.close == Close(1000)


def test_keys_may_be_in_any_order_and_fields_unknown() -> None:
    conversation = mistral()
    for message in (
        '{"type":"input_audio.append","audio":"YWI="}',
        '{"x":{},"audio":"Y2Q=","type":"input_audio.append"}',
    ):
        assert conversation.send_raw(message) == []
    assert conversation.fed == b"abcd"
