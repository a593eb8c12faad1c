"""Small models; each is written to disk once, in both formats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.source_tree import PACKAGE
from tests.support.voxtral_oracle import CPU, GROUPED, Model, random_model, write_hugging_face, write_mistral
from voxtide.types import Samples
from voxtide.voxtral.loading import load
from voxtide.voxtral.model import VoxtralModel


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_torch_thread: None) -> None:
    """All tests of this folder use small models."""


@pytest.fixture(scope="session")
def speech() -> Samples:
    """54 seconds of two recordings."""
    parts = [
        np.frombuffer((PACKAGE / "data" / name).read_bytes()[44:], "<i2").astype(np.float32) / 32768.0
        for name in ("beckett.wav", "two_cities.wav")
    ]
    return np.concatenate(parts)


@pytest.fixture(scope="session")
def reference() -> Model:
    return random_model(GROUPED)


@pytest.fixture(scope="session")
def mistral_dir(reference: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mistral(reference, tmp_path_factory.mktemp("mistral"))


@pytest.fixture(scope="session")
def hugging_face_dir(reference: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hugging_face(reference, tmp_path_factory.mktemp("hugging_face"))


@pytest.fixture(scope="session")
def model(mistral_dir: Path) -> VoxtralModel:
    return load(mistral_dir, device=CPU, weights="fp32")
