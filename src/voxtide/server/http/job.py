"""One file through the engine. In: an audio file, options. Out: its transcript, and its events meanwhile.

file -> AudioSource -> chunks, throttled in favour of live speech -> pipeline.run_stream -> transcript

Only seconds of decoded audio are in memory: the queues of source and engine are bounded.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import PurePath
from typing import IO

from voxtide.audio.bytestream import ByteStream
from voxtide.audio.media.inputs import BytesReader
from voxtide.audio.media.tracks import TrackChoice
from voxtide.audio.source import AudioSource
from voxtide.audio.threaded import ThreadedSource
from voxtide.engines.base import EngineStream
from voxtide.errors import ConfigError, EngineFailedError
from voxtide.pipeline import Observer, run_stream
from voxtide.protocols.messages import RequestRefusedError
from voxtide.server.http.throttle import FileThrottle
from voxtide.server.supervisor import EngineSupervisor
from voxtide.types import SAMPLE_RATE_HZ, Notice, Samples, StreamOptions, Transcript

CHUNK_MS = 1_000
"""A file needs no low latency; larger chunks would only take more memory."""

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")
"""File name suffixes that are safe to pass to the format detection."""


async def transcribe_file(
    supervisor: EngineSupervisor,
    file: IO[bytes],
    options: StreamOptions,
    observers: Sequence[Observer] = (),
    *,
    prompt: str = "",
    track: TrackChoice | None = None,
    file_name: str,
    max_audio_s: float,
    throttle: FileThrottle,
) -> Transcript:
    """Transcribe all of `file`.

    Args:
        supervisor: Owns the engine.
        file: At its beginning; read by a thread, left open.
        options: The stream's options.
        observers: Called with every event, and with `on_started` when file and stream are open.
        prompt: A text with words to expect beside those of `options`. If it exceeds the engine's limit, its end
            is used, with a notice.
        track: The audio track of a file with several; None for the source's choice.
        file_name: The client's name for the file.
        max_audio_s: Longest audio, in seconds.
        throttle: Pauses the file in favour of live speech.

    Raises:
        RequestRefusedError: The audio is longer than `max_audio_s`, or has no such track.
        AudioError: The audio cannot be read to the end.
        EngineError: The engine is full, or failed.
        UnsupportedOptionError: The engine does not support the options.
    """
    options, notices = await _with_prompt(supervisor, options, prompt)
    try:
        async with _opened(file, file_name, track) as source:
            _check_length(source.duration_s or 0.0, max_audio_s)
            async with supervisor.open(options) as stream:
                samples = _throttled(_bounded(source, max_audio_s), stream, throttle)
                transcript = await _run(source, samples, stream, observers)
                return replace(transcript, notices=(*notices, *transcript.notices))
    except EngineFailedError:
        supervisor.check_health()
        raise


async def _with_prompt(
    supervisor: EngineSupervisor, options: StreamOptions, prompt: str
) -> tuple[StreamOptions, tuple[Notice, ...]]:
    """The options with the end of the prompt that fits, and the notice if that is not all of it."""
    kept = prompt and await asyncio.to_thread(supervisor.fit_prompt, prompt, options.vocabulary)  # up to 50 ms
    if kept:
        options = replace(options, vocabulary=(*options.vocabulary, kept))
    if kept == prompt:
        return options, ()
    message = f"the prompt is too long for {supervisor.info.model}: of its {len(prompt)} characters only the last"
    return options, (Notice("prompt_cut", f"{message} {len(kept)} are used"),)


async def _run(
    source: AudioSource, samples: AsyncIterator[Samples], stream: EngineStream, observers: Sequence[Observer]
) -> Transcript:
    outcome = await run_stream(samples, stream, observers, notices_of=source)
    if outcome.failure is not None:
        raise outcome.failure
    return outcome.transcript


@asynccontextmanager
async def _opened(file: IO[bytes], file_name: str, track: TrackChoice | None) -> AsyncIterator[AudioSource]:
    suffix = PurePath(file_name).suffix
    suffix = suffix if _SUFFIX.fullmatch(suffix) else ""
    reader = BytesReader("the file", lambda: ByteStream(file, suffix=suffix), track=track)
    async with AsyncExitStack() as closing:
        try:
            source = await closing.enter_async_context(ThreadedSource("the file", reader, chunk_ms=CHUNK_MS))
        except ConfigError as error:
            raise RequestRefusedError(str(error), param="track") from None
        yield source


async def _bounded(source: AudioSource, max_audio_s: float) -> AsyncIterator[Samples]:
    num_samples = 0
    async for chunk in source:
        num_samples += len(chunk)
        _check_length(num_samples / SAMPLE_RATE_HZ, max_audio_s)
        yield chunk


async def _throttled(
    samples: AsyncIterator[Samples], stream: EngineStream, throttle: FileThrottle
) -> AsyncIterator[Samples]:
    async for chunk in samples:
        await throttle.wait(lambda: stream.lag_s)
        yield chunk


def _check_length(audio_s: float, max_audio_s: float) -> None:
    if audio_s > max_audio_s:
        raise RequestRefusedError(
            f"this server accepts {max_audio_s:g} s of audio at most; send it in parts",
            code="audio_too_long",
            status=413,
        )
