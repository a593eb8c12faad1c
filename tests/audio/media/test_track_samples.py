"""FFmpeg's sample formats: packed, planar, integer and floating point."""

from __future__ import annotations

import numpy as np
import pytest

from voxtide.audio.media.track_samples import to_samples

LEFT = np.array([0.0, 0.5, -0.5, -1.0])
RIGHT = np.array([0.0, 0.25, 0.5, -1.0])
BOTH = [[0.0, 0.0], [0.5, 0.25], [-0.5, 0.5], [-1.0, -1.0]]
AS_VALUES = {
    "u8": lambda x: (x * 2**7 + 2**7).astype("u1"),
    "s16": lambda x: (x * 2**15).astype("i2"),
    "s32": lambda x: (x * 2**31).astype("i4"),
    "s64": lambda x: (x * 2.0**63).astype("i8"),
    "flt": lambda x: x.astype("f4"),
    "dbl": lambda x: x.astype("f8"),
}


@pytest.mark.parametrize("kind", AS_VALUES)
def test_packed_and_planar_frames_are_decoded(kind: str) -> None:
    left, right = AS_VALUES[kind](LEFT), AS_VALUES[kind](RIGHT)
    packed = np.stack([left, right], axis=1).tobytes()
    planar = [left.tobytes() + b"padding.", right.tobytes() + b"padding."]
    decoded = to_samples(kind, [packed + b"padding."], num_samples=4, num_channels=2)
    assert decoded.dtype == np.float32
    assert decoded.tolist() == BOTH
    assert to_samples(f"{kind}p", planar, num_samples=4, num_channels=2).tolist() == BOTH


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_invalid_values_are_cleaned(kind: str) -> None:
    left = np.array([np.inf, np.nan, 1e30, 0.5]).astype(kind)
    right = np.array([-np.inf, 0.5, 0.0, 0.5]).astype(kind)
    name = {"f4": "fltp", "f8": "dblp"}[kind]
    decoded = to_samples(name, [left.tobytes(), right.tobytes()], num_samples=4, num_channels=2)
    assert decoded.tolist() == [[0.0, 0.0], [0.0, 0.5], [1.0, 0.0], [0.5, 0.5]]


@pytest.mark.parametrize("kind", AS_VALUES)
def test_a_single_channel_is_unchanged(kind: str) -> None:
    plane = AS_VALUES[kind](LEFT).tobytes()
    assert to_samples(kind, [plane], num_samples=4, num_channels=1).tolist() == LEFT[:, None].tolist()
    assert to_samples(f"{kind}p", [plane], num_samples=4, num_channels=1).tolist() == LEFT[:, None].tolist()
