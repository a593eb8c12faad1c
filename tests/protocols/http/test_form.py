from __future__ import annotations

import pytest

from voxtide.protocols.http.form import Fields, Form, form_of
from voxtide.protocols.messages import RequestRefusedError

SPEAKEASY = {"user-agent": "speakeasy-sdk/python 3.7.0 2.8 1.0 mistralai"}


@pytest.mark.parametrize(
    ("names", "headers", "form"),
    [
        (["model"], {}, Form.OPENAI),
        (["model"], {"user-agent": "curl/8.5.0"}, Form.OPENAI),
        (["model"], SPEAKEASY, Form.MISTRAL),
        (["model", "stream", "diarize"], {}, Form.MISTRAL),
        (["model", "file_url"], {}, Form.MISTRAL),
        (["diarize", "context_bias[]"], {}, Form.MISTRAL),  # Mistral's SDK 1.x
        (["timestamp_granularities"], {}, Form.MISTRAL),
        (["timestamp_granularities[]"], {}, Form.OPENAI),
        (["timestamp_granularities", "response_format"], {}, Form.OPENAI),
        (["prompt"], SPEAKEASY, Form.OPENAI),
        (["chunking_strategy[type]"], {}, Form.OPENAI),
        (["context_bias", "response_format"], SPEAKEASY, Form.OPENAI),
    ],
)
def test_the_form_is_detected(names: list[str], headers: dict[str, str], form: Form) -> None:
    assert form_of(Fields([(name, "x") for name in names]), headers) is form


def test_lists_are_the_same_with_brackets_and_without() -> None:  # rule 19
    fields = Fields([("keywords[]", "a"), ("keywords", "b"), ("keywords[]", "c")])
    assert fields.all("keywords") == ["a", "b", "c"]


def test_an_empty_value_is_ignored() -> None:
    fields = Fields([("language", ""), ("prompt", "x")])
    assert (fields.one("language"), fields.given_names) == (None, ["prompt"])


def test_a_single_field_given_twice_is_refused() -> None:
    with pytest.raises(RequestRefusedError, match="language was given 2 times"):
        Fields([("language", "en"), ("language", "de")]).one("language")
