"""The vocabulary of the pulled model, shared by the tests of this folder."""

from __future__ import annotations

import pytest

from tests.support.pulled_models import model_directory
from voxtide.engines.moonshine.tokenizer import Tokenizer


@pytest.fixture(scope="package")
def tokenizer() -> Tokenizer:
    return Tokenizer.load(model_directory("moonshine-tiny-en") / "tokenizer.bin")
