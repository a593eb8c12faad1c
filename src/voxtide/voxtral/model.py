"""The model. In: windows of samples for some rows. Out: one token for each. Knows no streams and no schedule.

encode: samples -> mel -> stem -> encoder -> adapter -> the row's audio embeddings
decode: audio embedding + embedding of the token before -> decoder -> logits -> token
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from voxtide.voxtral.config import VoxtralConfig
from voxtide.voxtral.rows import Lanes, Rows

FREE = -1
"""In `forced`: the row takes the token it said itself."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one step said, on the device; no call waits for it.

    Attributes:
        tokens: [B] int64.
        pad_margins: [B] float32, by how much PAD's logit leads the best other one (negative where another won). Biases
            are not in it.
    """

    tokens: Tensor
    pad_margins: Tensor


class VoxtralModel:
    """The weights, ready to run on one device. Calls are not thread-safe: one thread owns the device."""

    config: VoxtralConfig
    dtype: torch.dtype
    device: torch.device

    def new_rows(self, num_rows: int, *, decoder_window: int | None = None) -> Rows:
        """Allocate state for so many rows. A smaller window than the model's own saves memory and forgets earlier.

        Raises:
            CapacityError: The device has not that much memory.
            ValueError: The window is not between 1 and the model's own.
        """
        raise NotImplementedError

    def open(self, rows: Rows, row: int, delay_tokens: int) -> None:
        """Make a row ready for a new stream: NUM_PREFIX_TOKENS of silence are encoded and decoded already.

        They are computed once for each delay and copied in after that. The row's first window is then the first one of
        a new `Framer`.
        """
        raise NotImplementedError

    def encode(self, rows: Rows, lanes: Lanes, samples: Tensor) -> None:
        """Make the audio embeddings of the next n tokens of each lane, in one pass.

        Args:
            rows: The state; the lanes' rows move n tokens on.
            lanes: Which rows.
            samples: float32 [B, window_samples(n)], 1 <= n <= config.MAX_FORK_TOKENS, on the device; scratch lanes
                hold anything finite.
        """
        raise NotImplementedError

    def decode(self, rows: Rows, lanes: Lanes, forced: Tensor, bias: Tensor) -> Decoded:
        """Take one token of each lane: each must have an audio embedding that was not decoded.

        The token said is kept as the row's next input. Where the position still belongs to the prompt (before
        config.NUM_LEFT_PAD_TOKENS + 1 + delay), the caller forces PAD.

        Args:
            rows: The state; the lanes' rows move one position on.
            lanes: Which rows.
            forced: int64 [B], the input token of this position, or FREE for the one the row said before.
            bias: float32 [B, 2], added to the logits of PAD and EOS before the choice; -inf forbids.
        """
        raise NotImplementedError
