"""The audio encoder. In: mel frames, and the last of the frames before. Out: one audio embedding for every 80 ms.

mel frames (100 Hz) -> two causal convolutions (50 Hz) -> stack -> four frames side by side -> adapter (12.5 Hz)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from voxtide.voxtral.config import ENCODER_FRAMES_PER_TOKEN, KERNEL
from voxtide.voxtral.layers import Linear
from voxtide.voxtral.transformer import Stack

MEL_CONTEXT_FRAMES = KERNEL - 1
"""Left context of the first convolution (stride 1), in mel frames; zeros, not silence, before the first frame."""

STEM_CONTEXT_FRAMES = KERNEL - 2
"""The same for the second convolution (stride 2)."""


@dataclass(frozen=True, slots=True)
class Stem:
    """Two causal convolutions with GELU, as products over windows. Weights are [out, in * 3], as convolutions' are."""

    first: Linear
    second: Linear

    def __call__(self, mel: Tensor, mel_context: Tensor, stem_context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mel frames [B, 2 T, mels] and left contexts [B, 2, mels], [B, 1, dim] -> frames [B, T, dim], new contexts."""
        mel = torch.cat((mel_context, mel), 1)
        inner = _convolve(mel, self.first, stride=1)
        inner = torch.cat((stem_context, inner), 1)
        return _convolve(inner, self.second, stride=2), mel[:, -MEL_CONTEXT_FRAMES:], inner[:, -STEM_CONTEXT_FRAMES:]


def _convolve(x: Tensor, weight: Linear, stride: int) -> Tensor:
    windows = x.unfold(1, KERNEL, stride)  # [B, T, in, 3]
    batch_size, num_frames = windows.shape[:2]
    return F.gelu(weight(windows.reshape(batch_size * num_frames, -1))).view(batch_size, num_frames, -1)


@dataclass(frozen=True, slots=True)
class Adapter:
    """Four encoder frames in the order of time -> one audio embedding."""

    first: Linear
    second: Linear

    def __call__(self, frames: Tensor) -> Tensor:
        """[4 M, encoder dim] -> [M, decoder dim]."""
        return self.second(F.gelu(self.first(frames.reshape(len(frames) // ENCODER_FRAMES_PER_TOKEN, -1))))


@dataclass(frozen=True, slots=True)
class Encoder:
    """Stem, stack and adapter."""

    stem: Stem
    stack: Stack
    adapter: Adapter
