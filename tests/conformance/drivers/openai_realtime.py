"""The `openai` SDK in realtime, transcription sessions. Reports the events it gives its user."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from openai import AsyncOpenAI
from reporting import Plan, Report, chunks, run

MODEL = "gpt-live-transcribe"
SESSION = {
    "type": "transcription",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24_000},
            "transcription": {"model": MODEL, "language": "en"},
            "turn_detection": None,
        }
    },
}
_TRANSCRIPTION = "conversation.item.input_audio_transcription"


def client_of(plan: Plan, key: str | None = None) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{plan.url}/v1", api_key=key or plan.key, max_retries=0)


@asynccontextmanager
async def connected(plan: Plan, key: str | None = None, **query: str) -> AsyncIterator[Any]:
    query = query or {"intent": "transcription"}
    async with client_of(plan, key).realtime.connect(extra_query=query) as connection:
        yield connection


def report_event(report: Report, event: Any) -> None:
    report(**event.model_dump(mode="json", exclude_none=True))


async def report_until(kind: str, connection: Any, report: Report) -> None:
    async for event in connection:
        report_event(report, event)
        if event.type == kind:
            return


async def send_audio(connection: Any, audio: bytes) -> None:
    for chunk in chunks(audio, 2400):
        await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())


async def turns(plan: Plan, report: Report) -> None:
    """Three items on one socket, each committed."""
    async with connected(plan) as connection:
        await report_until("session.created", connection, report)
        await connection.session.update(session=SESSION)
        await report_until("session.updated", connection, report)
        for name in ("first", "second", "first"):
            await send_audio(connection, plan.audio(f"{name}.24k"))
            await connection.input_audio_buffer.commit()
            await report_until(f"{_TRANSCRIPTION}.completed", connection, report)


async def nothing_awaited(plan: Plan, report: Report) -> None:
    """Settings, audio and commits sent before reading anything, as the frameworks do; a model in the URL."""
    async with connected(plan, model=MODEL, intent="transcription") as connection:
        await connection.session.update(session=SESSION)
        for name in ("first", "second"):
            await send_audio(connection, plan.audio(f"{name}.24k"))
            await connection.input_audio_buffer.commit()
        await report_until(f"{_TRANSCRIPTION}.completed", connection, report)
        await report_until(f"{_TRANSCRIPTION}.completed", connection, report)


async def empty_commit(plan: Plan, report: Report) -> None:
    async with connected(plan) as connection:
        await connection.session.update(session=SESSION)
        await connection.input_audio_buffer.commit()
        await send_audio(connection, plan.audio("second.24k"))
        await connection.input_audio_buffer.commit()
        await connection.input_audio_buffer.commit()
        for _ in range(3):
            await report_until(f"{_TRANSCRIPTION}.completed", connection, report)


async def cleared(plan: Plan, report: Report) -> None:
    async with connected(plan) as connection:
        await connection.session.update(session=SESSION)
        await send_audio(connection, plan.audio("first.24k"))
        await connection.input_audio_buffer.clear()
        await report_until("input_audio_buffer.cleared", connection, report)
        await send_audio(connection, plan.audio("second.24k"))
        await connection.input_audio_buffer.commit()
        await report_until(f"{_TRANSCRIPTION}.completed", connection, report)


async def telephone(plan: Plan, report: Report) -> None:
    audio_input = {**SESSION["audio"]["input"], "format": {"type": "audio/pcmu"}}
    async with connected(plan) as connection:
        await connection.session.update(session={**SESSION, "audio": {"input": audio_input}})
        await send_audio(connection, plan.audio("first.mulaw"))
        await connection.input_audio_buffer.commit()
        await report_until(f"{_TRANSCRIPTION}.completed", connection, report)


async def delays(plan: Plan, report: Report) -> None:
    """A delay by its name, and an unknown one."""
    async with connected(plan) as connection:
        for delay in ("minimal", "tomorrow"):
            transcription = {"model": MODEL, "delay": delay}
            await connection.session.update(
                session={"type": "transcription", "audio": {"input": {"transcription": transcription}}}
            )
            await report_until("session.updated", connection, report)


async def malformed(plan: Plan, report: Report) -> None:
    """Bad base64, an unknown type, another kind of session: errors, and the session continues."""
    async with connected(plan) as connection:
        await connection.input_audio_buffer.append(audio="?", event_id="bad-audio")
        await report_until("error", connection, report)
        await connection.send({"type": "response.create"})
        await report_until("error", connection, report)
        await connection.session.update(session={"type": "realtime"})
        await report_until("error", connection, report)
        await connection.session.update(session=SESSION)
        await send_audio(connection, plan.audio("second.24k"))
        await connection.input_audio_buffer.commit()
        await report_until(f"{_TRANSCRIPTION}.completed", connection, report)


async def oversize_message(plan: Plan, report: Report) -> None:
    """A message over this server's limit: an error, then a close."""
    async with connected(plan) as connection:
        await connection.input_audio_buffer.append(audio=base64.b64encode(bytes(3_500_000)).decode())
        try:
            await report_until("error", connection, report)
            await report_until("never", connection, report)
        except Exception as error:
            report(raised=type(error).__name__, message=str(error))


async def bad_key(plan: Plan, report: Report) -> None:
    try:
        async with connected(plan, "not-the-key"):
            pass
    except Exception as error:
        report(raised=type(error).__name__, message=str(error))


async def client_secret(plan: Plan, report: Report) -> None:
    """A key is exchanged for a browser token, which opens a session."""
    secret = await client_of(plan).realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 60}, session=SESSION
    )
    report(prefix=secret.value[:3], object=secret.session.object, kind=secret.session.type)
    async with connected(plan, secret.value) as connection:
        await report_until("session.created", connection, report)


async def server_turns(plan: Plan, report: Report) -> None:
    """The server detects the turns in a recording; for a server with a real engine."""
    audio_input = {**SESSION["audio"]["input"], "turn_detection": {"type": "server_vad"}}
    async with connected(plan) as connection:
        await connection.session.update(session={**SESSION, "audio": {"input": audio_input}})
        await send_audio(connection, plan.audio("speech.24k"))
        await connection.input_audio_buffer.commit()
        num_open = 1
        async for event in connection:
            report_event(report, event)
            num_open += event.type == "input_audio_buffer.speech_stopped"
            num_open -= event.type == f"{_TRANSCRIPTION}.completed"
            if num_open == 0:
                return


if __name__ == "__main__":
    run(
        turns,
        nothing_awaited,
        empty_commit,
        cleared,
        telephone,
        delays,
        malformed,
        oversize_message,
        bad_key,
        client_secret,
        if_named=(server_turns,),
    )
