"""Engines by name. In: a name and how to load. Out: a loaded `Engine`. Imports an engine only when it is asked for.

An engine's module offers `load(*, model, store, num_threads, max_streams, progress)`; None leaves a choice to it. What
it can be told beyond that are its options: further keywords of its `load`, named in its entry. One that is a server
elsewhere has `load(*, server, api_key, model, max_streams)`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from voxtide.engines.base import Engine
from voxtide.errors import ConfigError

if TYPE_CHECKING:
    from voxtide.models.store import ModelStore, Progress


EngineOption: TypeAlias = str | float
"""What an engine's option is set to."""


class _Load(Protocol):
    def __call__(
        self,
        *,
        model: str | None,
        store: ModelStore | None,
        num_threads: int | None,
        max_streams: int | None,
        progress: Progress | None,
        **options: EngineOption,
    ) -> Engine: ...


class _LoadRemote(Protocol):
    def __call__(
        self, *, server: str | None, api_key: str | None, model: str | None, max_streams: int | None
    ) -> Engine: ...


@dataclass(frozen=True, slots=True)
class EngineEntry:
    """An engine one can ask for.

    Attributes:
        module: Where it is written.
        description: What it is, in one line.
        is_remote: Whether it is a server elsewhere.
        needs_store: Whether it takes models from a store, if only the voice detector.
        options: What it alone, or it and few others, can be told: keywords of its `load`.
    """

    module: str
    description: str
    is_remote: bool = False
    needs_store: bool = False
    options: tuple[str, ...] = ()


ENGINES = {
    "moonshine": EngineEntry(
        "voxtide.engines.moonshine", "English on any CPU, words early; the default", needs_store=True
    ),
    "whisper": EngineEntry(
        "voxtide.engines.whisper", "many languages on a CPU; needs the extra 'whisper'", needs_store=True
    ),
    "voxtral": EngineEntry(
        "voxtide.engines.voxtral",
        "13 languages, best on a GPU; needs the extra 'voxtral'",
        options=("device", "weights", "window_minutes", "interim_every_ms"),
    ),
    "remote": EngineEntry(
        "voxtide.engines.remote", "a voxtide server, Mistral's service or one like it", is_remote=True
    ),
    "vllm": EngineEntry("voxtide.engines.vllm", "a vLLM server with a realtime model", is_remote=True),
    "scripted": EngineEntry("voxtide.engines.scripted", "hears coded tones, no speech; for tests and docs"),
}
"""Every engine by the name a user gives."""

ENGINE_NAMES = tuple(ENGINES)


def load_engine(
    name: str,
    *,
    model: str | None = None,
    store: ModelStore | None = None,
    num_threads: int | None = None,
    max_streams: int | None = None,
    progress: Progress | None = None,
    server: str | None = None,
    api_key: str | None = None,
    options: Mapping[str, EngineOption] | None = None,
) -> Engine:
    """Load an engine.

    Args:
        name: One of `ENGINE_NAMES`.
        model: One of the engine's models; None for its default.
        store: Where the models lie; an engine that needs none ignores it.
        num_threads: Threads that run the model, 1 or more; None for what suits the engine. Not for a server elsewhere.
        max_streams: Streams open at once, 1 or more; None for what suits the engine.
        progress: Told how far a pull is, if the model has to be pulled.
        server: The address of the server, for an engine that is one; None for the engine's default.
        api_key: The server's key, where it wants one.
        options: What this engine alone can be told, as its entry names it.

    Raises:
        ConfigError: There is no such engine, it has no such option or model or needs a store, or a number is not
            usable.
        ModelError: The model cannot be used: unknown, not pulled, damaged.
        MissingExtraError: The engine needs a package that is not installed.
    """
    entry = _entry(name)
    _check_options(name, entry, options or {})
    _check_counts(num_threads=num_threads, max_streams=max_streams)
    if entry.needs_store and store is None:
        raise ConfigError(f"engine {name!r} needs a model store; pass store=ModelStore.from_settings(...)")
    _check_model(name, entry, model, store)
    load = import_module(entry.module).load
    if entry.is_remote:
        if num_threads is not None:
            raise ConfigError(f"engine {name!r} computes elsewhere; a number of threads goes with one that runs here")
        return cast("_LoadRemote", load)(server=server, api_key=api_key, model=model, max_streams=max_streams)
    if server is not None or api_key is not None:
        remote = " or ".join(other for other, it in ENGINES.items() if it.is_remote)
        raise ConfigError(f"engine {name!r} runs on this machine; a server or a key goes with engine {remote}")
    return cast("_Load", load)(
        model=model, store=store, num_threads=num_threads, max_streams=max_streams, progress=progress, **(options or {})
    )


def _entry(name: str) -> EngineEntry:
    entry = ENGINES.get(name)
    if entry is None:
        close = difflib.get_close_matches(name.lower(), ENGINE_NAMES, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f"no engine {name!r}: {hint}voxtide has {', '.join(ENGINE_NAMES)}")
    return entry


def _check_options(name: str, entry: EngineEntry, options: Iterable[str]) -> None:
    for option in options:
        if option not in entry.options:
            others = " or ".join(other for other, it in ENGINES.items() if option in it.options)
            told = option.replace("_", "-")
            raise ConfigError(
                f"engine {name!r} has no option {told!r}; "
                + (f"engine {others} has" if others else "nor has any other")
            )


def _check_model(name: str, entry: EngineEntry, model: str | None, store: ModelStore | None) -> None:
    """Refuse what belongs to another engine before it is pulled. Other names, and directories, the engine judges."""
    if model is None or store is None or entry.is_remote or Path(model).is_dir():
        return
    owner = next((status.model.engine for status in store.list() if status.model.name == model), name)
    if owner != name:
        raise ConfigError(f"engine {name!r} cannot run model {model!r}, which is for {owner}")


def _check_counts(**counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ConfigError(f"{name} is {count}; it must be 1 or more")
