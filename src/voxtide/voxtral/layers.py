"""Building blocks of layers. In: activations [M, in]. Out: activations [M, out]. Stateless.

Three kinds of linear layer compute the same product. Which one is best depends on the device:

    Dense    the weight as it is; everywhere
    Packed   the weight in oneDNN's own order, on a CPU: about twice as fast there, for one row and for many
    Int8     8-bit weights with one scale for each output, on a CPU: half the memory of bf16
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

Linear: TypeAlias = Callable[[Tensor], Tensor]
"""[M, in] -> [M, out]."""

_PACKED_FOR_ROWS = 16
"""The batch the packed order is made for. Measured: the order for 16 is as good as any for 1 to 64 rows."""

_PACKED_MIN_ROWS = 4
"""One row is computed as four: measured, oneDNN's kernel for four takes 4/5 of the time of its kernel for one."""

_INT8_KERNEL_WIDTH = 16
"""The 8-bit kernel reads rows in steps of this many values, and past the end of a row that is not a multiple."""

_INT8_KERNEL_ROWS = 12
"""The 8-bit kernel reads the weight once per four rows. Measured: above twelve rows, unpacking it is faster."""

_INT8_WHOLE, _INT8_PART = 8 << 20, 1 << 20
"""A matrix of more weights than the first is unpacked in parts of the second, which are still cached when
they are multiplied. Measured on an output layer of 32,768 by 1024 and 16 rows: 9 ms, against 28 ms at once."""


@dataclass(frozen=True, slots=True)
class Dense:
    """x W^T + b over the weight [out, in] as it is."""

    weight: Tensor
    bias: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class Packed:
    """The same over a weight in oneDNN's own order, which replaces the original."""

    __slots__ = ("_bias", "_weight")

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, _PACKED_FOR_ROWS)
        self._bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        num_rows = len(x)
        if num_rows == 1:
            x = x.expand(_PACKED_MIN_ROWS, -1).contiguous()
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")
        return y[:num_rows]


class Int8:
    """The same over a weight rounded to 8 bits, symmetric, one scale for each output. Activations are not quantised."""

    __slots__ = ("_bias", "_scales", "_weight")

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        largest = weight.abs().amax(1).float()
        self._scales = (largest / 127.0).clamp_min(torch.finfo(torch.float32).tiny).to(weight.dtype)
        scales = self._scales.float()  # as stored, so that their own rounding is not added to the weights'
        self._weight = torch.empty(weight.shape, dtype=torch.int8)
        for start in range(0, len(weight), 4096):  # in parts: never the whole weight in float32
            part = slice(start, start + 4096)
            self._weight[part] = (weight[part].float() / scales[part, None]).round_().clamp_(-127, 127)
        self._bias = bias

    def __call__(self, x: Tensor) -> Tensor:
        if len(x) <= _INT8_KERNEL_ROWS and x.shape[1] % _INT8_KERNEL_WIDTH == 0:
            y = torch._weight_int8pack_mm(x, self._weight, self._scales)
        else:
            y = self._unpacked(x) * self._scales
        return y if self._bias is None else y + self._bias

    def _unpacked(self, x: Tensor) -> Tensor:
        part = len(self._weight) if self._weight.numel() <= _INT8_WHOLE else max(1, _INT8_PART // x.shape[1])
        parts = torch.split(self._weight, part)
        products = [F.linear(x, part.to(x.dtype)) for part in parts]
        return products[0] if len(products) == 1 else torch.cat(products, 1)


def can_pack(dtype: torch.dtype) -> bool:
    """Whether this machine's CPU takes packed weights of this type."""
    if not torch._C._has_mkldnn or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return False
    return dtype == torch.float32 or (dtype == torch.bfloat16 and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Divide by the root of the mean square over the last dimension, then scale."""
    return F.rms_norm(x, weight.shape, weight, eps)


class Rotary:
    """Angles of rotary positions, exact at any position.

    An angle is counted in 64-bit fractions of a whole turn, so that full turns fall away by overflow and position
    10^9 is as exact as position 1; float32 angles would be wrong by 0.01 at position 131072.
    """

    def __init__(self, head_dim: int, theta: float, device: torch.device) -> None:
        turns = [theta ** (-2.0 * i / head_dim) / (2.0 * math.pi) for i in range(head_dim // 2)]
        self._turns = torch.tensor([round(turn * 2.0**64) for turn in turns], dtype=torch.int64, device=device)

    def __call__(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """int64 [M] -> cosines and sines, float32 [M, 1, head_dim / 2]."""
        angles = (positions[:, None, None] * self._turns).float() * (2.0 * math.pi / 2.0**64)
        return angles.cos(), angles.sin()


def rotate(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Rotate the pairs (i, i + head_dim / 2) of x [M, heads, head_dim]; in float32, whatever x is."""
    first, second = x.float().chunk(2, -1)
    turned = torch.cat((first * cosines - second * sines, second * cosines + first * sines), -1)
    return turned.to(x.dtype)
