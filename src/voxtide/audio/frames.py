"""Decoded frames. In: a frame's planes as FFmpeg lays them out. Out: mono samples. Knows no codec and no rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from voxtide.audio.encodings import clean, mix_down
from voxtide.types import Samples

_VALUES: dict[str, tuple[DTypeLike, float, float]] = {
    "u8": (np.uint8, 2.0**7, 2.0**7),
    "s16": (np.int16, 0.0, 2.0**15),
    "s32": (np.int32, 0.0, 2.0**31),
    "s64": (np.int64, 0.0, 2.0**63),
    "flt": (np.float32, 0.0, 1.0),
    "dbl": (np.float64, 0.0, 1.0),
}
"""All of FFmpeg's sample formats: the type of a value, its zero, its full scale. A "p" behind the name means planar."""


def mono(sample_format: str, planes: Sequence[bytes], *, num_samples: int, num_channels: int) -> Samples:
    """The mean of a frame's channels, shape [num_samples], in [-1, 1]. Planes may be longer: FFmpeg pads them."""
    kind, zero, full_scale = _VALUES[sample_format.removesuffix("p")]
    if sample_format.endswith("p"):  # one plane for each channel
        values = np.stack([np.frombuffer(plane, kind, num_samples) for plane in planes], axis=1)
    else:
        values = np.frombuffer(planes[0], kind, num_samples * num_channels).reshape(-1, num_channels)
    if full_scale == 1.0:
        return mix_down(clean(values))
    return mix_down((values.astype(np.float32) - np.float32(zero)) / np.float32(full_scale))
