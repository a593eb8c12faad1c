"""The `openai` SDK on the realtime wire, transcription sessions. Reports the events it gives its user."""

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


def tell(report: Report, event: Any) -> None:
    report(**event.model_dump(mode="json", exclude_none=True))


async def tell_until(kind: str, connection: Any, report: Report) -> None:
    async for event in connection:
        tell(report, event)
        if event.type == kind:
            return


async def say(connection: Any, audio: bytes) -> None:
    for chunk in chunks(audio, 2400):
        await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())


async def turns(plan: Plan, report: Report) -> None:
    """Three items on one socket, each committed."""
    async with connected(plan) as connection:
        await tell_until("session.created", connection, report)
        await connection.session.update(session=SESSION)
        await tell_until("session.updated", connection, report)
        for name in ("first", "second", "first"):
            await say(connection, plan.audio(f"{name}.24k"))
            await connection.input_audio_buffer.commit()
            await tell_until(f"{_TRANSCRIPTION}.completed", connection, report)


async def nothing_awaited(plan: Plan, report: Report) -> None:
    """Settings, audio and commits sent before anything was read, as the frameworks do; a model in the URL."""
    async with connected(plan, model=MODEL, intent="transcription") as connection:
        await connection.session.update(session=SESSION)
        for name in ("first", "second"):
            await say(connection, plan.audio(f"{name}.24k"))
            await connection.input_audio_buffer.commit()
        await tell_until(f"{_TRANSCRIPTION}.completed", connection, report)
        await tell_until(f"{_TRANSCRIPTION}.completed", connection, report)


async def empty_commit(plan: Plan, report: Report) -> None:
    async with connected(plan) as connection:
        await connection.session.update(session=SESSION)
        await connection.input_audio_buffer.commit()
        await say(connection, plan.audio("second.24k"))
        await connection.input_audio_buffer.commit()
        await connection.input_audio_buffer.commit()
        for _ in range(3):
            await tell_until(f"{_TRANSCRIPTION}.completed", connection, report)


async def cleared(plan: Plan, report: Report) -> None:
    async with connected(plan) as connection:
        await connection.session.update(session=SESSION)
        await say(connection, plan.audio("first.24k"))
        await connection.input_audio_buffer.clear()
        await tell_until("input_audio_buffer.cleared", connection, report)
        await say(connection, plan.audio("second.24k"))
        await connection.input_audio_buffer.commit()
        await tell_until(f"{_TRANSCRIPTION}.completed", connection, report)


async def telephone(plan: Plan, report: Report) -> None:
    audio_input = {**SESSION["audio"]["input"], "format": {"type": "audio/pcmu"}}
    async with connected(plan) as connection:
        await connection.session.update(session={**SESSION, "audio": {"input": audio_input}})
        await say(connection, plan.audio("first.mulaw"))
        await connection.input_audio_buffer.commit()
        await tell_until(f"{_TRANSCRIPTION}.completed", connection, report)


async def delays(plan: Plan, report: Report) -> None:
    """A delay by its name, and one that there is not."""
    async with connected(plan) as connection:
        for delay in ("minimal", "tomorrow"):
            transcription = {"model": MODEL, "delay": delay}
            await connection.session.update(
                session={"type": "transcription", "audio": {"input": {"transcription": transcription}}}
            )
            await tell_until("session.updated", connection, report)


async def malformed(plan: Plan, report: Report) -> None:
    """Bad base64, an unknown type, another kind of session: errors, and the session lives."""
    async with connected(plan) as connection:
        await connection.input_audio_buffer.append(audio="?", event_id="bad-audio")
        await tell_until("error", connection, report)
        await connection.send({"type": "response.create"})
        await tell_until("error", connection, report)
        await connection.session.update(session={"type": "realtime"})
        await tell_until("error", connection, report)
        await connection.session.update(session=SESSION)
        await say(connection, plan.audio("second.24k"))
        await connection.input_audio_buffer.commit()
        await tell_until(f"{_TRANSCRIPTION}.completed", connection, report)


async def oversize_message(plan: Plan, report: Report) -> None:
    """Longer than this server's messages may be: it says so, then closes."""
    async with connected(plan) as connection:
        await connection.input_audio_buffer.append(audio=base64.b64encode(bytes(3_500_000)).decode())
        try:
            await tell_until("error", connection, report)
            await tell_until("never", connection, report)
        except Exception as error:
            report(raised=type(error).__name__, message=str(error))


async def bad_key(plan: Plan, report: Report) -> None:
    try:
        async with connected(plan, "not-the-key"):
            pass
    except Exception as error:
        report(raised=type(error).__name__, message=str(error))


async def client_secret(plan: Plan, report: Report) -> None:
    """A key becomes a token for a browser; the token opens a session."""
    secret = await client_of(plan).realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 60}, session=SESSION
    )
    report(prefix=secret.value[:3], object=secret.session.object, kind=secret.session.type)
    async with connected(plan, secret.value) as connection:
        await tell_until("session.created", connection, report)


async def server_turns(plan: Plan, report: Report) -> None:
    """The server finds the turns in a recording; for a server with a real engine."""
    audio_input = {**SESSION["audio"]["input"], "turn_detection": {"type": "server_vad"}}
    async with connected(plan) as connection:
        await connection.session.update(session={**SESSION, "audio": {"input": audio_input}})
        await say(connection, plan.audio("speech.24k"))
        await connection.input_audio_buffer.commit()
        num_open = 1
        async for event in connection:
            tell(report, event)
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
