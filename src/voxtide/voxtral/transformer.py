"""A stack of layers, the same for encoder and decoder. In: activations and their positions. Out: activations.

Layer: h += out(attention(norm(h))); h += down(silu(gate(y)) * up(y)), y = norm(h) * scale.
The scale, one for each slot and layer, is the decoder's conditioning on the delay; the encoder has none.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from voxtide.voxtral.attention import Attention, Reach
from voxtide.voxtral.config import TransformerConfig
from voxtide.voxtral.layers import Linear, Rotary, rms_norm, rotate
from voxtide.voxtral.ring import Ring


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer's weights. `qkv` is queries, keys and values side by side; `gate_up` both halves of the gate."""

    attention_norm: Tensor
    qkv: Linear
    out: Linear
    ffn_norm: Tensor
    gate_up: Linear
    down: Linear


@dataclass(frozen=True, slots=True)
class Stack:
    """The layers, the final norm and the attention."""

    config: TransformerConfig
    layers: tuple[Layer, ...]
    norm: Tensor
    rotary: Rotary
    attention: Attention

    def __call__(
        self, x: Tensor, ring: Ring, index: Tensor, positions: Tensor, reach: Reach, scales: Tensor | None = None
    ) -> Tensor:
        """Run all layers, and write their keys and values.

        Args:
            x: [B * T, dim].
            ring: The slots' keys and values.
            index: [B], the slots.
            positions: [B, T], of x.
            reach: From `attention.reach`.
            scales: [B * T, layers, dim], or None.
        """
        cells = ring.cells(index, positions)
        cosines, sines = self.rotary(positions.flatten())
        attend = self.attention.plan(ring, index, positions, reach, x.dtype)
        eps, (batch_size, num_queries) = self.config.norm_eps, positions.shape
        heads, kv_heads, head_dim = self.config.num_heads, self.config.num_kv_heads, self.config.head_dim
        for number, layer in enumerate(self.layers):
            qkv = layer.qkv(rms_norm(x, layer.attention_norm, eps)).view(-1, heads + 2 * kv_heads, head_dim)
            turned = rotate(qkv[:, : heads + kv_heads], cosines, sines)
            ring.write(number, cells, turned[:, heads:], qkv[:, heads + kv_heads :])
            found = attend(number, turned[:, :heads].view(batch_size, num_queries, heads, head_dim))
            x = x + layer.out(found.reshape(len(x), heads * head_dim))
            y = rms_norm(x, layer.ffn_norm, eps)
            if scales is not None:
                y = y * scales[:, number]
            gate, up = layer.gate_up(y).chunk(2, 1)
            x = x + layer.down(F.silu(gate) * up)
        return rms_norm(x, self.norm, eps)
