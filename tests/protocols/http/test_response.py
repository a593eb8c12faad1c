from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.support.http_cases import ABLE, ENGLISH, MODEL, TRANSCRIPT, request
from voxtide.protocols.http.form import Form
from voxtide.protocols.http.response import answer_of, model_list, model_names
from voxtide.types import StreamOptions, Transcript

EMPTY = Transcript("", (), None, 0.0)


def test_json() -> None:
    answer = answer_of(request(), TRANSCRIPT, MODEL)
    assert answer.media_type == "application/json"
    assert json.loads(answer.body) == {
        "text": "The White Tower. London.",
        "usage": {"type": "duration", "seconds": 5},
    }


@pytest.mark.parametrize(
    ("name", "body", "media_type"),
    [
        ("text", "The White Tower. London.\n", "text/plain"),
        (
            "srt",
            "1\n00:00:00,500 --> 00:00:01,750\nThe White Tower.\n\n2\n00:00:03,000 --> 00:00:03,833\nLondon.\n",
            "text/plain",
        ),
        (
            "vtt",
            "WEBVTT\n\n00:00:00.500 --> 00:00:01.750\nThe White Tower.\n\n00:00:03.000 --> 00:00:03.833\nLondon.\n",
            "text/vtt",
        ),
    ],
)
def test_formats_other_than_json(name: str, body: str, media_type: str) -> None:
    answer = answer_of(request(response_format=name), TRANSCRIPT, MODEL)
    assert (answer.body, answer.media_type) == (body, f"{media_type}; charset=utf-8")


def test_verbose_json_has_every_field_that_typed_clients_require() -> None:
    body = json.loads(answer_of(request(response_format="verbose_json"), TRANSCRIPT, MODEL).body)
    first, second = body.pop("segments")
    assert body == {
        "task": "transcribe",
        "language": "en",
        "duration": 4.2,
        "text": "The White Tower. London.",
        "usage": {"type": "duration", "seconds": 5},
    }
    assert first.pop("compression_ratio") > 0
    assert first == {
        "id": 0,
        "seek": 50,
        "start": 0.5,
        "end": 1.75,
        "text": "The White Tower.",
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": 0.0,
        "no_speech_prob": 0.0,
    }
    assert second["id"] == 1


@pytest.mark.parametrize(
    ("granularities", "keys"),
    [
        (set(), {"segments"}),
        ({"segment"}, {"segments"}),
        ({"word"}, {"words"}),
        ({"word", "segment"}, {"segments", "words"}),
    ],
)
def test_verbose_json_times_the_requested_granularities(granularities: set[str], keys: set[str]) -> None:
    requested = request(response_format="verbose_json", granularities=frozenset(granularities))
    body = json.loads(answer_of(requested, TRANSCRIPT, MODEL).body)
    assert keys == {"segments", "words"} & body.keys()
    if "words" in keys:
        assert body["words"][-1] == {"word": "London.", "start": 3.0, "end": 3.5}


def test_verbose_json_names_an_unknown_language_und() -> None:
    assert json.loads(answer_of(request(response_format="verbose_json"), EMPTY, MODEL).body)["language"] == "und"


@pytest.mark.parametrize(
    ("granularities", "texts"),
    [
        (set(), []),
        ({"segment"}, ["The White Tower.", "London."]),
        ({"word"}, ["The", "White", "Tower.", "London."]),
        ({"word", "segment"}, ["The", "White", "Tower.", "London."]),
    ],
)
def test_mistrals_segments_have_the_requested_granularity(granularities: set[str], texts: list[str]) -> None:
    requested = request(Form.MISTRAL, granularities=frozenset(granularities))
    body = json.loads(answer_of(requested, TRANSCRIPT, MODEL).body)
    assert [segment["text"] for segment in body["segments"]] == texts
    assert all(segment.keys() == {"type", "text", "start", "end"} for segment in body["segments"])


def test_mistrals_body_has_whole_seconds_and_a_language_that_may_be_null() -> None:
    body = json.loads(answer_of(request(Form.MISTRAL), replace(TRANSCRIPT, language=None), MODEL).body)
    assert body["language"] is None
    assert body["model"] == MODEL
    assert body["usage"]["prompt_audio_seconds"] == 5
    assert type(body["usage"]["prompt_audio_seconds"]) is int


@pytest.mark.parametrize("form", Form)
def test_the_requested_language_is_in_the_answer(form: Form) -> None:
    requested = replace(request(form, response_format="verbose_json"), options=StreamOptions(language="de"))
    assert json.loads(answer_of(requested, EMPTY, MODEL).body)["language"] == "de"


def test_each_name_is_listed_once() -> None:
    assert model_names(ENGLISH) == ("tower", "keep")
    assert model_names(ABLE) == ("tower",)


def test_a_card_has_what_both_sdks_need() -> None:
    body = model_list(ABLE, 1_700_000_000)
    assert body["object"] == "list"
    (card,) = body["data"]
    assert {"id": "tower", "object": "model", "created": 1_700_000_000, "owned_by": "voxtide"}.items() <= card.items()
    assert card["type"] == "base"  # Mistral's SDK selects the card's class by it
    assert card["capabilities"]["audio_transcription"]
    assert card["capabilities"]["context_bias"] is ABLE.can_use_vocabulary is True
    assert model_list(ENGLISH, 0)["data"][0]["capabilities"]["context_bias"] is False
