"""Engines by name. In: a name and load arguments. Out: a loaded `Engine`. Imports an engine only when it is loaded.

An engine's module has `load(*, model, store, num_threads, max_streams, progress)`; None means the engine's default. Its
options are further keywords of its `load`, listed in its entry. A remote engine has
`load(*, server, api_key, model, max_streams)`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from voxtide.engines.base import Engine
from voxtide.errors import ConfigError, MissingExtraError, UnsupportedOptionError, install_command
from voxtide.models.manifest import Manifest
from voxtide.types import Task, parse_language

if TYPE_CHECKING:
    from voxtide.models.store import ModelStore, Progress


EngineOption: TypeAlias = str | float
"""The value of an engine's option."""


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
    """An engine in the registry.

    Attributes:
        module: Its module, with `load`.
        description: One line for users.
        is_remote: Whether it runs on a server.
        needs: The package to import that only the extra of the engine's name installs; None for an engine without one.
        needs_store: Whether it needs a model store, if only for the VAD model.
        can_translate: Whether one of its models can translate.
        languages: The only languages it knows, if that is so with any of its models; empty if the model decides.
        options: Its own options: further keywords of its `load`.
    """

    module: str
    description: str
    is_remote: bool = False
    needs: str | None = None
    needs_store: bool = False
    can_translate: bool = False
    languages: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


ENGINES = {
    "moonshine": EngineEntry(
        "voxtide.engines.moonshine",
        "English on any CPU, words early; the default",
        needs_store=True,
        languages=("en",),
    ),
    "whisper": EngineEntry(
        "voxtide.engines.whisper",
        "many languages on a CPU; needs the extra 'whisper'",
        needs="faster_whisper",
        needs_store=True,
        can_translate=True,
        options=("device", "compute_type"),
    ),
    "voxtral": EngineEntry(
        "voxtide.engines.voxtral",
        "13 languages, best on a GPU; needs the extra 'voxtral'",
        needs="torch",
        options=("device", "weights", "window_minutes", "interim_every_ms"),
    ),
    "remote": EngineEntry(
        "voxtide.engines.remote", "a voxtide server, Mistral's service or a compatible one", is_remote=True
    ),
    "vllm": EngineEntry("voxtide.engines.vllm", "a vLLM server with a realtime model", is_remote=True),
    "scripted": EngineEntry(
        "voxtide.engines.scripted", "for tests only: recognises coded tones, not speech", can_translate=True
    ),
}
"""Every engine by its name."""

ENGINE_NAMES = tuple(ENGINES)

AUTO = "auto"
"""In place of an engine's name: the model or the language decides."""

_DEFAULT, _MULTILINGUAL = "moonshine", "whisper"
"""What `AUTO` means: the first if it knows the language or none is given, else the second."""

_ENGLISH_ONLY = ".en"
"""How the names of Whisper's English models end."""


def engine_for(name: str, *, language: str | None = None, model: str | None = None, task: Task = "transcribe") -> str:
    """The name of the engine to load: `name`, or what `AUTO` means for a model, a language and a task.

    Args:
        name: One of `ENGINE_NAMES`, or `AUTO`.
        language: The language of the speech: a code, a tag or a name; None if it is unknown.
        model: The name or directory of a model; None for the engine's default.
        task: What to do with the speech.

    Raises:
        ConfigError: There is no such engine or language, or the engine does not know the language or the task.
    """
    code = parse_language(language)
    if name == AUTO:
        is_default = task == "transcribe" and code in (None, *ENGINES[_DEFAULT].languages)
        name = _engine_of(model) or (_DEFAULT if is_default else _MULTILINGUAL)
    entry = _entry(name)
    if code is not None and entry.languages and code not in entry.languages:
        raise UnsupportedOptionError(
            f"engine {name!r} cannot transcribe {code!r}: it knows {', '.join(entry.languages)}; "
            f"use engine {_MULTILINGUAL}{_first_install()}"
        )
    if task == "translate" and not entry.can_translate:
        raise UnsupportedOptionError(f"engine {name!r} cannot translate; use engine {_MULTILINGUAL}{_first_install()}")
    if name == _MULTILINGUAL and (code not in (None, "en") or task == "translate"):
        _check_is_multilingual(model, code)
    return name


def _check_is_multilingual(model: str | None, code: str | None) -> None:
    """Refuse one of Whisper's English models, which are named so, before it is downloaded."""
    if model is not None and model.endswith(_ENGLISH_ONLY) and not Path(model).is_dir():
        what = "translate" if code in (None, "en") else f"transcribe {code!r}"
        raise UnsupportedOptionError(
            f"model {model!r} cannot {what}: it knows only English; use one without {_ENGLISH_ONLY}, such as small"
        )


def _engine_of(model: str | None) -> str | None:
    """The engine of a model's name; None without a name. Models that are on the hub only are Whisper's."""
    if model is None or Path(model).is_dir():
        return None
    owners = {known.name: known.engine for known in Manifest.packaged().models}
    return owners.get(model, _MULTILINGUAL)


def _first_install() -> str:
    needs = ENGINES[_MULTILINGUAL].needs
    assert needs is not None
    return "" if find_spec(needs) else f" (first install its extra: {install_command(_MULTILINGUAL)})"


def load_engine(
    name: str,
    *,
    language: str | None = None,
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
        name: One of `ENGINE_NAMES`, or `AUTO`.
        language: The language of the speech, which decides what `AUTO` means; see `engine_for`.
        model: The name of a model, or the directory of one; None for the engine's default.
        store: The model store; ignored by engines that need none.
        num_threads: Threads that run the model, 1 or more; None for the engine's default. Not for remote engines.
        max_streams: Streams open at once, 1 or more; None for the engine's default.
        progress: Called with the progress of a pull, if the model must be pulled.
        server: The server's address, for remote engines; None for the engine's default.
        api_key: The server's key, if it needs one.
        options: The engine's own options, as listed in its entry.

    Raises:
        ConfigError: There is no such engine, language, option or model, a store is missing, or a number is out of
            range.
        ModelError: The model cannot be used: unknown, not pulled, damaged.
        MissingExtraError: The engine needs a package that is not installed.
    """
    name = engine_for(name, language=language, model=model)
    entry = _entry(name)
    _check_options(name, entry, options or {})
    _check_counts(num_threads=num_threads, max_streams=max_streams)
    if entry.needs_store and store is None:
        raise ConfigError(f"engine {name!r} needs a model store; pass store=ModelStore.from_settings(...)")
    _check_model(name, entry, model, store)
    _check_extra(name, entry)
    _check_place(name, entry, num_threads=num_threads, has_server=server is not None or api_key is not None)
    load = import_module(entry.module).load
    if entry.is_remote:
        return cast("_LoadRemote", load)(server=server, api_key=api_key, model=model, max_streams=max_streams)
    return cast("_Load", load)(
        model=model, store=store, num_threads=num_threads, max_streams=max_streams, progress=progress, **(options or {})
    )


def _entry(name: str) -> EngineEntry:
    entry = ENGINES.get(name)
    if entry is None:
        close = difflib.get_close_matches(name.lower(), ENGINE_NAMES, n=1)
        hint = f" (did you mean {close[0]}?)" if close else ""
        raise ConfigError(f"There is no engine {name!r}; choose from {', '.join((AUTO, *ENGINE_NAMES))}{hint}")
    return entry


def _check_options(name: str, entry: EngineEntry, options: Iterable[str]) -> None:
    for option in options:
        if option not in entry.options:
            others = " or ".join(other for other, it in ENGINES.items() if option in it.options)
            remedy = f"it belongs to engine {others}" if others else "no engine has it"
            raise ConfigError(f"engine {name!r} has no option {option.replace('_', '-')!r}; {remedy}")


def _check_model(name: str, entry: EngineEntry, model: str | None, store: ModelStore | None) -> None:
    """Refuse another engine's model before it is pulled. The engine itself checks unknown names and directories."""
    if model is None or store is None or entry.is_remote or Path(model).is_dir():
        return
    owner = next((status.model.engine for status in store.list() if status.model.name == model), name)
    if owner != name:
        raise ConfigError(f"engine {name!r} cannot run model {model!r}; use engine {owner}")


def _check_extra(name: str, entry: EngineEntry) -> None:
    """Refuse an engine without its package before its model is pulled."""
    if entry.needs is not None and find_spec(entry.needs) is None:
        raise MissingExtraError(entry.needs.replace("_", "-"), name, f"engine {name!r}")


def _check_place(name: str, entry: EngineEntry, *, num_threads: int | None, has_server: bool) -> None:
    """Refuse a remote engine's arguments for a local one, and the reverse."""
    if entry.is_remote and num_threads is not None:
        raise ConfigError(f"engine {name!r} runs on a server; leave the number of threads out")
    if has_server and not entry.is_remote:
        remote = " or ".join(other for other, it in ENGINES.items() if it.is_remote)
        raise ConfigError(f"engine {name!r} runs on this machine; use a server or a key with engine {remote}")


def _check_counts(**counts: int | None) -> None:
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ConfigError(f"{name} is {count}; it must be 1 or more")
