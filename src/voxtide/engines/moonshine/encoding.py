"""What the encoder makes of a window that grows. In: where it begins and ends. Out: the decoder's keys and values.

The encoder looks both ways, so strictly every new frame changes all those before it. What is said now tells little
about the sounds of a second ago, though: a frame is computed anew until `REACH_FRAMES` have followed it, then kept. So
what an update costs does not depend on how long the window is. Knows no text and no rules.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxtide.engines.moonshine.graph import ENCODER_STRIDES, FRAME_SAMPLES, cross_names
from voxtide.engines.moonshine.stem import StemCache
from voxtide.models.onnx_session import OnnxSession

REACH_FRAMES = 45
"""Frames that must have followed one before it is kept: 1.1 s. Over 3,300 words, clean, noisy and by telephone, the
word error rate is that of windows read whole; with 30 frames noisy speech suffers."""

ROOM_FRAMES = 272
"""Frames there is room for at first, 3.8 MB: a window of 7.5 s. For longer ones, which are rare, it doubles."""

Encoding: TypeAlias = list[NDArray[np.float32]]
"""Keys and values of the decoder's layers, in the order of `cross_names`; each [1, heads, frames, size]."""


class _Kept:
    """The first frames of one window, as what follows them sees them, [frames, keys and values of all layers, width].

    They are most of a stream's memory: so half precision, and one buffer for all windows, of which the system gives
    only what has been written to.
    """

    def __init__(self, keys_shape: tuple[int, int]) -> None:
        self._start = 0  # of the window, in samples
        self._num_frames = 0
        self._buffer = np.empty((ROOM_FRAMES, *keys_shape), np.float16)

    def of(self, start: int, end: int) -> NDArray[np.float16]:
        """Those of the window, as far as `REACH_FRAMES` follow them. Frames tell where in their window they are."""
        num_settled = max(0, (end - start) // FRAME_SAMPLES - REACH_FRAMES)
        return self._buffer[: min(self._num_frames, num_settled) if self._start == start else 0]

    def keep(self, start: int, num_before: int, keys: NDArray[np.float16]) -> None:
        """From now on it is the window at `start`: as many frames as are kept already, and these."""
        self._start, self._num_frames = start, num_before + len(keys)
        self._make_room(num_before)
        self._buffer[num_before : self._num_frames] = keys

    def _make_room(self, num_before: int) -> None:
        num_room = ROOM_FRAMES
        while num_room < self._num_frames:
            num_room *= 2
        if num_room != len(self._buffer):
            before, self._buffer = self._buffer, np.empty((num_room, *self._buffer.shape[1:]), np.float16)
            self._buffer[:num_before] = before[:num_before]


class WindowEncoder:
    """The encoder over one stream."""

    def __init__(self, session: OnnxSession, stem: StemCache, *, keys_shape: tuple[int, int]) -> None:
        self._session = session
        self._stem = stem
        self._kept = _Kept(keys_shape)
        self._outputs = [*cross_names(keys_shape[0] // 4), "keys"]

    def encode(self, start: int, end: int, *, is_passing: bool) -> Encoding:
        """What the decoder looks at in a window.

        Args:
            start: Its first sample.
            end: The sample after its last; three raw frames or more from `start`, `MAX_POSITIONS` frames at most.
            is_passing: Keep what is kept as it is.
        """
        kept = self._kept.of(start, end)
        window = self._stem.window(start, end, num_passed=len(kept) * ENCODER_STRIDES[2])
        feeds: dict[str, NDArray[Any]] = {
            "raw_frames": window.raw_frames,
            "mean": window.mean,
            "gain": window.gain,
            "position": np.array([len(kept)], np.int64),
            "kept_keys": kept,
        }
        *cross, keys = self._session.run(self._outputs, feeds)
        if not is_passing:
            self._kept.keep(start, len(kept), keys[: max(0, len(keys) - REACH_FRAMES)])
        return cross
