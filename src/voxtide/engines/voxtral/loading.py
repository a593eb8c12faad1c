"""A name or a directory becomes an engine. In: what `load_engine` is asked. Out: a `VoxtralEngine`, or what to do."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from voxtide.audio.vad import VAD_FILE, VAD_MODEL, VadModel
from voxtide.engines.model_files import model_name
from voxtide.engines.voxtral.memory_plan import window_tokens
from voxtide.errors import CapacityError, ConfigError, MissingExtraError, ModelError, ModelMissingError
from voxtide.models.store import ModelStore, Progress
from voxtide.voxtral.config import TOKEN_MS

if TYPE_CHECKING:
    from voxtide.engines.voxtral.batch_runner import BatchRunner
    from voxtide.engines.voxtral.engine import VoxtralEngine
    from voxtide.voxtral.model import VoxtralModel

DEFAULT_MODEL = "voxtral"

MAX_VAD_STREAMS = 16
"""The voice detector takes 0.2 to 0.4 ms for each stream and step, on the thread that all streams share."""

_log = logging.getLogger("voxtide.engines")


def load(
    *,
    model: str | None = None,
    store: ModelStore | None,
    num_threads: int | None = None,
    max_streams: int | None = None,
    progress: Progress | None = None,
    device: str | None = None,
    weights: str | None = None,
    window_minutes: float | None = None,
    interim_every_ms: int = 0,
    has_vad: bool | None = None,
) -> VoxtralEngine:
    """Load Voxtral, pulling it first if it is not there.

    Args:
        model: A directory with a checkpoint in Mistral's or the Hugging Face format, or None for `voxtral`.
        store: Where models lie; may be None where `model` is a directory.
        num_threads: Threads a step on a CPU is shared among; None for torch's own choice.
        max_streams: Streams at once, whose memory is taken now; None for what fits, see `memory.default_streams`.
        progress: Told how far a pull is.
        device: `cuda`, `cuda:1`, `mps` or `cpu`; None for the best there is.
        weights: `bf16`, `fp16`, `fp32` or `int8`; None for what suits the device.
        window_minutes: How far back the decoder sees, at most the model's own 10.9 minutes; less takes less memory.
        interim_every_ms: How often to look ahead for interim text, in steps of 80 ms; 0 for never. Each look costs
            about as many steps as the delay has.
        has_voice: Whether to tell where speech starts and stops, if the voice model is in the store; None for yes
            with up to `MAX_VAD_STREAMS` streams.

    Raises:
        ConfigError: A choice cannot be used on this machine.
        CapacityError: The device has not the memory for so many streams.
        ModelError: The model cannot be had or used.
        MissingExtraError: torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError("torch", "voxtral", "engine 'voxtral'") from error

    from voxtide.engines.voxtral.device import choose_device, choose_weights
    from voxtide.engines.voxtral.engine import VoxtralEngine
    from voxtide.voxtral import loading
    from voxtide.voxtral.checkpoint import ModelFiles
    from voxtide.voxtral.tokenizer import read_vocabulary

    if interim_every_ms < 0 or interim_every_ms % TOKEN_MS:
        raise ConfigError(f"interim_every_ms is {interim_every_ms}; it must be a multiple of {TOKEN_MS}, or 0")
    window = None if window_minutes is None else window_tokens(window_minutes)
    chosen = choose_device(device)
    chosen_weights = choose_weights(weights, chosen)
    directory = locate(model or DEFAULT_MODEL, store, progress)
    if num_threads is not None:
        torch.set_num_threads(num_threads)  # of the process: torch has no other
    vocabulary = read_vocabulary(ModelFiles.find(directory))
    loaded = loading.load(directory, device=chosen, weights=chosen_weights)
    num_streams, window = _room(loaded, chosen_weights, max_streams, window)
    voice = _voice(store) if has_vad or (has_vad is None and num_streams <= MAX_VAD_STREAMS) else None
    return VoxtralEngine(
        _runner(loaded, num_streams, window),
        vocabulary,
        model=model_name(model or DEFAULT_MODEL),
        voice=voice,
        interim_every_ms=interim_every_ms,
    )


def locate(model: str, store: ModelStore | None, progress: Progress | None) -> Path:
    """The directory of a model: the name is one, or one in the store.

    Raises:
        ConfigError: It is no directory, and there is no store.
        ModelError: The store cannot give it.
    """
    if Path(model).is_dir():
        return Path(model)
    if store is None:
        raise ConfigError(f"{model!r} is no directory; pass one, or store=ModelStore.from_settings(...)")
    if "/" in model or "\\" in model:
        raise ModelMissingError(f"there is no directory {model!r} to load a Voxtral model from")
    return store.ensure(model, progress)


def _room(model: VoxtralModel, weights: str, max_streams: int | None, window: int | None) -> tuple[int, int]:
    """How many streams to take, and how far back they see."""
    from voxtide.engines.voxtral.device import free_bytes
    from voxtide.engines.voxtral.memory_plan import default_streams, fit

    found = fit(model.config, weights, free_bytes(model.device), window)
    wanted = default_streams(model.device.type, found.num_streams) if max_streams is None else max_streams
    if not 1 <= wanted <= found.num_streams:
        raise CapacityError(
            f"{model.device} has room for {found.num_streams} streams with a window of {found.window} tokens "
            f"({found.stream_bytes / 2**20:.0f} MiB each), not for {max(1, wanted)}; allow fewer (--streams) "
            "or a smaller window (--window-minutes); voxtide doctor --engine voxtral tells what fits"
        )
    return wanted, found.window


def _runner(model: VoxtralModel, num_streams: int, window: int) -> BatchRunner:
    """Take the memory of all streams, and on a GPU capture the steps."""
    import torch

    from voxtide.engines.voxtral.batch_runner import BatchRunner

    try:
        return BatchRunner(model, num_streams, decoder_window=window)
    except torch.OutOfMemoryError as error:  # while graphs are captured
        raise CapacityError(
            f"{model.device} has not the memory to run {num_streams} streams at once; allow fewer (--streams) or a "
            "smaller window (--window-minutes)"
        ) from error


def _voice(store: ModelStore | None) -> VadModel | None:
    """The voice detector, if it is at hand: speech is transcribed without it all the same."""
    if store is None:
        return None
    try:
        return VadModel.load(store.path(VAD_MODEL) / VAD_FILE)
    except ModelError as error:
        _log.info("no word of where speech starts and stops: %s", error)
        return None
