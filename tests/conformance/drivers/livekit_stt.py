"""LiveKit's two speech-to-text plugins, with LiveKit's VAD. Reports their events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from livekit import rtc
from livekit.agents import APIConnectOptions, inference, stt, utils, vad
from livekit.plugins import mistralai, openai
from mistralai.client import Mistral
from reporting import Plan, Report, chunks, run

RATE_HZ = 16_000
MISTRAL_MODEL = "voxtral-mini-transcribe-realtime-2602"
OPENAI_MODEL = "gpt-live-transcribe"
NUM_SENTENCES = 3
"""In the recording."""

ONCE = APIConnectOptions(max_retry=0, timeout=10.0)


class PlannedPauses(vad.VAD):
    """Reports a pause at each given time. LiveKit's OpenAI plugin commits at its VAD's pauses; its `flush` commits
    nothing."""

    def __init__(self, *places_s: float) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.1))
        self.places_s = places_s

    def stream(self) -> vad.VADStream:
        return PlannedPausesStream(self)


class PlannedPausesStream(vad.VADStream):
    def __init__(self, detector: PlannedPauses) -> None:
        self._places_s = list(detector.places_s)
        super().__init__(detector)

    async def _main_task(self) -> None:
        received_s = 0.0
        self._emit_pauses(received_s)
        async for frame in self._input_ch:
            received_s += frame.duration if isinstance(frame, rtc.AudioFrame) else 0.0
            self._emit_pauses(received_s)

    def _emit_pauses(self, received_s: float) -> None:
        while self._places_s and self._places_s[0] <= received_s:
            at_s = self._places_s.pop(0)
            self._event_ch.send_nowait(
                vad.VADEvent(vad.VADEventType.END_OF_SPEECH, 0, at_s, speech_duration=0.0, silence_duration=0.0)
            )


def frames(audio: bytes) -> list[rtc.AudioFrame]:
    return [rtc.AudioFrame(chunk, RATE_HZ, 1, len(chunk) // 2) for chunk in chunks(audio, 640)]


def mistral(plan: Plan, key: str | None = None, **options: Any) -> mistralai.STT:
    client = Mistral(api_key=key or plan.key, server_url=plan.url)
    detector = inference.VAD(model="silero")
    return mistralai.STT(**{"client": client, "model": MISTRAL_MODEL, "vad": detector, **options})


def openai_stt(plan: Plan, key: str | None = None, **options: Any) -> openai.STT:
    return openai.STT(**{"base_url": f"{plan.url}/v1", "api_key": key or plan.key, "model": OPENAI_MODEL, **options})


def report_event(report: Report, event: stt.SpeechEvent) -> None:
    data = event.alternatives[0] if event.alternatives else None
    usage = event.recognition_usage
    report(
        event=event.type.value,
        text=data.text if data else None,
        language=str(data.language) if data else None,
        words=[str(word) for word in data.words or []] if data else None,
        audio_s=usage.audio_duration if usage else None,
    )


async def report_up_to(kind: stt.SpeechEventType, num_events: int, stream: stt.RecognizeStream, report: Report) -> None:
    """Report all events up to `num_events` of one kind."""
    while num_events:
        event = await stream.__anext__()
        report_event(report, event)
        num_events -= event.type is kind


async def report_finals(num_finals: int, stream: stt.RecognizeStream, report: Report) -> None:
    await report_up_to(stt.SpeechEventType.FINAL_TRANSCRIPT, num_finals, stream, report)


@asynccontextmanager
async def streaming(service: stt.STT) -> AsyncIterator[stt.RecognizeStream]:
    stream = service.stream(conn_options=ONCE)
    try:
        yield stream
    finally:
        await stream.aclose()
        await service.aclose()


async def mistral_turns(plan: Plan, report: Report) -> None:
    """Three utterances, each flushed; then the end of input, which flushes once more."""
    async with streaming(mistral(plan)) as stream:
        for name in ("first", "second", "first"):
            for frame in frames(plan.audio(name)):
                stream.push_frame(frame)
            stream.flush()
            await report_finals(1, stream, report)
        stream.end_input()
        async for event in stream:
            report_event(report, event)


async def mistral_streams(plan: Plan, report: Report) -> None:
    """Two consecutive streams of one plugin: it keeps its connections."""
    service = mistral(plan)
    for name in ("first", "second"):
        stream = service.stream(conn_options=ONCE)
        for frame in frames(plan.audio(name)):
            stream.push_frame(frame)
        stream.flush()
        await report_finals(1, stream, report)
        await stream.aclose()
    await service.aclose()


async def mistral_flush_twice(plan: Plan, report: Report) -> None:
    """Without waiting: two flushes in a row, then the end of input right after an utterance."""
    async with streaming(mistral(plan)) as stream:
        for frame in frames(plan.audio("first")):
            stream.push_frame(frame)
        stream.flush()
        stream.flush()
        for frame in frames(plan.audio("second")):
            stream.push_frame(frame)
        stream.end_input()
        async for event in stream:
            report_event(report, event)


async def mistral_delay(plan: Plan, report: Report) -> None:
    async with streaming(mistral(plan, target_streaming_delay_ms=480)) as stream:
        for frame in frames(plan.audio("first")):
            stream.push_frame(frame)
        stream.flush()
        await report_finals(1, stream, report)


async def mistral_delay_refused(plan: Plan, report: Report) -> None:
    """The plugin ends its stream at any error."""
    async with streaming(mistral(plan, target_streaming_delay_ms=481)) as stream:
        await report_failure(stream, report)


async def mistral_bad_key(plan: Plan, report: Report) -> None:
    async with streaming(mistral(plan, "not-the-key")) as stream:
        await report_failure(stream, report)


async def mistral_file(plan: Plan, report: Report) -> None:
    service = mistral(plan, model="voxtral-mini-latest")
    report_event(report, await service.recognize(frames(plan.audio("first")), conn_options=ONCE))


async def openai_file(plan: Plan, report: Report) -> None:
    for model in ("gpt-4o-mini-transcribe", "whisper-1"):
        service = openai_stt(plan, model=model)
        report_event(report, await service.recognize(frames(plan.audio("first")), conn_options=ONCE))


async def openai_flush_twice(plan: Plan, report: Report) -> None:
    """An empty commit, then two in a row after an utterance, then one after another. Each is answered with a usage."""
    silence = bytes(2 * RATE_HZ)  # 1 s: halfway, the plugin has sent all speech
    first, second = plan.audio("first") + silence, plan.audio("second") + silence
    first_s, both_s = (num_bytes / (2 * RATE_HZ) for num_bytes in (len(first), len(first + second)))
    detector = PlannedPauses(0.0, first_s - 0.5, first_s - 0.5, both_s - 0.5)
    async with utils.http_context.open(), streaming(openai_stt(plan, vad=detector)) as stream:
        for audio, num_commits in ((b"", 1), (first, 2), (second, 1)):
            for frame in frames(audio):
                stream.push_frame(frame)
            await report_up_to(stt.SpeechEventType.RECOGNITION_USAGE, num_commits, stream, report)


async def openai_bad_key(plan: Plan, report: Report) -> None:
    async with utils.http_context.open(), streaming(openai_stt(plan, "not-the-key")) as stream:
        await report_failure(stream, report)


async def report_failure(stream: stt.RecognizeStream, report: Report) -> None:
    try:
        async for event in stream:
            report_event(report, event)
    except Exception as error:
        report(raised=type(error).__name__, status=getattr(error, "status_code", None), message=str(error))


async def real_speech(plan: Plan, report: Report) -> None:
    """A recording with pauses at twice its speed. Turns end by LiveKit's VAD or the server's."""
    audio = plan.audio("speech") + bytes(4 * RATE_HZ)
    detector = inference.VAD(model="silero")
    services = {
        "mistral, LiveKit detects the pauses": mistral(plan),
        "openai, LiveKit detects the pauses": openai_stt(plan, vad=detector),
        "openai, the server detects the pauses": openai_stt(plan, model="gpt-4o-mini-transcribe", use_realtime=True),
    }
    async with utils.http_context.open():  # an agent's job opens it
        await asyncio.gather(*(transcribe_live(service, audio, name, report) for name, service in services.items()))


async def transcribe_live(service: stt.STT, audio: bytes, name: str, report: Report) -> None:
    async with streaming(service) as stream:
        sending = asyncio.create_task(send_audio(stream, audio))
        try:
            for _ in range(NUM_SENTENCES):
                report(service=name, text=await next_final(stream))
        finally:
            sending.cancel()


async def next_final(stream: stt.RecognizeStream) -> str:
    async for event in stream:
        if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT:
            return event.alternatives[0].text
    raise RuntimeError("the stream ended")


async def send_audio(stream: stt.RecognizeStream, audio: bytes) -> None:
    for frame in frames(audio):
        stream.push_frame(frame)
        await asyncio.sleep(frame.duration / 2)
    stream.end_input()


if __name__ == "__main__":
    run(
        mistral_turns,
        mistral_streams,
        mistral_flush_twice,
        mistral_delay,
        mistral_delay_refused,
        mistral_bad_key,
        mistral_file,
        openai_file,
        openai_flush_twice,
        openai_bad_key,
        if_named=(real_speech,),
    )
