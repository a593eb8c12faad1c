from __future__ import annotations

from tests.support.http_calls import call, files_server


async def test_models_are_listed_and_returned() -> None:
    async with files_server() as server:
        listed = await call(server, "GET", "/v1/models")
        model = await call(server, "GET", "/v1/models/tones")
    assert [card["id"] for card in listed.json["data"]] == ["tones"]
    assert model.json == listed.json["data"][0]


async def test_an_unknown_model_is_an_error_in_the_clients_form() -> None:
    async with files_server() as server:
        openai = await call(server, "GET", "/v1/models/acme%2Ftones")
        mistral = await call(server, "GET", "/v1/models/acme", headers={"User-Agent": "mistralai"})
    assert (openai.status, openai.json["error"]["code"]) == (404, "model_not_found")
    assert "'acme/tones'" in openai.json["error"]["message"]
    assert (mistral.status, mistral.json["object"]) == (404, "error")
