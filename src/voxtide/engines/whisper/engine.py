"""Whisper behind the seam. In: a model's name. Out: an engine. Knows neither threads nor decoding rules."""

from __future__ import annotations

from pathlib import Path

from voxtide.audio.vad import VadModel
from voxtide.engines.model_files import model_name
from voxtide.engines.whisper.library import fetch_from_hub, hub_sizes
from voxtide.engines.whisper.model import WhisperModel
from voxtide.engines.whisper.windows import WhisperWindows
from voxtide.engines.windowed.config import StabilityConfig, WindowedConfig
from voxtide.engines.windowed.engine import WindowedEngine, usual_num_threads
from voxtide.errors import UnknownModelError
from voxtide.models.store import ModelStore, Progress
from voxtide.types import EngineInfo

DEFAULT_MODEL = "whisper-base"

STABILITY = StabilityConfig(min_logprob=-1.0)

LIVE = WindowedConfig(
    update_frames=31,
    updates_per_decision=1,
    min_window_s=1.0,
    max_window_s=8.0,
    context_s=3.0,
    stability=STABILITY,
)
"""For speech that is being spoken: each second, for an update takes 0.2 to 0.5 s on one core, and each a decision."""

FAST = WindowedConfig(
    update_frames=437,
    updates_per_decision=1,
    speculate_frames=None,
    min_speech_s=10.0,
    max_window_s=2.0,
    context_s=1.5,
    stability=STABILITY,
)
"""For audio that is already there: from 10 s at a time on where there are pauses, 14 s where there are none. With what
was said before them and the pauses between, windows stay under the 28 s that the model takes."""


def load(
    *,
    model: str | None = None,
    store: ModelStore,
    num_threads: int | None = None,
    max_streams: int | None = None,
    progress: Progress | None = None,
) -> WindowedEngine:
    """Load Whisper, pulling it first if it is not there.

    Args:
        model: A model of the manifest, a directory with a model for CTranslate2, or a name on the Hugging Face hub;
            None for `whisper-base`.
        store: Where models lie.
        num_threads: Threads that compute; None for one per core.
        max_streams: Streams at once; None for the engine's own bound.
        progress: Told how far a pull is.

    Raises:
        ModelError: A model cannot be had or used.
        MissingExtraError: faster-whisper is not installed.
    """
    name = model or DEFAULT_MODEL
    num_threads = usual_num_threads() if num_threads is None else num_threads
    whisper = WhisperModel.load(locate(name, store, progress), num_threads=num_threads)
    vad = VadModel.from_store(store, progress)
    info = EngineInfo(
        name=ENGINE,
        model=model_name(name),
        languages=whisper.tokenizer.languages or ("en",),
        is_revising=True,
        word_times="read",
        can_use_vocabulary=True,
    )
    return WindowedEngine(
        info,
        WhisperWindows(whisper),
        vad,
        live=LIVE,
        fast=FAST,
        num_threads=num_threads,
        max_streams=max_streams,
    )


ENGINE = "whisper"
"""The models of the manifest that are this engine's."""


def locate(name: str, store: ModelStore, progress: Progress | None) -> Path:
    """The directory of a model: itself a directory, or one of the manifest, or on the Hugging Face hub.

    Raises:
        UnknownModelError: It is none of these, or another engine's.
        ModelError: It cannot be had.
        MissingExtraError: Its name is the hub's, and faster-whisper is not installed.
    """
    if Path(name).is_dir():
        return Path(name)
    ours = [status.model.name for status in store.list() if status.model.engine == ENGINE]
    if name in ours:
        return store.ensure(name, progress)
    sizes = hub_sizes()
    if name in sizes or name.count("/") == 1:
        return fetch_from_hub(name, is_offline=store.is_offline)
    raise UnknownModelError(
        f"no Whisper model {name!r}: give one of {', '.join(ours)}, a directory that holds one, or a model of the "
        f"Hugging Face hub, by its name there or as one of {', '.join(sizes) or 'its short names'}"
    )
