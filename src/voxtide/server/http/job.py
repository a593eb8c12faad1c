"""One file through the engine. In: a file of audio, options. Out: its transcript, and its events while it goes.

file -> AudioSource, chunk by chunk, live speech first -> pipeline.run_stream -> transcript

At no time is more of the decoded audio held than the bounds of source and engine allow: seconds of it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from pathlib import PurePath
from typing import IO

from voxtide.audio.bytestream import ByteStream
from voxtide.audio.media.inputs import BytesReader
from voxtide.audio.source import AudioSource
from voxtide.audio.threaded import ThreadedSource
from voxtide.engines.base import EngineStream
from voxtide.errors import EngineFailedError
from voxtide.pipeline import Observer, run_stream
from voxtide.protocols.messages import RequestRefusedError
from voxtide.server.http.throttle import FileThrottle
from voxtide.server.supervisor import EngineSupervisor
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions, Transcript

CHUNK_MS = 1_000
"""Nobody waits for the words of a file one by one; larger chunks would only be more to hold."""

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")
"""What of a file's name helps to recognise a format, and does no harm."""


async def transcribe_file(
    supervisor: EngineSupervisor,
    file: IO[bytes],
    options: StreamOptions,
    observers: Sequence[Observer] = (),
    *,
    file_name: str,
    max_audio_s: float,
    live_first: FileThrottle,
) -> Transcript:
    """Transcribe all of `file`.

    Args:
        supervisor: Whose engine is used.
        file: From its beginning; read by a thread, left open.
        options: The stream's.
        observers: Told of everything. `on_started` comes when file and stream are open.
        file_name: As the client calls it.
        max_audio_s: How long the audio may be.
        live_first: Whom it makes way for.

    Raises:
        Refusal: The audio is longer than that.
        AudioError: The audio cannot be read to its end.
        EngineError: There is no room in the engine, or it failed.
        UnsupportedOptionError: The engine cannot do what the options ask.
    """
    try:
        async with _source(file, file_name) as source:
            _check_length(source.duration_s or 0.0, max_audio_s)
            async with supervisor.open(options) as stream:
                samples = _in_turn(_bounded(source, max_audio_s), stream, live_first)
                return await _run(samples, stream, observers)
    except EngineFailedError:
        supervisor.check_health()
        raise


async def _run(samples: AsyncIterator[Samples], stream: EngineStream, observers: Sequence[Observer]) -> Transcript:
    outcome = await run_stream(samples, stream, observers)
    if outcome.failure is not None:
        raise outcome.failure
    return outcome.transcript


def _source(file: IO[bytes], file_name: str) -> AudioSource:
    suffix = PurePath(file_name).suffix
    suffix = suffix if _SUFFIX.fullmatch(suffix) else ""
    reader = BytesReader("the file", lambda: ByteStream(file, suffix=suffix))
    return ThreadedSource("the file", reader, chunk_ms=CHUNK_MS)


async def _bounded(source: AudioSource, max_audio_s: float) -> AsyncIterator[Samples]:
    num_samples = 0
    async for chunk in source:
        num_samples += len(chunk)
        _check_length(num_samples / SAMPLE_RATE_HZ, max_audio_s)
        yield chunk


async def _in_turn(
    samples: AsyncIterator[Samples], stream: EngineStream, live_first: FileThrottle
) -> AsyncIterator[Samples]:
    async for chunk in samples:
        await live_first.wait(lambda: stream.lag_s)
        yield chunk


def _check_length(audio_s: float, max_audio_s: float) -> None:
    if audio_s > max_audio_s:
        raise RequestRefusedError(
            f"this server takes {max_audio_s:g} s of audio at most; send it in parts", code="audio_too_long", status=413
        )
