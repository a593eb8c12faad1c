"""The part of `doctor` that looks at Voxtral. In: settings, a model, options. Out: findings. It loads no model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from voxtide.cli.check import Check
from voxtide.config import Settings
from voxtide.engines.registry import EngineOption
from voxtide.engines.voxtral.loading import DEFAULT_MODEL
from voxtide.engines.voxtral.survey import Survey, survey
from voxtide.errors import ModelMissingError, VoxtideError
from voxtide.models import ModelStore
from voxtide.voxtral.config import TOKEN_MS


def voxtral(settings: Settings, model: str | None, options: Mapping[str, EngineOption]) -> Iterator[Check]:
    """Whether it could run here, told so, and for how many streams at once."""
    name = model or DEFAULT_MODEL
    try:
        directory: Path | None = Path(name) if Path(name).is_dir() else ModelStore.from_settings(settings).path(name)
        yield Check("engine", "ok", f"voxtral: the model is in {directory}")
    except ModelMissingError as error:
        directory = None
        yield Check("engine", "bad", f"voxtral: model {name!r} is not here", str(error))
    except VoxtideError as error:
        yield Check("engine", "bad", f"voxtral: model {name!r} cannot be used", str(error))
        return
    try:
        yield from _streams(survey(directory, **options))  # type: ignore[arg-type]  # the engine's own; checked there
    except VoxtideError as error:
        yield Check("streams", "bad", "voxtral cannot run here", str(error))


def _streams(found: Survey) -> Iterator[Check]:
    weights = f"weights {found.weights} take {_gib(found.weights_bytes)} of {_gib(found.free_bytes)} free"
    yield Check("device", "ok", f"{found.device}; {weights}")
    if not any(fit.num_streams for fit in found.fits):
        yield Check("streams", "bad", "no stream fits", "free memory, or take another device or smaller weights")
    for fit in found.fits:
        minutes = fit.window * TOKEN_MS / 60_000
        each = f"{fit.stream_bytes / 2**20:.0f} MiB each"
        yield Check("streams", "ok", f"{fit.num_streams} fit at a window of {fit.window} ({minutes:.1f} min): {each}")


def _gib(num_bytes: int) -> str:
    return f"{num_bytes / 2**30:.1f} GiB"
