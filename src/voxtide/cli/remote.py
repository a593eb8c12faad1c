"""Which engine a command uses, where, and what it alone is told. In: options, the environment. Out: a choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from voxtide.api import DEFAULT_ENGINE
from voxtide.client.transport.websocket import MISTRAL_CLOUD, is_mistral_cloud
from voxtide.engines.registry import ENGINES, EngineOption

REMOTE = "remote"

NO_OPTIONS: Mapping[str, EngineOption] = MappingProxyType({})
"""Of an engine that is told nothing."""


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine by its name; `server` and `api_key` are None for one that runs here, and where nothing was said.

    `options` are the engine's own, see `EngineEntry`: only those that were given.
    """

    name: str
    server: str | None = None
    api_key: str | None = field(default=None, repr=False)
    options: Mapping[str, EngineOption] = field(default_factory=dict)


def choose_engine(
    name: str | None,
    server: str | None,
    api_key: str | None,
    environ: Mapping[str, str],
    options: Mapping[str, EngineOption] = NO_OPTIONS,
) -> EngineChoice:
    """The engine that was asked for; a server alone asks for `remote`.

    A key that is not given comes from VOXTIDE_API_KEY, or from MISTRAL_API_KEY: but that one goes to Mistral's own
    service and nowhere else.
    """
    name = name or (REMOTE if server else DEFAULT_ENGINE)
    entry = ENGINES.get(name)
    if entry is not None and entry.is_remote and not api_key:
        is_mistral = name == REMOTE and is_mistral_cloud(server or MISTRAL_CLOUD)
        found = environ.get("VOXTIDE_API_KEY") or (environ.get("MISTRAL_API_KEY") if is_mistral else None)
        api_key = (found or "").strip() or None
    return EngineChoice(name, server, api_key, options)


def engine_options(
    device: str | None, weights: str | None, window_minutes: float | None, interim_every_ms: int | None = None
) -> dict[str, EngineOption]:
    """Those that were given, as the engine names them."""
    given = {
        "device": device,
        "weights": weights,
        "window_minutes": window_minutes,
        "interim_every_ms": interim_every_ms,
    }
    return {option: value for option, value in given.items() if value is not None}
