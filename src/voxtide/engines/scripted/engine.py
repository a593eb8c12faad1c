"""The scripted engine. In: settings. Out: an `Engine` whose streams are scripted recognisers."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from voxtide.engines.local.stream import LocalEngine
from voxtide.engines.scripted.config import DELAYS_MS, LANGUAGES, ScriptedConfig
from voxtide.engines.scripted.recogniser import ScriptedRecogniser
from voxtide.errors import UnknownModelError
from voxtide.types import EngineInfo, StreamOptions

if TYPE_CHECKING:
    from voxtide.models.store import ModelStore, Progress

_MODEL = "tones"


class ScriptedEngine(LocalEngine):
    """Runs scripted recognisers. A slow engine calls `sleep`; tests may replace it."""

    def __init__(
        self,
        config: ScriptedConfig | None = None,
        *,
        num_threads: int = 1,
        max_streams: int = 64,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(num_threads=num_threads, max_streams=max_streams)
        self._config = config or ScriptedConfig()
        self._sleep = sleep

    @property
    def info(self) -> EngineInfo:
        return EngineInfo(
            name="scripted",
            model=_MODEL,
            languages=LANGUAGES,
            is_revising=self._config.is_revising,
            word_times="read",
            delays_ms=DELAYS_MS,
            can_use_vocabulary=True,
            can_translate=True,
        )

    def make_recogniser(self, options: StreamOptions) -> ScriptedRecogniser:
        return ScriptedRecogniser(self._config, options, self._sleep)


def load(
    *,
    model: str | None = None,
    store: ModelStore | None = None,
    num_threads: int | None = None,
    max_streams: int | None = None,
    progress: Progress | None = None,
) -> ScriptedEngine:
    """Make the engine with its default settings. Its one model, `tones`, needs neither `store` nor `progress`.

    Raises:
        UnknownModelError: `model` is not `tones`.
        ConfigError: A number is out of range.
    """
    if model not in (None, _MODEL):
        raise UnknownModelError(f"engine 'scripted' has no model {model!r}; leave it out")
    return ScriptedEngine(
        num_threads=1 if num_threads is None else num_threads, max_streams=64 if max_streams is None else max_streams
    )
