"""The `mistralai` SDK with files, models and client secrets, any of its three major versions."""

from __future__ import annotations

import json
from typing import Any

from reporting import Plan, Report, run

try:
    from mistralai.client import Mistral
except ImportError:  # 1.x
    from mistralai import Mistral

MODEL = "voxtral-mini-latest"


def client_of(plan: Plan, key: str | None = None) -> Any:
    return Mistral(api_key=key or plan.key, server_url=plan.url)


def file_of(plan: Plan, name: str) -> dict[str, Any]:
    return {"content": plan.audio(name), "file_name": name}


def report_event(report: Report, answer: Any) -> None:
    report(answer=type(answer).__name__, **json.loads(answer.model_dump_json()))


def report_error(report: Report, error: Exception) -> None:
    report(raised=type(error).__name__, status=getattr(error, "status_code", None), body=getattr(error, "body", ""))


async def file(plan: Plan, report: Report) -> None:
    transcriptions = client_of(plan).audio.transcriptions
    report_event(report, await transcriptions.complete_async(model=MODEL, file=file_of(plan, "first.wav")))


async def options(plan: Plan, report: Report) -> None:
    """Lists are sent by repeating their field."""
    answer = await client_of(plan).audio.transcriptions.complete_async(
        model=MODEL,
        file=file_of(plan, "first.wav"),
        language="de",
        temperature=0.0,
        context_bias=["WHITE", "BUILT"],
        timestamp_granularities=["segment"],
    )
    report_event(report, answer)


async def streamed(plan: Plan, report: Report) -> None:
    transcriptions = client_of(plan).audio.transcriptions
    async with await transcriptions.stream_async(model=MODEL, file=file_of(plan, "first.wav")) as events:
        async for event in events:
            report(event=event.event, **json.loads(event.data.model_dump_json()))


async def wrong_requests(plan: Plan, report: Report) -> None:
    transcriptions = client_of(plan).audio.transcriptions
    wav = file_of(plan, "first.wav")
    for request in (
        {"file": {"content": b"no audio at all", "file_name": "a.wav"}},
        {"file": {"content": b"", "file_name": "a.wav"}},
        {"file": wav, "language": "xx"},
        {"file": wav, "diarize": True},
        {"file_id": "00000000-0000-0000-0000-000000000000"},
        {"file_url": "file:///etc/passwd"},
    ):
        try:
            await transcriptions.complete_async(model=MODEL, **request)
        except Exception as error:
            report_error(report, error)


async def wrong_stream(plan: Plan, report: Report) -> None:
    try:
        request = {"content": b"no audio at all", "file_name": "a.wav"}
        async with await client_of(plan).audio.transcriptions.stream_async(model=MODEL, file=request) as events:
            async for event in events:
                report(event=event.event)
    except Exception as error:
        report_error(report, error)


async def bad_key(plan: Plan, report: Report) -> None:
    client = client_of(plan, "not-the-key")
    try:
        await client.audio.transcriptions.complete_async(model=MODEL, file=file_of(plan, "first.wav"))
    except Exception as error:
        report_error(report, error)
    try:
        await client.models.list_async()
    except Exception as error:
        report_error(report, error)


async def models(plan: Plan, report: Report) -> None:
    answer = await client_of(plan).models.list_async()
    for model in answer.data:
        report_event(report, model)


async def client_secret(plan: Plan, report: Report) -> None:
    """A key is exchanged for a browser token, which opens a session. 1.x has no call for it."""
    client = client_of(plan)
    if not hasattr(client, "realtime"):
        return
    answer = await client.realtime.sessions.create_async(
        request={"purpose": "realtime", "model": MODEL, "ttl_seconds": 60}
    )
    value = answer.client_secret.value
    report(object=answer.object, prefix=value[:3])
    connection = await client_of(plan, value).audio.realtime.connect(model=MODEL)
    report(model=connection.session.model)
    await connection.close()


if __name__ == "__main__":
    run(file, options, streamed, wrong_requests, wrong_stream, bad_key, models, client_secret, num_at_once=2)
