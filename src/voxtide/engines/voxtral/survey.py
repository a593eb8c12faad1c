"""What this machine can do with Voxtral. In: a directory. Out: a `Survey`. Of the weights, only headers are read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from voxtide.engines.voxtral.memory import Fit, fits, weights_bytes, window_tokens
from voxtide.errors import MissingExtraError
from voxtide.voxtral.config import VoxtralConfig


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found.

    Attributes:
        device: Where it would run, in words.
        weights: How the weights would be held.
        weights_bytes: What they would take.
        free_bytes: What is free on the device.
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
    """Look at the machine.

    Args:
        directory: A model's, for its shape; None for the published model.
        device: As `load` takes it.
        weights: As `load` takes it.
        window_minutes: As `load` takes it; None for several.

    Raises:
        ConfigError: The device or the weights cannot be used here, or the window is none.
        ModelMissingError: The directory holds no model, or no tokenizer.
        ModelCorruptError: A file or a tensor is not what it should be; it is named.
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
