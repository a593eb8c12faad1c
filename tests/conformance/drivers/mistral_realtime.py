"""The `mistralai` SDK in realtime, any of its three major versions. Reports the events it gives its user."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from reporting import Plan, Report, chunks, run

try:
    from mistralai.client import Mistral
    from mistralai.client.models import AudioFormat
except ImportError:  # 1.x
    from mistralai import Mistral
    from mistralai.models import AudioFormat

MODEL = "voxtral-mini-transcribe-realtime-2602"
PCM_16K = AudioFormat(encoding="pcm_s16le", sample_rate=16_000)


async def connect(plan: Plan, **options: Any) -> Any:
    options = {"model": MODEL, "audio_format": PCM_16K, **options}
    return await Mistral(api_key=plan.key, server_url=plan.url).audio.realtime.connect(**options)


def report_event(report: Report, event: Any) -> None:
    report(event=type(event).__name__, **json.loads(event.model_dump_json()))


async def report_until(kind: str, events: AsyncIterator[Any], report: Report) -> None:
    async for event in events:
        report_event(report, event)
        if event.type == kind:
            return


async def send_audio(connection: Any, audio: bytes) -> None:
    for chunk in chunks(audio):
        await connection.send_audio(chunk)


async def turns(plan: Plan, report: Report) -> None:
    """Three utterances on one socket, each flushed; then the end."""
    async with await connect(plan) as connection:
        report(request_id=connection.request_id, model=connection.session.model)
        events = connection.events()
        for name in ("first", "second", "first"):
            await send_audio(connection, plan.audio(name))
            await connection.flush_audio()
            await report_until("transcription.done", events, report)
        await connection.end_audio()
        async for event in events:
            report_event(report, event)
        report(is_closed=connection.is_closed)


async def defaults(plan: Plan, report: Report) -> None:
    """No settings, as with LiveKit's plugin."""
    async with await connect(plan, audio_format=None) as connection:
        await send_audio(connection, plan.audio("first"))
        await connection.end_audio()
        async for event in connection:
            report_event(report, event)


async def stream_helper(plan: Plan, report: Report) -> None:
    """`transcribe_stream` sends flush and end together and stops at the first `done`."""

    async def audio() -> AsyncIterator[bytes]:
        for chunk in chunks(plan.audio("first")):
            yield chunk

    client = Mistral(api_key=plan.key, server_url=plan.url)
    async for event in client.audio.realtime.transcribe_stream(audio(), model=MODEL, audio_format=PCM_16K):
        report_event(report, event)


async def flush_twice(plan: Plan, report: Report) -> None:
    async with await connect(plan) as connection:
        events = connection.events()
        await send_audio(connection, plan.audio("first"))
        await connection.flush_audio()
        await connection.flush_audio()
        await report_until("transcription.done", events, report)
        await report_until("transcription.done", events, report)
        await send_audio(connection, plan.audio("second"))
        await connection.end_audio()
        async for event in events:
            report_event(report, event)


async def empty_flush(plan: Plan, report: Report) -> None:
    """A flush before any audio, then one after speech."""
    async with await connect(plan) as connection:
        events = connection.events()
        await connection.flush_audio()
        await report_until("transcription.done", events, report)
        await send_audio(connection, plan.audio("second"))
        await connection.flush_audio()
        await report_until("transcription.done", events, report)


async def end_twice(plan: Plan, report: Report) -> None:
    async with await connect(plan) as connection:
        await connection.end_audio()
        await connection.end_audio()
        async for event in connection:
            report_event(report, event)


async def delay_accepted(plan: Plan, report: Report) -> None:
    async with await connect(plan, target_streaming_delay_ms=480) as connection:
        events = connection.events()
        await report_until("session.updated", events, report)
        report(delay_ms=connection.session.target_streaming_delay_ms)
        await send_audio(connection, plan.audio("first"))
        await connection.flush_audio()
        await report_until("transcription.done", events, report)


async def delay_refused(plan: Plan, report: Report) -> None:
    async with await connect(plan, target_streaming_delay_ms=481) as connection:
        events = connection.events()
        await report_until("session.updated", events, report)
        await send_audio(connection, plan.audio("first"))
        await connection.flush_audio()
        await report_until("transcription.done", events, report)


async def telephone(plan: Plan, report: Report) -> None:
    audio_format = AudioFormat(encoding="pcm_mulaw", sample_rate=8_000)
    async with await connect(plan, audio_format=audio_format) as connection:
        events = connection.events()
        await report_until("session.updated", events, report)
        report(format=json.loads(connection.audio_format.model_dump_json()))
        await connection.send_audio(plan.audio("first.mulaw"))
        await connection.flush_audio()
        await report_until("transcription.done", events, report)


async def late_settings(plan: Plan, report: Report) -> None:
    async with await connect(plan) as connection:
        events = connection.events()
        await send_audio(connection, plan.audio("first"))
        await connection.update_session(PCM_16K)
        await report_until("error", events, report)
        await connection.flush_audio()
        await report_until("transcription.done", events, report)


async def oversize_append(plan: Plan, report: Report) -> None:
    async with await connect(plan) as connection:
        events = connection.events()
        await connection.send_audio(bytes(300_000))
        await report_until("error", events, report)
        await send_audio(connection, plan.audio("first"))
        await connection.flush_audio()
        await report_until("transcription.done", events, report)


async def malformed(plan: Plan, report: Report) -> None:
    """Messages that no SDK sends, on an SDK's socket: its user still gets errors that it parses."""
    async with await connect(plan) as connection:
        events = connection.events()
        for message in ("{", '{"type": "input_audio.append", "audio": "?"}', '{"type": "no.such"}', "[1]"):
            await connection._websocket.send(message)
            await report_until("error", events, report)
        await send_audio(connection, plan.audio("first"))
        await connection.flush_audio()
        await report_until("transcription.done", events, report)


async def bad_key(plan: Plan, report: Report) -> None:
    client = Mistral(api_key="not-the-key", server_url=plan.url)
    try:
        await client.audio.realtime.connect(model=MODEL)
    except Exception as error:
        report(raised=type(error).__name__, message=str(error))


async def real_speech(plan: Plan, report: Report) -> None:
    """A recording, twice on one socket, as fast as possible; for a server with a real engine."""
    async with await connect(plan) as connection:
        events = connection.events()
        for name in ("speech", "speech"):
            await send_audio(connection, plan.audio(name))
            await connection.flush_audio()
            await report_until("transcription.done", events, report)


async def server_turns(plan: Plan, report: Report) -> None:
    """Turn events of the server; 3.x only. Only the end has a `done`."""
    async with await connect(plan, turn_detection={"min_silence_ms": 400}) as connection:
        await send_audio(connection, plan.audio("speech"))
        await connection.end_audio()
        async for event in connection:
            report_event(report, event)


if __name__ == "__main__":
    run(
        turns,
        defaults,
        stream_helper,
        flush_twice,
        empty_flush,
        end_twice,
        delay_accepted,
        delay_refused,
        telephone,
        late_settings,
        oversize_append,
        malformed,
        bad_key,
        if_named=(real_speech, server_turns),
    )
