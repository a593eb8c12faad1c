"""Shared by the tests of the command line: sentences as audio, and the types of the fixtures."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
from typer.testing import Result

from voxtide.engines.scripted import speak
from voxtide.types import SAMPLE_RATE_HZ, Samples

MAIN = "from voxtide.cli import main; main()"
"""The program, for `python -c`."""

PAUSE = np.zeros(6 * SAMPLE_RATE_HZ // 10, np.float32)
"""Long enough for the scripted engine to end a segment."""

Tones: TypeAlias = Callable[..., Path]
Voxtide: TypeAlias = Callable[..., Result]
Spawn: TypeAlias = Callable[..., subprocess.Popen[bytes]]


def spoken(*sentences: str) -> Samples:
    """Each sentence, followed by a pause."""
    return np.concatenate([part for sentence in sentences for part in (speak(sentence), PAUSE)])


def pcm(samples: Samples) -> bytes:
    """As 16-bit raw audio."""
    return (samples * 32767).astype("<i2").tobytes()
