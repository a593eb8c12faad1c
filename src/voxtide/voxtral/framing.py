"""Samples become windows on the model's grid. In: samples in chunks of any size. Out: windows of tokens. No torch.

Token t needs the samples [1280 t - 200, 1280 t + 1320) of the padded recording: its eight mel frames of 400 samples
around multiples of 160. So a window overlaps the next one by 240 samples, and the look-ahead is 40 samples, 2.5 ms.
"""

from __future__ import annotations

import copy
from typing import Self

import numpy as np

from voxtide.types import Samples
from voxtide.voxtral.config import SAMPLES_PER_TOKEN

OVERLAP_SAMPLES = 240
LOOK_BACK_SAMPLES = 200


def window_samples(num_tokens: int) -> int:
    """Length of the window of this many consecutive tokens."""
    return num_tokens * SAMPLES_PER_TOKEN + OVERLAP_SAMPLES


class Framer:
    """Cuts one stream into windows. It begins after the common prefix: its first token is the last one of the left pad.

    The buffer holds the samples pushed and not taken; the caller bounds it.
    """

    def __init__(self) -> None:
        self._samples: Samples = np.zeros(SAMPLES_PER_TOKEN + LOOK_BACK_SAMPLES, np.float32)

    @property
    def num_ready(self) -> int:
        """Tokens whose window is complete."""
        return max(0, (len(self._samples) - OVERLAP_SAMPLES) // SAMPLES_PER_TOKEN)

    def push(self, samples: Samples) -> None:
        """Add audio, shape [n], any n."""
        self._samples = np.concatenate((self._samples, samples))

    def push_silence(self, num_tokens: int) -> None:
        """Complete the partial token with silence, and add this many tokens of silence; all become ready."""
        missing = -(len(self._samples) - LOOK_BACK_SAMPLES) % SAMPLES_PER_TOKEN
        look_ahead = OVERLAP_SAMPLES - LOOK_BACK_SAMPLES
        self.push(np.zeros(missing + num_tokens * SAMPLES_PER_TOKEN + look_ahead, np.float32))

    def take(self, num_tokens: int) -> Samples:
        """The window of the next tokens, shape [window_samples(num_tokens)]; they must be ready."""
        if not 1 <= num_tokens <= self.num_ready:
            raise ValueError(f"asked for {num_tokens} tokens, {self.num_ready} are ready")
        window = self._samples[: window_samples(num_tokens)]
        self._samples = self._samples[num_tokens * SAMPLES_PER_TOKEN :]
        return window

    def fork(self) -> Self:
        """An independent copy; samples are never changed in place, so it costs nothing."""
        return copy.copy(self)
