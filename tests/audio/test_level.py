"""Decibels relative to full scale."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.media_files import tone
from voxtide.audio.level import SILENCE_DBFS, level_dbfs


@pytest.mark.parametrize(
    ("samples", "expected_dbfs"),
    [
        (np.ones(100, np.float32), 0.0),
        (tone(1.0, peak=1.0), -3.01),
        (tone(1.0, peak=0.1), -23.01),
        (np.full(100, 2.0**-15, np.float32), -90.31),
        (np.full(100, 1e-12, np.float32), SILENCE_DBFS),
        (np.zeros(100, np.float32), SILENCE_DBFS),
        (np.zeros(0, np.float32), SILENCE_DBFS),
    ],
    ids=["square", "sine", "quiet sine", "one bit", "almost nothing", "silence", "no samples"],
)
def test_levels(samples: np.ndarray, expected_dbfs: float) -> None:
    assert level_dbfs(samples) == pytest.approx(expected_dbfs, abs=0.01)
