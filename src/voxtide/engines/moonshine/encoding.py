"""What the encoder makes of a window that grows. In: where it begins and ends. Out: the decoder's keys and values.

The encoder looks both ways, so strictly every new frame changes all those before it. What is said now tells little
about the sounds of a second ago, though: a frame is computed anew until `REACH_FRAMES` have followed it, then kept. So
what an update costs does not depend on how long the window is. Knows no text and no rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxtide.engines.moonshine.graph import ENCODER_STRIDES, FRAME_SAMPLES, cross_names
from voxtide.engines.moonshine.stem import StemCache
from voxtide.models.onnx_session import OnnxSession

REACH_FRAMES = 45
"""Frames that must have followed one before it is kept: 1.1 s. Over 3,300 words, clean, noisy and by telephone, the
word error rate is that of windows read whole; with 30 frames noisy speech suffers."""

Encoding: TypeAlias = list[NDArray[np.float32]]
"""Keys and values of the decoder's layers, in the order of `cross_names`; each [1, heads, frames, size]."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A window's first frames, as what follows them sees them. Half precision: they are most of a stream's memory."""

    start: int  # of the window
    keys: NDArray[np.float16]  # [keys and values of all layers, frames, width]


class WindowEncoder:
    """The encoder over one stream."""

    def __init__(self, session: OnnxSession, stem: StemCache, *, keys_shape: tuple[int, int]) -> None:
        self._session = session
        self._stem = stem
        num_keys, width = keys_shape
        self._outputs = [*cross_names(num_keys // 4), "keys"]
        self._nothing = np.zeros((num_keys, 0, width), np.float16)
        self._kept = _Kept(0, self._nothing)

    def encode(self, start: int, end: int, *, is_passing: bool) -> Encoding:
        """What the decoder looks at in a window.

        Args:
            start: Its first sample.
            end: The sample after its last; three raw frames or more from `start`, `MAX_POSITIONS` frames at most.
            is_passing: Keep what is kept as it is.
        """
        kept = self._kept_of(start, end)
        *cross, keys = self._session.run(self._outputs, self._feeds(kept, start, end))
        if not is_passing:
            settled = keys[:, : max(0, keys.shape[1] - REACH_FRAMES)]
            self._kept = _Kept(start, np.concatenate([kept, settled], axis=1))
        return cross

    def _kept_of(self, start: int, end: int) -> NDArray[np.float16]:
        """What is kept of the window, as far as `REACH_FRAMES` follow. Frames tell where in their window they are."""
        if self._kept.start != start:
            return self._nothing
        return self._kept.keys[:, : max(0, (end - start) // FRAME_SAMPLES - REACH_FRAMES)]

    def _feeds(self, kept: NDArray[np.float16], start: int, end: int) -> dict[str, NDArray[Any]]:
        num_kept = kept.shape[1]
        window = self._stem.window(start, end, num_passed=num_kept * ENCODER_STRIDES[2])
        return {
            "raw_frames": window.raw_frames,
            "mean": window.mean,
            "gain": window.gain,
            "position": np.array([num_kept], np.int64),
            "kept_keys": kept,
        }
