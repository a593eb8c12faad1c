"""Audio level. In: samples. Out: decibels, for a level meter. Knows no speech."""

from __future__ import annotations

import math

import numpy as np

from voxtide.types import Samples

SILENCE_DBFS = -120.0
"""The level of silence: below the noise of any 16-bit recording (-98 dB), and finite so that a meter can draw it."""


def level_dbfs(samples: Samples) -> float:
    """RMS level of `samples`, shape [n]: `SILENCE_DBFS` to 0 dBFS, where a full-scale sine has -3."""
    if samples.size == 0:
        return SILENCE_DBFS
    return level_of_power_dbfs(float(np.mean(np.square(samples, dtype=np.float64))))


def level_of_power_dbfs(power: float) -> float:
    """The level of samples whose mean square is `power`."""
    return max(SILENCE_DBFS, 10.0 * math.log10(power)) if power > 0 else SILENCE_DBFS
