"""pipecat's two speech-to-text services in a pipeline. Reports the frames they push."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.mistral.stt import MistralSTTService
from pipecat.services.openai.stt import OpenAIRealtimeSTTService
from pipecat.workers.runner import WorkerRunner
from reporting import Plan, Report, chunks, run

RATE_HZ = 16_000
PAUSE = bytes(2 * RATE_HZ // 5)
"""200 ms, the silence a VAD waits for; pipecat's own resampler holds 20 ms back."""

REPORTED = (
    InterimTranscriptionFrame,
    TranscriptionFrame,
    ErrorFrame,
    ProposedUserStartedSpeakingFrame,
    ProposedUserStoppedSpeakingFrame,
)


class Watch(FrameProcessor):
    """Reports passing frames, and lets scenarios wait for a kind of frame."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report
        self.seen: asyncio.Queue[Frame] = asyncio.Queue()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, REPORTED):
            text = getattr(frame, "text", None) or getattr(frame, "error", None)
            self._report(frame=type(frame).__name__, text=text)
            self.seen.put_nowait(frame)
        await self.push_frame(frame, direction)

    async def until(self, kind: type[Frame]) -> None:
        while not isinstance(await self.seen.get(), kind):
            pass


class Call:
    """A running pipeline and its input."""

    def __init__(self, worker: PipelineWorker, errors: Watch, texts: Watch) -> None:
        self._worker = worker
        self.errors = errors
        self.texts = texts

    async def speak(self, audio: bytes) -> None:
        """One turn, marked as by a VAD in the pipeline. Returns when its text has arrived."""
        await self._worker.queue_frame(VADUserStartedSpeakingFrame())
        await self.send(audio + PAUSE)
        await self.stop_speaking()
        await self.texts.until(TranscriptionFrame)

    async def stop_speaking(self) -> None:
        """The VAD's end of speech, at which the service flushes."""
        await self._worker.queue_frame(VADUserStoppedSpeakingFrame())

    async def send(self, audio: bytes) -> None:
        for chunk in chunks(audio, 640):
            await self._worker.queue_frame(InputAudioRawFrame(chunk, RATE_HZ, 1))


@asynccontextmanager
async def calling(service: FrameProcessor, report: Report) -> AsyncIterator[Call]:
    errors, texts = Watch(report), Watch(report)
    worker = PipelineWorker(
        Pipeline([errors, service, texts]),
        params=PipelineParams(audio_in_sample_rate=RATE_HZ),
        cancel_on_idle_timeout=False,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    try:
        yield Call(worker, errors, texts)
        await worker.queue_frame(EndFrame())
        await running
    finally:
        running.cancel()


def mistral(plan: Plan, **options: object) -> MistralSTTService:
    return MistralSTTService(**{"api_key": plan.key, "base_url": plan.url, **options})


def openai(plan: Plan, **options: object) -> OpenAIRealtimeSTTService:
    return OpenAIRealtimeSTTService(**{"api_key": plan.key, "base_url": f"{plan.ws_url}/v1/realtime", **options})


async def three_turns(service: FrameProcessor, plan: Plan, report: Report) -> None:
    async with calling(service, report) as call:
        for name in ("first", "second", "first"):
            await call.speak(plan.audio(name))


async def mistral_turns(plan: Plan, report: Report) -> None:
    await three_turns(mistral(plan), plan, report)


async def mistral_delay(plan: Plan, report: Report) -> None:
    await three_turns(mistral(plan, target_streaming_delay_ms=480), plan, report)


async def mistral_delay_refused(plan: Plan, report: Report) -> None:
    """The service reports the error and continues."""
    await three_turns(mistral(plan, target_streaming_delay_ms=481), plan, report)


async def mistral_bad_key(plan: Plan, report: Report) -> None:
    async with calling(mistral(plan, api_key="not-the-key"), report) as call:
        await call.errors.until(ErrorFrame)


async def openai_turns(plan: Plan, report: Report) -> None:
    await three_turns(openai(plan), plan, report)


async def openai_delay(plan: Plan, report: Report) -> None:
    settings = OpenAIRealtimeSTTService.Settings(delay="high", noise_reduction="near_field")
    await three_turns(openai(plan, settings=settings), plan, report)


async def silent_turns(service: FrameProcessor, plan: Plan, report: Report) -> None:
    """A VAD triggered by noise: empty flushes, also after an answer, and turns on the same socket."""
    async with calling(service, report) as call:
        for name in ("second", "first"):
            for _ in range(2):
                await call.stop_speaking()
            await call.speak(plan.audio(name))


async def mistral_silent_turn(plan: Plan, report: Report) -> None:
    await silent_turns(mistral(plan), plan, report)


async def openai_silent_turn(plan: Plan, report: Report) -> None:
    await silent_turns(openai(plan), plan, report)


async def openai_bad_key(plan: Plan, report: Report) -> None:
    async with calling(openai(plan, api_key="not-the-key"), report) as call:
        await call.errors.until(ErrorFrame)


async def real_speech(plan: Plan, report: Report) -> None:
    """Both services with a recording: Mistral's flushed, OpenAI's with the server's own turns."""
    async with calling(mistral(plan), report) as call:
        await call.speak(plan.audio("speech"))
    report(frame="next")
    async with calling(openai(plan, turn_detection={"type": "server_vad"}), report) as call:
        await call.send(plan.audio("speech") + bytes(2 * RATE_HZ))
        for _ in range(3):
            await call.texts.until(TranscriptionFrame)


if __name__ == "__main__":
    logger.remove()
    run(
        mistral_turns,
        mistral_delay,
        mistral_delay_refused,
        mistral_silent_turn,
        mistral_bad_key,
        openai_turns,
        openai_delay,
        openai_silent_turn,
        openai_bad_key,
        if_named=(real_speech,),
    )
