"""The `openai` SDK with files, models and errors."""

from __future__ import annotations

import json
from typing import Any

from openai import APIStatusError, AsyncOpenAI
from reporting import Plan, Report, run

MODEL = "whisper-1"


def client_of(plan: Plan, key: str | None = None) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{plan.url}/v1", api_key=key or plan.key, max_retries=0)


async def transcribe(plan: Plan, **request: Any) -> Any:
    request = {"file": ("first.wav", plan.audio("first.wav")), "model": MODEL, **request}
    return await client_of(plan).audio.transcriptions.create(**request)


def report_event(report: Report, answer: Any) -> None:
    fields = {"text": answer} if isinstance(answer, str) else json.loads(answer.model_dump_json(exclude_none=True))
    report(answer=type(answer).__name__, **fields)


def report_error(report: Report, error: APIStatusError) -> None:
    body = error.body if isinstance(error.body, dict) else {}
    report(raised=type(error).__name__, status=error.status_code, code=error.code, message=body.get("message"))


async def default(plan: Plan, report: Report) -> None:
    report_event(report, await transcribe(plan))


async def formats(plan: Plan, report: Report) -> None:
    for response_format in ("json", "text", "srt", "vtt", "verbose_json"):
        report_event(report, await transcribe(plan, response_format=response_format))


async def timed_words(plan: Plan, report: Report) -> None:
    """Lists are sent as name[]."""
    request = {"response_format": "verbose_json", "timestamp_granularities": ["word", "segment"]}
    report_event(report, await transcribe(plan, **request))


async def hints(plan: Plan, report: Report) -> None:
    request = {"language": "de", "keywords": ["WHITE", "BUILT"], "prompt": "a tower", "temperature": 0.2}
    report_event(report, await transcribe(plan, **request))


async def translations(plan: Plan, report: Report) -> None:
    for response_format in ("json", "text", "srt", "vtt", "verbose_json"):
        request = {"file": ("first.wav", plan.audio("first.wav")), "model": MODEL, "prompt": "a tower"}
        answer = await client_of(plan).audio.translations.create(**request, response_format=response_format)
        report_event(report, answer)


async def streamed(plan: Plan, report: Report) -> None:
    async for event in await transcribe(plan, stream=True):
        report_event(report, event)


async def wrong_requests(plan: Plan, report: Report) -> None:
    for request in (
        {"file": ("a.wav", b"no audio at all")},
        {"response_format": "diarized_json"},
        {"language": "xx"},
        {"stream": True, "response_format": "srt"},
        {"include": ["logprobs"]},
    ):
        try:
            await transcribe(plan, **request)
        except APIStatusError as error:
            report_error(report, error)


async def bad_key(plan: Plan, report: Report) -> None:
    client = client_of(plan, "not-the-key")
    try:
        await client.audio.transcriptions.create(file=("first.wav", plan.audio("first.wav")), model=MODEL)
    except APIStatusError as error:
        report_error(report, error)
    try:
        await client.models.list()
    except APIStatusError as error:
        report_error(report, error)


async def models(plan: Plan, report: Report) -> None:
    async for model in client_of(plan).models.list():
        report(id=model.id, object=model.object, owned_by=model.owned_by, created=model.created)


if __name__ == "__main__":
    run(default, formats, timed_words, hints, translations, streamed, wrong_requests, bad_key, models, num_at_once=2)
