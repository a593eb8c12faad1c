"""How loud it is. In: samples. Out: decibels, for a level meter. Knows no speech."""

from __future__ import annotations

import math

import numpy as np

from voxtide.types import Samples

SILENCE_DBFS = -120.0
"""What silence reads: below the noise of any 16-bit recording (-98 dB), and finite, so that a meter can draw it."""


def level_dbfs(samples: Samples) -> float:
    """The RMS level of `samples`, shape [n], from `SILENCE_DBFS` to 0: a square wave at full scale (a sine has -3)."""
    if samples.size == 0:
        return SILENCE_DBFS
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    return max(SILENCE_DBFS, 10.0 * math.log10(power)) if power > 0 else SILENCE_DBFS
