from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.protocols.fields import number, object_of, strings, switch, whole_number
from voxtide.protocols.messages import (
    MAX_SHOWN_CHARS,
    RequestRefusedError,
    handler_of,
    read_audio,
    read_message,
    write_message,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(st.text() | st.binary())
def test_any_input_is_parsed_or_refused(message: str | bytes) -> None:
    try:
        assert isinstance(read_message(message), dict)
    except RequestRefusedError as refusal:
        assert (refusal.code, refusal.status) == ("invalid_json", 400)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_written_messages_are_ascii_and_parse_back(message: dict[str, Any]) -> None:
    text = write_message(message)
    assert text.isascii()
    assert repr(read_message(text)) == repr(json.loads(json.dumps(message)))  # NaN is not itself, but looks it


@given(st.binary(max_size=100), st.integers(0, 100))
def test_audio_round_trips_or_is_refused_for_its_size(payload: bytes, max_bytes: int) -> None:
    audio = base64.b64encode(payload).decode()
    if len(payload) <= max_bytes:
        assert read_audio(audio, max_bytes=max_bytes) == payload
        return
    with pytest.raises(RequestRefusedError, match="smaller pieces") as refused:
        read_audio(audio, max_bytes=max_bytes)
    assert refused.value.status == 413


@pytest.mark.parametrize(
    "audio", [None, 7, ["AAAA"], "AAA", "A===", "AA_-", " AAAA", "AAAA\n", "ÄÄÄÄ", "AA==AA==", "AAAA=", "=AAA"]
)
def test_invalid_base64_is_refused(audio: object) -> None:
    with pytest.raises(RequestRefusedError) as refused:
        read_audio(audio, max_bytes=100)
    assert refused.value.code == "invalid_audio"


def test_a_type_finds_its_handler() -> None:
    assert handler_of({"type": "b"}, {"a": 1, "b": 2}) == 2
    for message in ({}, {"type": None}, {"type": {}}, {"type": "c"}):
        with pytest.raises(RequestRefusedError, match="known are a, b"):
            handler_of(message, {"a": 1, "b": 2})
    with pytest.raises(RequestRefusedError, match=f"no message is of type '{'c' * MAX_SHOWN_CHARS}'; known"):
        handler_of({"type": "c" * 10_000}, {"a": 1})


@given(json_values)
def test_fields_have_their_type_or_are_refused_by_name(value: Any) -> None:
    for read, is_right in (
        (lambda: number(value, "it", 0, 1), lambda got: type(got) is float and 0 <= got <= 1),
        (lambda: whole_number(value, "it", -5, 5), lambda got: type(got) is int and -5 <= got <= 5),
        (lambda: switch(value, "it"), lambda got: got is (value is True)),
        (lambda: strings(value, "it", 2), lambda got: len(got) <= 2 and all(isinstance(item, str) for item in got)),
        (lambda: object_of(value, "it"), lambda got: got == (value or {})),
    ):
        try:
            assert is_right(read())
        except RequestRefusedError as refusal:
            assert refusal.reason.startswith("it m") and refusal.param == "it"


@pytest.mark.parametrize("value", [True, "1", None, [], -0.1, 1.1, float("nan"), float("inf"), 10**400])
def test_numbers_out_of_range_are_refused(value: object) -> None:
    with pytest.raises(RequestRefusedError, match="from 0 to 1"):
        number(value, "it", 0, 1)
    with pytest.raises(RequestRefusedError, match="whole number from 0 to 1"):
        whole_number(value, "it", 0, 1)


def test_null_is_the_default_if_there_is_one() -> None:
    assert number(None, "it", 0, 1, default=0.5) == 0.5
    assert whole_number(None, "it", 0, 9, default=5) == 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "x", "a": "y"}', {"a": "y"}),
        ('{"a": 18446744073709551616}', {"a": 2**64}),
        ('{"a": "x", "b": -9223372036854775809}', {"a": "x", "b": -(2**63) - 1}),
        ('{"a": 1e400}', {"a": float("inf")}),
        ('{"a": "\\ud800"}', {"a": "\ud800"}),
        ('{"a": "\\u00e4\\n"}', {"a": "ä\n"}),
        ("{}", {}),
    ],
)
def test_messages_parse_as_with_the_json_module(text: str, value: object) -> None:
    assert read_message(text) == read_message(text.encode()) == value
    assert repr(read_message(text)) == repr(value)  # 2**64 equals its float


@pytest.mark.parametrize("text", ['\ufeff{"a": "x"}', '{"a": "x"} x', '{"a": "x",}', "[" * 100_000, '{"a": "\n"}'])
def test_parse_errors_quote_the_json_module(text: str) -> None:
    with pytest.raises(RequestRefusedError, match="not the text of a JSON object") as refused:
        read_message(text)
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        assert refused.value.reason.endswith(str(error))
