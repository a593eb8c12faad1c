"""Pulled models and recordings for tests of the real engines.

A test whose model is not pulled is skipped; with VOXTIDE_REQUIRE_ENGINES=1 it fails.
"""

from __future__ import annotations

import os
import wave
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.support.source_tree import PACKAGE
from voxtide.config import Settings
from voxtide.errors import ModelMissingError
from voxtide.models.store import ModelStore
from voxtide.types import SAMPLE_RATE_HZ, Samples


def model_directory(name: str) -> Path:
    """The directory of a model of the manifest."""
    settings = replace(Settings.from_environment(os.environ), is_offline=True)
    try:
        return ModelStore.from_settings(settings).path(name)
    except ModelMissingError as error:
        if os.environ.get("VOXTIDE_REQUIRE_ENGINES") == "1":
            raise
        pytest.skip(str(error))


@cache
def recording(name: str) -> Samples:
    """A recording that the package ships."""
    folder = next(folder for folder in (PACKAGE / "data", PACKAGE / "bench" / "data") if (folder / name).exists())
    with wave.open(str(folder / name)) as wav:
        pcm = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
    return (pcm / 32768).astype(np.float32)


def between(samples: Samples, start_s: float, end_s: float) -> Samples:
    return samples[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]
