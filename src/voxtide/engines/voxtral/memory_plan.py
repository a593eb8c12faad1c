"""How many streams a device holds. In: the model's shape, the weights' kind, free memory. Out: a plan. Needs no torch.

The memory of all streams is allocated when the engine loads, so an admitted stream cannot run out of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from voxtide.errors import ConfigError, MissingExtraError
from voxtide.voxtral.config import TOKEN_MS, VoxtralConfig
from voxtide.voxtral.names import tensors

USABLE_SHARE = 0.9
"""Share of the free memory that is used; the rest is for activations, captured graphs and other programs."""

ELEMENT_BYTES = {"bf16": 2, "fp16": 2, "fp32": 4, "int8": 2}
"""Bytes per element of keys, values and activations."""

WEIGHT_BYTES = {"bf16": 2, "fp16": 2, "fp32": 4, "int8": 1}

MAX_STREAMS_BY_DEVICE = {"cpu": 4, "mps": 8}
MAX_GPU_STREAMS = 512
"""Default maximum of streams: more than the device can keep up with would waste memory."""

WINDOWS = (8192, 4096, 2048, 1024, 512)
"""Decoder windows to report: 11 minutes down to 41 seconds of context."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The streams that fit with one decoder window.

    Attributes:
        window: In tokens of 80 ms.
        stream_bytes: Memory of one stream.
        num_streams: How many fit beside the weights.
    """

    window: int
    stream_bytes: int
    num_streams: int


def weights_bytes(config: VoxtralConfig, weights: str) -> int:
    """Memory of the weights."""
    return WEIGHT_BYTES[weights] * sum(math.prod(tensor.shape) for tensor in tensors(config))


def fit(config: VoxtralConfig, weights: str, free_bytes: int, window: int | None = None) -> Fit:
    """The streams that fit. `free_bytes`: memory free after the weights are loaded."""
    window = min(window or config.decoder.window, config.decoder.window)
    stream_bytes = config.slot_bytes(ELEMENT_BYTES[weights], window)
    usable_bytes = int(USABLE_SHARE * free_bytes) - config.shared_bytes(ELEMENT_BYTES[weights])
    return Fit(window, stream_bytes, max(0, usable_bytes // stream_bytes))


def fits(config: VoxtralConfig, weights: str, free_bytes: int, windows: tuple[int, ...] | None = None) -> list[Fit]:
    """`fit` for several windows, by default `WINDOWS`. `free_bytes`: memory free before the weights are loaded."""
    left_bytes = free_bytes - weights_bytes(config, weights)
    known = tuple(window for window in WINDOWS if window <= config.decoder.window) or (config.decoder.window,)
    return [fit(config, weights, left_bytes, window) for window in windows or known]


def largest_window(config: VoxtralConfig, weights: str, free_bytes: int, num_streams: int) -> int:
    """The largest window, in tokens, with which this many streams fit; 0 if none does. `free_bytes` as in `fit`."""
    one = fit(config, weights, free_bytes, window=1)
    token_bytes = ELEMENT_BYTES[weights] * config.decoder.kv_values_per_position
    each_bytes = (int(USABLE_SHARE * free_bytes) - config.shared_bytes(ELEMENT_BYTES[weights])) // num_streams
    return min(config.decoder.window, max(0, 1 + (each_bytes - one.stream_bytes) // token_bytes))


def window_tokens(minutes: float) -> int:
    """A decoder's window in tokens.

    Raises:
        ConfigError: `minutes` is not positive and finite.
    """
    if not 0.0 < minutes < math.inf:
        raise ConfigError(f"window_minutes is {minutes:g}; it must be more than 0, and finite")
    return max(1, round(minutes * 60_000 / TOKEN_MS))


def default_streams(device_type: str, num_fitting: int) -> int:
    """The number of streams if the caller gives none."""
    return min(num_fitting, MAX_STREAMS_BY_DEVICE.get(device_type, MAX_GPU_STREAMS))


@dataclass(frozen=True, slots=True)
class Survey:
    """How a model would run on this machine.

    Attributes:
        device: The device, for people.
        weights: The kind of weights.
        weights_bytes: Memory of the weights.
        free_bytes: Free memory of the device.
        fits: For each decoder window, how many streams fit beside the weights.
    """

    device: str
    weights: str
    weights_bytes: int
    free_bytes: int
    fits: tuple[Fit, ...]


def survey(
    directory: Path | None,
    *,
    device: str | None = None,
    weights: str | None = None,
    window_minutes: float | None = None,
) -> Survey:
    """Survey the machine; loads no weights.

    Args:
        directory: Of a model, for its shape; None for the published model.
        device: As `load` takes it.
        weights: As `load` takes it.
        window_minutes: As `load` takes it; None for several.

    Raises:
        ConfigError: The device, the weights or the window cannot be used here.
        ModelMissingError: The directory holds no model, or no tokenizer.
        ModelCorruptError: A file or a tensor is wrong; the message names it.
        MissingExtraError: torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError("torch", "voxtral", "engine 'voxtral'") from error

    from voxtide.engines.voxtral.device import choose_device, choose_weights, device_name, free_bytes
    from voxtide.voxtral.checkpoint import ModelFiles, open_checkpoint
    from voxtide.voxtral.tokenizer import read_vocabulary

    chosen = choose_device(device)
    held = choose_weights(weights, chosen)
    config = VoxtralConfig()
    if directory is not None:
        read_vocabulary(ModelFiles.find(directory))
        config = open_checkpoint(directory).config
    free = free_bytes(chosen)
    windows = None if window_minutes is None else (window_tokens(window_minutes),)
    return Survey(
        f"{device_name(chosen)}, torch {torch.__version__}",
        held,
        weights_bytes(config, held),
        free,
        tuple(fits(config, held, free, windows)),
    )
