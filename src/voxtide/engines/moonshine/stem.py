"""Caches the encoder's first layers over a stream. In: an audio buffer. Out: a window's raw frames.

A raw frame does not depend on the window, so frames are computed once, in blocks, as the audio grows, and kept as long
as the buffer keeps their audio. Blocks begin at fixed positions: equal audio gives equal frames, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from voxtide.engines.windowed.window_model import AudioBuffer
from voxtide.models.onnx_session import OnnxSession
from voxtide.types import Samples

ENCODER_STRIDES = (64, 3, 2)
"""Strides of the encoder's three convolutions. Samples per encoder frame are their product, 384 (24 ms)."""
STEM_KERNELS = (127, 7)
"""Kernel sizes of the first two convolutions, the stem."""
GRID_SAMPLES = ENCODER_STRIDES[0] * ENCODER_STRIDES[1]
"""Windows begin on multiples of this (12 ms), one raw frame apart."""
REACH_SAMPLES = (STEM_KERNELS[1] - 1) * ENCODER_STRIDES[0] + STEM_KERNELS[0]
"""Samples that one raw frame covers."""
BLOCK_FRAMES = 16
"""Raw frames per block, 192 ms: fewer waste time on the run's overhead, more are not complete by the next window."""
BLOCK_SAMPLES = BLOCK_FRAMES * GRID_SAMPLES
EPSILON = 1e-5
"""Added to the variance in the normalisation, as in the model."""


NO_SAMPLES = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True)
class StemWindow:
    """A window's `raw_frames` [576, t2], and the `mean` and `gain` [1] that normalise them."""

    raw_frames: Samples
    mean: Samples
    gain: Samples


@dataclass(frozen=True, slots=True)
class _Block:
    raw_frames: Samples  # [576, k]
    sums: Samples  # [3 k]: the first convolution's frames that begin in the block, summed over channels
    square_sums: Samples


class StemCache:
    """Computes and keeps one stream's raw frames."""

    def __init__(self, session: OnnxSession, audio: AudioBuffer) -> None:
        self._session = session
        self._audio = audio
        self._blocks: dict[int, _Block] = {}  # block i begins at sample i * BLOCK_SAMPLES

    def window(self, start: int, end: int, *, rest: Samples = NO_SAMPLES) -> StemWindow:
        """The raw frames from sample `start`, a multiple of `GRID_SAMPLES`, up to `end`, with `rest` after it.

        The buffer must hold the audio from the start of the block that contains `start`.
        """
        num_frames = (end + len(rest) - start - REACH_SAMPLES) // GRID_SAMPLES + 1
        first = start // GRID_SAMPLES
        blocks = self._blocks_over(first, first + num_frames, end, rest)
        skip = first % BLOCK_FRAMES
        raw_frames = np.concatenate([block.raw_frames for block in blocks], axis=1)[:, skip : skip + num_frames]
        inside = slice(skip * ENCODER_STRIDES[1], (skip + num_frames) * ENCODER_STRIDES[1])
        sums = np.concatenate([block.sums for block in blocks])[inside]
        square_sums = np.concatenate([block.square_sums for block in blocks])[inside]
        return StemWindow(raw_frames, *_normalisation(sums, square_sums, num_channels=raw_frames.shape[0] // 2))

    def _blocks_over(self, first: int, last: int, end: int, rest: Samples) -> list[_Block]:
        """The blocks of frames `first` up to `last`. Those that `end` cuts are computed anew and not kept."""
        length = BLOCK_SAMPLES
        for number in [n for n in self._blocks if n * length < self._audio.start]:
            del self._blocks[number]
        blocks = []
        for number in range(first // BLOCK_FRAMES, (last - 1) // BLOCK_FRAMES + 1):
            block_end = (number + 1) * length + REACH_SAMPLES - GRID_SAMPLES
            if block_end > end:
                own = self._audio.between(min(number * length, end), end)
                after = rest[max(0, number * length - end) : max(0, block_end - end)]
                blocks.append(self._run(np.concatenate([own, after])))
                continue
            if number not in self._blocks:
                self._blocks[number] = self._run(self._audio.between(number * length, block_end))
            blocks.append(self._blocks[number])
        return blocks

    def _run(self, samples: Samples) -> _Block:
        feeds = {"audio": samples[None]}
        raw_frames, sums, square_sums = self._session.run(["raw_frames", "sums", "square_sums"], feeds)
        num_conv1 = raw_frames.shape[1] * ENCODER_STRIDES[1]
        return _Block(raw_frames, sums[:num_conv1], square_sums[:num_conv1])


def _normalisation(sums: Samples, square_sums: Samples, *, num_channels: int) -> tuple[Samples, Samples]:
    """Mean and 1 / deviation of the first convolution's output over a window.

    Leaves out its last four to six frames (16 to 24 ms), in which no whole raw frame begins; the model includes them.
    """
    count = num_channels * len(sums)
    mean = float(sums.sum(dtype=np.float64)) / count
    variance = float(square_sums.sum(dtype=np.float64)) / count - mean**2
    return np.array([mean], np.float32), np.array([(variance + EPSILON) ** -0.5], np.float32)
