"""An engine over a windowed model. In: the model and its settings. Out: streams of the windowed decoder."""

from __future__ import annotations

import os

from voxtide.audio.vad import GateConfig, VadMeter, VadModel
from voxtide.engines.local.stream import LocalEngine
from voxtide.engines.windowed.config import WindowedConfig
from voxtide.engines.windowed.prompt import end_that_fits
from voxtide.engines.windowed.recogniser import WindowedRecogniser
from voxtide.engines.windowed.window_model import WindowModel
from voxtide.types import EngineInfo, StreamOptions

DEFAULT_MAX_STREAMS = 64
"""Default limit of concurrent streams: a few megabytes each, and more than a laptop keeps up with."""

MAX_THREADS = 8
"""Most threads by default: one shared model does not use more well."""


def default_num_threads() -> int:
    """The default number of worker threads: one per core, at most `MAX_THREADS`."""
    return min(os.cpu_count() or 1, MAX_THREADS)


class WindowedEngine(LocalEngine):
    """Streams of `WindowedRecogniser` that share a model, a VAD and a thread pool."""

    def __init__(
        self,
        info: EngineInfo,
        model: WindowModel,
        vad: VadModel,
        *,
        live: WindowedConfig,
        fast: WindowedConfig,
        num_threads: int | None,
        max_streams: int | None,
    ) -> None:
        self._info = info
        self._model = model
        self._vad = vad
        self._configs = {"live": live, "fast": fast}
        super().__init__(
            num_threads=default_num_threads() if num_threads is None else num_threads,
            max_streams=DEFAULT_MAX_STREAMS if max_streams is None else max_streams,
        )

    @property
    def info(self) -> EngineInfo:
        return self._info

    def fit_prompt(self, prompt: str, vocabulary: tuple[str, ...] = ()) -> str:
        return end_that_fits(prompt, lambda end: self._model.has_room_for((*vocabulary, end)))

    def make_recogniser(self, options: StreamOptions) -> WindowedRecogniser:
        config = self._configs[options.pace]
        only_language = self._info.languages[0] if len(self._info.languages) == 1 else None
        vad = VadMeter(self._vad)
        return WindowedRecogniser(self._model, vad, config, GateConfig(), options, only_language=only_language)
