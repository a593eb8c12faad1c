"""What this machine can do with Voxtral, found out without loading it. In: a model's name. Out: a `Survey`."""

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
        ModelCorruptError: The directory's configuration cannot be read.
        MissingExtraError: torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError("torch", "voxtral", "engine 'voxtral'") from error

    from voxtide.engines.voxtral.device import choose_device, choose_weights, free_bytes
    from voxtide.voxtral.checkpoint import read_json

    chosen = choose_device(device)
    held = choose_weights(weights, chosen)
    config = VoxtralConfig()
    if directory is not None:
        is_mistral = (directory / "params.json").is_file()
        read = VoxtralConfig.from_mistral if is_mistral else VoxtralConfig.from_hugging_face
        config = read(read_json(directory / ("params.json" if is_mistral else "config.json")))
    free = free_bytes(chosen)
    windows = None if window_minutes is None else (window_tokens(window_minutes),)
    name = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else str(chosen)
    return Survey(
        f"{name}, torch {torch.__version__}",
        held,
        weights_bytes(config, held),
        free,
        tuple(fits(config, held, free, windows)),
    )
