"""The language model. In: audio embeddings and the tokens before. Out: logits. Conditioned on the delay by tables.

At every position the input is the sum of an audio embedding and a token's embedding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from voxtide.voxtral.config import DELAYS_TOKENS
from voxtide.voxtral.layers import Linear
from voxtide.voxtral.transformer import Stack

_DELAY_THETA = 10_000.0


@dataclass(frozen=True, slots=True)
class Decoder:
    """The language model's weights.

    Attributes:
        embeddings: [vocabulary, dim]; may lie in the checkpoint's file, in its type, because few rows are ever read.
        head: The same weights as a layer: [M, dim] -> [M, vocabulary].
        scales: [delays, layers, dim], in the order of config.DELAYS_TOKENS.
    """

    embeddings: Tensor
    stack: Stack
    head: Linear
    scales: Tensor

    def embed(self, tokens: Tensor) -> Tensor:
        """[M] -> [M, dim]."""
        return F.embedding(tokens, self.embeddings).to(self.scales.dtype)


def delay_embeddings(dim: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """All delays as sines and cosines, [delays, dim], computed in the model's type as the reference does."""
    half = dim // 2
    rates = torch.exp(-math.log(_DELAY_THETA) * torch.arange(half, dtype=torch.float32, device=device) / half)
    angles = torch.tensor(DELAYS_TOKENS, dtype=dtype, device=device)[:, None] * rates.to(dtype)
    return torch.cat((angles.cos(), angles.sin()), 1)


def delay_scales(delays: Tensor, down: Tensor, up: Tensor) -> Tensor:
    """One layer's factor for each delay: delays [delays, dim], down [ada, dim], up [dim, ada] -> [delays, dim]."""
    return 1.0 + F.linear(F.gelu(F.linear(delays, down)), up)
