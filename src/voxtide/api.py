"""The Python API in three functions. In: a file and an engine's name. Out: a transcript, or an engine for streaming.

Only this module and the command line read the environment.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from voxtide.audio.opening import open_source
from voxtide.config import Settings
from voxtide.engines.base import Engine
from voxtide.engines.registry import AUTO, EngineOption, engine_for, load_engine
from voxtide.errors import ConfigError, VoxtideError
from voxtide.models import ModelStore, Progress
from voxtide.pipeline import run_stream
from voxtide.types import StreamOptions, Task, Transcript

DEFAULT_ENGINE = AUTO


def open_engine(
    name: str = DEFAULT_ENGINE,
    *,
    language: str | None = None,
    model: str | None = None,
    num_threads: int | None = None,
    max_streams: int | None = None,
    store: ModelStore | None = None,
    progress: Progress | None = None,
    server: str | None = None,
    api_key: str | None = None,
    options: Mapping[str, EngineOption] | None = None,
) -> Engine:
    """Load an engine. Pulls its model first if missing. Use it in `async with`, or close it.

    Args:
        name: `moonshine`, `whisper`, `voxtral` or `scripted` run locally; `remote` and `vllm` connect to a server.
            `auto` is the engine of `model`, else `moonshine` for English and unknown speech, else `whisper`.
        language: The language of the speech, for `auto`; streams still name theirs.
        model: A model of the engine; None for its default.
        num_threads: Compute threads; None for a default that fits the machine.
        max_streams: Maximum number of open streams; None for the engine's default.
        store: The model store; None for the one configured by the environment.
        progress: Called with the progress of a pull.
        server: Address of the server, for `remote` and `vllm`; None for Mistral's service, or vLLM on this machine.
        api_key: The server's API key, if it needs one.
        options: Options of one engine. Whisper: `device`, `compute_type`; see docs/cli.md. Voxtral: `device`,
            `weights`, `window_minutes`, `interim_every_ms`; see docs/voxtral.md.

    Raises:
        ConfigError: There is no such engine or option, or a value is invalid.
        ModelError: The model cannot be pulled or used.
        MissingExtraError: The engine's package is not installed.
    """
    store = store or default_store()
    return load_engine(
        name,
        language=language,
        model=model,
        store=store,
        num_threads=num_threads,
        max_streams=max_streams,
        progress=progress,
        server=server,
        api_key=api_key,
        options=options,
    )


def default_store() -> ModelStore:
    """The model store that the environment configures."""
    return ModelStore.from_settings(Settings.from_environment(os.environ))


async def transcribe_async(
    path: str | Path,
    engine: str | Engine = DEFAULT_ENGINE,
    *,
    model: str | None = None,
    language: str | None = None,
    vocabulary: Sequence[str] = (),
    task: Task = "transcribe",
    track: int | str | None = None,
) -> Transcript:
    """Transcribe a file or URL as fast as possible.

    Args:
        path: A file or URL with audio in any format that FFmpeg can read.
        engine: An engine's name, or an engine from `open_engine`, which stays open. `auto`: the language decides.
        model: A model of the engine; only with an engine's name.
        language: Language of the speech, such as "fr", "fr-FR" or "French"; None for the engine's choice.
        vocabulary: Words to expect, for engines that can use them.
        task: `transcribe`, or `translate` into English for engines that can.
        track: The audio track, if there are several: its number from 1, its language, or `mix`; see `open_source`.

    Raises:
        AudioError: The audio cannot be read to its end.
        ConfigError: An option is invalid.
        ModelError: The model cannot be pulled or used.
        EngineError: The engine failed.
    """
    options = StreamOptions(language=language, vocabulary=tuple(vocabulary), interim=False, pace="fast", task=task)
    if isinstance(engine, Engine):
        if model is not None:
            raise ConfigError(
                f"model {model!r} can be given only with an engine's name; this engine already has a model"
            )
        return await _transcribe(path, engine, options, track)
    name = engine_for(engine, language=language, model=model, task=task)
    async with await asyncio.to_thread(open_engine, name, model=model) as opened:
        return await _transcribe(path, opened, options, track)


def transcribe(
    path: str | Path,
    engine: str = DEFAULT_ENGINE,
    *,
    model: str | None = None,
    language: str | None = None,
    vocabulary: Sequence[str] = (),
    task: Task = "transcribe",
    track: int | str | None = None,
) -> Transcript:
    """`transcribe_async` for programs without an event loop.

    Raises:
        VoxtideError: An event loop is running in this thread; await `transcribe_async` instead.
    """
    if _is_in_event_loop():
        raise VoxtideError(
            "voxtide.transcribe cannot run inside an event loop; use: await voxtide.transcribe_async(...)"
        )
    return asyncio.run(
        transcribe_async(path, engine, model=model, language=language, vocabulary=vocabulary, task=task, track=track)
    )


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _transcribe(path: str | Path, engine: Engine, options: StreamOptions, track: int | str | None) -> Transcript:
    async with open_source(path, track=track) as source, engine.open(options) as stream:
        outcome = await run_stream(source, stream)
    if outcome.failure is not None:
        raise outcome.failure
    return outcome.transcript
