"""The message order of vLLM's realtime example, over `websockets`. (vLLM itself takes gigabytes.)

session.created -> session.update(model) -> commit -> append... -> commit(final) -> delta... -> done -> commit -> ...
"""

from __future__ import annotations

import base64
import json
from typing import Any

from reporting import Plan, Report, chunks, run
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

MODEL = "mistralai/Voxtral-Mini-4B-Realtime-2602"


def connected(plan: Plan, key: str | None = None) -> connect:
    headers = {"Authorization": f"Bearer {key or plan.key}"}
    return connect(f"{plan.ws_url}/v1/realtime", additional_headers=headers)


async def send(socket: ClientConnection, kind: str, **fields: Any) -> None:
    await socket.send(json.dumps({"type": kind, **fields}))


async def report_until(kind: str, socket: ClientConnection, report: Report) -> None:
    async for message in socket:
        event = json.loads(message)
        report(**event)
        if event["type"] == kind:
            return


async def generate(socket: ClientConnection, audio: bytes, report: Report) -> None:
    """One utterance, as in the example."""
    await send(socket, "input_audio_buffer.commit")
    for chunk in chunks(audio, 4096):
        await send(socket, "input_audio_buffer.append", audio=base64.b64encode(chunk).decode())
    await send(socket, "input_audio_buffer.commit", final=True)
    await report_until("transcription.done", socket, report)


async def turns(plan: Plan, report: Report) -> None:
    async with connected(plan) as socket:
        await report_until("session.created", socket, report)
        await send(socket, "session.update", model=MODEL)
        for name in ("first", "second", "first"):
            await generate(socket, plan.audio(name), report)


async def microphone(plan: Plan, report: Report) -> None:
    """As in the microphone example: endless audio with deltas meanwhile, without waiting for a `done`."""
    async with connected(plan) as socket:
        await report_until("session.created", socket, report)
        await send(socket, "session.update", model=MODEL)
        await send(socket, "input_audio_buffer.commit")
        for chunk in chunks(plan.audio("first") + bytes(64_000)):
            await send(socket, "input_audio_buffer.append", audio=base64.b64encode(chunk).decode())
        await report_until("transcription.delta", socket, report)


async def final_twice(plan: Plan, report: Report) -> None:
    async with connected(plan) as socket:
        await send(socket, "session.update", model=MODEL)
        await generate(socket, plan.audio("first"), report)
        await send(socket, "input_audio_buffer.commit", final=True)
        await report_until("transcription.done", socket, report)


async def malformed(plan: Plan, report: Report) -> None:
    """Errors do not close the socket, as in vLLM."""
    async with connected(plan) as socket:
        await send(socket, "session.update", model=MODEL)
        for kind, fields in (
            ("input_audio_buffer.append", {"audio": "?"}),
            ("input_audio_buffer.append", {"audio": ""}),
            ("no.such", {}),
            ("session.update", {}),
        ):
            await send(socket, kind, **fields)
            await report_until("error", socket, report)
        await generate(socket, plan.audio("second"), report)


async def bad_key(plan: Plan, report: Report) -> None:
    try:
        async with connected(plan, "not-the-key"):
            pass
    except InvalidStatus as error:
        report(status=error.response.status_code)


if __name__ == "__main__":
    run(turns, microphone, final_twice, malformed, bad_key)
