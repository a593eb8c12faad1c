"""Loads an engine from a name or a directory. In: the options of `load_engine`. Out: a `VoxtralEngine`."""

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
"""The VAD takes 0.2 to 0.4 ms per stream and step, on the thread that all streams share."""

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
    """Load Voxtral; pull it first if it is missing.

    Args:
        model: A directory with a checkpoint in Mistral's or the Hugging Face format, or None for `voxtral`.
        store: The model store; may be None if `model` is a directory.
        num_threads: Threads of a step on a CPU; None for torch's default.
        max_streams: Concurrent streams; their memory is allocated now. None for `memory_plan.default_streams`.
        progress: Called with the progress of a pull.
        device: `cuda`, `cuda:1`, `mps` or `cpu`; None for the best available.
        weights: `bf16`, `fp16`, `fp32` or `int8`; None for the best for the device.
        window_minutes: The decoder's context, at most the model's own 10.9 minutes; less takes less memory.
        interim_every_ms: Interval of peeks for interim text, a multiple of 80 ms; 0 for none. Each peek costs about
            as many steps as the delay has.
        has_vad: Whether to emit speech events, if the VAD model is in the store; None for yes with up to
            `MAX_VAD_STREAMS` streams.

    Raises:
        ConfigError: An option cannot be used on this machine.
        CapacityError: The device has too little memory for this many streams.
        ModelError: The model cannot be pulled or used.
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
        torch.set_num_threads(num_threads)  # process-wide: torch has no other setting
    vocabulary = read_vocabulary(ModelFiles.find(directory))
    loaded = loading.load(directory, device=chosen, weights=chosen_weights)
    num_streams, window = _plan_streams(loaded, chosen_weights, max_streams, window)
    vad = _load_vad(store) if has_vad or (has_vad is None and num_streams <= MAX_VAD_STREAMS) else None
    return VoxtralEngine(
        _runner(loaded, num_streams, window),
        vocabulary,
        model=model_name(model or DEFAULT_MODEL),
        vad=vad,
        interim_every_ms=interim_every_ms,
    )


def locate(model: str, store: ModelStore | None, progress: Progress | None) -> Path:
    """The directory of a model, given as a directory or as a name in the store.

    Raises:
        ConfigError: It is no directory, and `store` is None.
        ModelError: The store cannot provide it.
    """
    if Path(model).is_dir():
        return Path(model)
    if store is None:
        raise ConfigError(f"{model!r} is not a directory; pass one, or store=ModelStore.from_settings(...)")
    if "/" in model or "\\" in model:
        raise ModelMissingError(f"there is no directory {model!r} to load a Voxtral model from")
    return store.ensure(model, progress)


def _plan_streams(model: VoxtralModel, weights: str, max_streams: int | None, window: int | None) -> tuple[int, int]:
    """The number of streams, and their decoder window."""
    from voxtide.engines.voxtral.device import free_bytes
    from voxtide.engines.voxtral.memory_plan import default_streams, fit

    plan = fit(model.config, weights, free_bytes(model.device), window)
    wanted = default_streams(model.device.type, plan.num_streams) if max_streams is None else max_streams
    if not 1 <= wanted <= plan.num_streams:
        raise CapacityError(
            f"{model.device} has memory for {plan.num_streams} streams with a window of {plan.window} tokens "
            f"({plan.stream_bytes / 2**20:.0f} MiB each), not for {max(1, wanted)}; allow fewer (--streams) "
            "or a smaller window (--window-minutes); voxtide doctor --engine voxtral shows what fits"
        )
    return wanted, plan.window


def _runner(model: VoxtralModel, num_streams: int, window: int) -> BatchRunner:
    """Allocate the memory of all streams, and on a GPU capture the steps."""
    import torch

    from voxtide.engines.voxtral.batch_runner import BatchRunner

    try:
        return BatchRunner(model, num_streams, decoder_window=window)
    except torch.OutOfMemoryError as error:  # while graphs are captured
        raise CapacityError(
            f"not enough memory on {model.device} to run {num_streams} streams at once; allow fewer (--streams) or a "
            "smaller window (--window-minutes)"
        ) from error


def _load_vad(store: ModelStore | None) -> VadModel | None:
    """The VAD, if its model is in the store; it is optional."""
    if store is None:
        return None
    try:
        return VadModel.load(store.path(VAD_MODEL) / VAD_FILE)
    except ModelError as error:
        _log.info("no speech events: %s", error)
        return None
