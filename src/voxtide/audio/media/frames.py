"""FFmpeg's sample formats. In: a decoded frame's bytes. Out: its samples. Knows no decoder and no PyAV."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from voxtide.audio.encodings import clean
from voxtide.types import Samples

_VALUES: dict[str, tuple[DTypeLike, float, float]] = {
    "u8": (np.uint8, 2.0**7, 2.0**7),
    "s16": (np.int16, 0.0, 2.0**15),
    "s32": (np.int32, 0.0, 2.0**31),
    "s64": (np.int64, 0.0, 2.0**63),
    "flt": (np.float32, 0.0, 1.0),
    "dbl": (np.float64, 0.0, 1.0),
}
"""FFmpeg's sample formats: dtype, zero, full scale. The suffix "p" means planar."""


def to_samples(sample_format: str, planes: Sequence[bytes], *, num_samples: int, num_channels: int) -> Samples:
    """A frame's samples, shape [num_samples, num_channels], in [-1, 1]. `planes` may be longer than that (padding)."""
    kind, zero, full_scale = _VALUES[sample_format.removesuffix("p")]
    if sample_format.endswith("p"):  # one plane per channel
        values = np.stack([np.frombuffer(plane, kind, num_samples) for plane in planes], axis=1)
    else:
        values = np.frombuffer(planes[0], kind, num_samples * num_channels).reshape(-1, num_channels)
    if full_scale == 1.0:
        return clean(values)
    return (values.astype(np.float32) - np.float32(zero)) / np.float32(full_scale)
