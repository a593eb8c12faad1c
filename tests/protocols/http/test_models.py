from __future__ import annotations

from tests.support.http_cases import ABLE, ENGLISH
from voxtide.protocols.http.response import model_list, model_names


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
