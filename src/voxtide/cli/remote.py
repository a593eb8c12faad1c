"""Which engine a command uses, where, and with which options. In: options, the environment. Out: an `EngineChoice`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from voxtide import api
from voxtide.api import DEFAULT_ENGINE
from voxtide.client.transport.websocket import MISTRAL_CLOUD, is_mistral_cloud
from voxtide.engines.base import Engine
from voxtide.engines.registry import AUTO, ENGINES, EngineOption, engine_for
from voxtide.models.store import Progress
from voxtide.types import Task

REMOTE = "remote"

NO_OPTIONS: Mapping[str, EngineOption] = MappingProxyType({})
"""No engine-specific options."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine by name; `server` and `api_key` are None if not given or if the engine runs here.

    `options` holds the engine-specific options that were given, see `EngineEntry`.
    """

    name: str
    server: str | None = None
    api_key: str | None = field(default=None, repr=False)
    options: Mapping[str, EngineOption] = field(default_factory=dict)

    def open(self, *, model: str | None, num_threads: int | None, progress: Progress) -> Engine:
        """Load it for one stream.

        Raises:
            VoxtideError: As `api.open_engine`.
        """
        return api.open_engine(
            self.name,
            model=model,
            num_threads=num_threads,
            max_streams=1,
            progress=progress,
            server=self.server,
            api_key=self.api_key,
            options=self.options,
        )


def choose_engine(
    name: str | None,
    server: str | None,
    api_key: str | None,
    environ: Mapping[str, str],
    options: Mapping[str, EngineOption] = NO_OPTIONS,
    *,
    language: str | None = None,
    model: str | None = None,
    task: Task = "transcribe",
) -> EngineChoice:
    """The requested engine; without one, `remote` if a server is named, else what `auto` means for language and model.

    A missing key is read from VOXTIDE_API_KEY or, for Mistral's own service only, from MISTRAL_API_KEY.

    Raises:
        ConfigError: There is no such engine or language, or the engine does not know the language or the task.
    """
    is_named = name is not None and name != AUTO
    wanted = REMOTE if server and not is_named else name or DEFAULT_ENGINE
    name = engine_for(wanted, language=language, model=model, task=task)
    entry = ENGINES.get(name)
    if entry is not None and entry.is_remote and not api_key:
        is_mistral = name == REMOTE and is_mistral_cloud(server or MISTRAL_CLOUD)
        found = environ.get("VOXTIDE_API_KEY") or (environ.get("MISTRAL_API_KEY") if is_mistral else None)
        api_key = (found or "").strip() or None
    return EngineChoice(name, server, api_key, options)


def engine_options(
    device: str | None,
    compute_type: str | None,
    weights: str | None,
    window_minutes: float | None,
    interim_every_ms: int | None = None,
) -> dict[str, EngineOption]:
    """The options that were given, under the names the engine uses."""
    given = {
        "device": device,
        "compute_type": compute_type,
        "weights": weights,
        "window_minutes": window_minutes,
        "interim_every_ms": interim_every_ms,
    }
    return {option: value for option, value in given.items() if value is not None}
