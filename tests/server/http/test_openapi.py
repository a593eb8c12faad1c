"""The server conforms to its /openapi.json under a bounded number of generated requests, valid and invalid."""

from __future__ import annotations

import asyncio
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.support.http_calls import PATH, call, files_server, spoken
from voxtide.server.config import ServerConfig

NUM_REQUESTS = 12
"""Per operation; about a second for all."""

OPERATIONS = [
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "POST /v1/audio/transcriptions",
    "POST /v1/audio/translations",
    "GET /v1/models",
    "GET /v1/models/{model_id}",
    "POST /v1/client/sessions",
    "POST /v1/realtime/client_secrets",
]


ANSWERED = [
    {},
    {"response_format": "text"},
    {"response_format": "srt"},
    {"response_format": "vtt"},
    {"response_format": "verbose_json", "timestamp_granularities[]": "word"},
    {"diarize": "false", "stream": "false", "timestamp_granularities": "segment"},
    {"stream": "true"},
    {"diarize": "true", "stream": "false"},
    {"temperature": "hot", "diarize": "false"},
    {"response_format": "diarized_json"},
]


async def test_every_kind_of_transcript_conforms() -> None:
    file = {"file": ("talk.wav", spoken("tower"))}
    async with files_server() as server:
        document = (await call(server, "GET", "/openapi.json")).json
        operation = schemathesis.openapi.from_dict(document)[PATH]["POST"]
        url = f"http://127.0.0.1:{server.port}{PATH}"
        for fields in ANSWERED:
            answer = await asyncio.to_thread(requests.post, url, data=fields, files=file, timeout=60)
            operation.validate_response(answer)


async def test_the_server_conforms_to_its_openapi_document() -> None:
    async with files_server(ServerConfig(keys=("key",))) as server:
        document = (await call(server, "GET", "/openapi.json")).json
        schema = schemathesis.openapi.from_dict(document)
        schema.config.update(base_url=f"http://127.0.0.1:{server.port}")
        operations = [found.ok() for found in schema.get_all_operations()]
        assert sorted(operation.label for operation in operations) == sorted(OPERATIONS)
        for operation in operations:
            await asyncio.to_thread(check_operation, operation)


def check_operation(operation: Any) -> None:
    # A schema cannot express "audio" or "existing host", so generated files and URLs are rightly refused.
    excluded = [positive_data_acceptance] if operation.path in (PATH, "/v1/audio/translations") else []
    takes_input = bool({"parameters", "requestBody"} & operation.definition.raw.keys())

    @settings(
        max_examples=NUM_REQUESTS,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        modes = list(schemathesis.GenerationMode) if takes_input else [schemathesis.GenerationMode.POSITIVE]
        case = data.draw(st.sampled_from(modes).flatmap(lambda mode: operation.as_strategy(generation_mode=mode)))
        case.call_and_validate(headers={"Authorization": "Bearer key"}, excluded_checks=excluded)

    check()
