from __future__ import annotations

from tests.support.http_calls import call, files_server


async def test_models_are_listed_and_told() -> None:
    async with files_server() as server:
        listed = await call(server, "GET", "/v1/models")
        told = await call(server, "GET", "/v1/models/tones")
    assert [card["id"] for card in listed.json["data"]] == ["tones"]
    assert told.json == listed.json["data"][0]


async def test_a_model_that_there_is_not_is_told_in_the_clients_form() -> None:
    async with files_server() as server:
        openai = await call(server, "GET", "/v1/models/acme%2Ftones")
        mistral = await call(server, "GET", "/v1/models/acme", headers={"User-Agent": "mistralai"})
    assert (openai.status, openai.json["error"]["code"]) == (404, "model_not_found")
    assert "'acme/tones'" in openai.json["error"]["message"]
    assert (mistral.status, mistral.json["object"]) == (404, "error")
