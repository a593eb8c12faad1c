from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.http_cases import ABLE, ENGLISH
from voxtide.protocols.http.client_secrets import mistral_answer, openai_answer, read_mistral, read_openai
from voxtide.protocols.messages import RequestRefusedError
from voxtide.protocols.session_info import SessionInfo

SESSION = {"type": "transcription", "audio": {"input": {"transcription": {"model": "tower", "language": "en"}}}}


def test_mistrals_request() -> None:
    request = read_mistral({"model": "tower", "purpose": "realtime", "ttl_seconds": 60}, ABLE)
    assert (request.prefix, request.ttl_s, request.model) == ("rt_", 60, "tower")
    assert read_mistral({"model": "tower", "ttl_seconds": None}, ABLE).ttl_s == 900
    assert read_mistral({"model": "tower", "ttl_seconds": 60.0}, ABLE).ttl_s == 60


def test_mistrals_answer() -> None:
    assert mistral_answer("rt_x", 1_700_000_000) == {
        "object": "client.session",
        "purpose": "realtime",
        "expires_at": "2023-11-14T22:13:20Z",
        "client_secret": {"value": "rt_x", "expires_at": "2023-11-14T22:13:20Z"},
    }


def test_openais_request_and_answer() -> None:
    request = read_openai({"session": SESSION, "expires_after": {"anchor": "created_at", "seconds": 60}}, ABLE)
    assert (request.prefix, request.ttl_s, request.model) == ("ek_", 60, "tower")
    answer = openai_answer("ek_x", request, ABLE, SessionInfo(session_id="sess_1", opened_at_s=0, expires_at_s=60))
    assert (answer["value"], answer["expires_at"]) == ("ek_x", 60)
    assert answer["session"]["object"] == "realtime.transcription_session"
    assert answer["session"]["audio"]["input"]["transcription"]["language"] == "en"


def test_openais_request_may_be_empty() -> None:
    request = read_openai({}, ABLE)
    assert (request.ttl_s, request.model) == (600, None)


def test_a_secret_has_no_turn_detection_without_a_vad() -> None:
    without_vad = replace(ABLE, can_detect_turns=False)
    answer = openai_answer(
        "ek_x", read_openai({}, without_vad), without_vad, SessionInfo(session_id="sess_1", opened_at_s=0)
    )
    assert answer["session"]["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "model"),
        ({"model": 1}, "model"),
        ({"model": ""}, "model"),
        ({"model": "moat"}, "model"),
        ({"model": "tower", "purpose": "chat"}, "purpose"),
        ({"model": "tower", "ttl_seconds": 9}, "ttl_seconds"),
        ({"model": "tower", "ttl_seconds": "60"}, "ttl_seconds"),
    ],
)
def test_mistrals_request_refused(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        read_mistral(body, ENGLISH)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"session": []}, "session"),
        ({"session": {"type": "realtime"}}, "session.type"),
        (
            {"session": {"audio": {"input": {"transcription": {"language": "fr"}}}}},
            "session.audio.input.transcription.language",
        ),
        ({"session": {"audio": {"input": {"transcription": {"model": 5}}}}}, "session.audio.input.transcription.model"),
        ({"expires_after": {"anchor": "never"}}, "expires_after.anchor"),
        ({"expires_after": {"seconds": 7201}}, "expires_after.seconds"),
    ],
)
def test_openais_request_refused(body: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        read_openai(body, ENGLISH)
    assert refused.value.param == param


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.dictionaries(
            st.sampled_from(
                ["session", "audio", "input", "transcription", "model", "type", "format", "rate"]
                + ["expires_after", "seconds", "anchor", "turn_detection", "purpose", "ttl_seconds"]
            ),
            inner,
            max_size=3,
        ),
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["session", "expires_after", "model", "purpose", "ttl_seconds"]), JSON))
def test_any_body_is_parsed_or_refused(body: dict[str, Any]) -> None:
    for read in (read_mistral, read_openai):
        try:
            assert 10 <= read(body, ABLE).ttl_s <= 7200
        except RequestRefusedError as refusal:
            assert refusal.reason
