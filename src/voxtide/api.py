"""The Python interface in three calls. In: a file and an engine's name. Out: a transcript, or an engine to stream with.

This is one of the two places that read the environment; the command line is the other.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from voxtide.audio.opening import open_source
from voxtide.config import Settings
from voxtide.engines.base import Engine
from voxtide.engines.registry import EngineOption, load_engine
from voxtide.errors import ConfigError, VoxtideError
from voxtide.models import ModelStore, Progress
from voxtide.pipeline import run_stream
from voxtide.types import StreamOptions, Transcript

DEFAULT_ENGINE = "moonshine"


def open_engine(
    name: str = DEFAULT_ENGINE,
    *,
    model: str | None = None,
    num_threads: int | None = None,
    max_streams: int | None = None,
    store: ModelStore | None = None,
    progress: Progress | None = None,
    server: str | None = None,
    api_key: str | None = None,
    options: Mapping[str, EngineOption] | None = None,
) -> Engine:
    """Load an engine; its model is pulled first where it is not there yet. Close it, or use it in `async with`.

    Args:
        name: `moonshine`, `whisper`, `voxtral` or `scripted`, which run here; `remote` or `vllm`, which are servers.
        model: A model the engine runs; None for its default.
        num_threads: Threads that compute; None for as many as suit the machine.
        max_streams: Streams open at once; None for what suits the engine.
        store: Where the models are; None for the store that the environment asks for.
        progress: Told how far a pull is.
        server: The server's address, for an engine that is one; None for Mistral's service, or vLLM on this machine.
        api_key: The server's key, where it wants one.
        options: What one engine alone can be told. Voxtral: `device`, `weights`, `window_minutes`, `interim_every_ms`;
            see docs/voxtral.md.

    Raises:
        ConfigError: There is no such engine, it has no such option, or a setting cannot be used.
        ModelError: The model's files cannot be had or used.
        MissingExtraError: The engine's package is not installed.
    """
    store = store or ModelStore.from_settings(Settings.from_environment(os.environ))
    return load_engine(
        name,
        model=model,
        store=store,
        num_threads=num_threads,
        max_streams=max_streams,
        progress=progress,
        server=server,
        api_key=api_key,
        options=options,
    )


async def transcribe_async(
    path: str | Path,
    engine: str | Engine = DEFAULT_ENGINE,
    *,
    model: str | None = None,
    language: str | None = None,
    vocabulary: Sequence[str] = (),
) -> Transcript:
    """Transcribe a file or address as fast as the machine can.

    Args:
        path: A file or URL with audio in it, in any usual format.
        engine: An engine's name, or an engine from `open_engine`, which stays open.
        model: A model the engine runs; only with an engine's name.
        language: ISO 639-1 code of the speech; None to let the engine decide.
        vocabulary: Words to expect, for engines that can use them.

    Raises:
        AudioError: The audio cannot be read to its end.
        ConfigError: An option cannot be used.
        ModelError: The model's files cannot be had or used.
        EngineError: The engine failed.
    """
    options = StreamOptions(language=language, vocabulary=tuple(vocabulary), interim=False, pace="fast")
    if isinstance(engine, Engine):
        if model is not None:
            raise ConfigError(f"model {model!r} comes with an engine's name; this engine already runs a model")
        return await _transcribe(path, engine, options)
    async with await asyncio.to_thread(open_engine, engine, model=model) as opened:
        return await _transcribe(path, opened, options)


def transcribe(
    path: str | Path,
    engine: str = DEFAULT_ENGINE,
    *,
    model: str | None = None,
    language: str | None = None,
    vocabulary: Sequence[str] = (),
) -> Transcript:
    """`transcribe_async` for programs without an event loop.

    Raises:
        VoxtideError: An event loop is running in this thread; await `transcribe_async` there.
    """
    if _is_in_event_loop():
        raise VoxtideError(
            "voxtide.transcribe cannot run inside an event loop; use: await voxtide.transcribe_async(...)"
        )
    return asyncio.run(transcribe_async(path, engine, model=model, language=language, vocabulary=vocabulary))


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _transcribe(path: str | Path, engine: Engine, options: StreamOptions) -> Transcript:
    async with open_source(path) as source, engine.open(options) as stream:
        outcome = await run_stream(source, stream)
    if outcome.failure is not None:
        raise outcome.failure
    return outcome.transcript
