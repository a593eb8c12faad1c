"""All that is carried from step to step, for a fixed number of rows. In: which row to open, save or undo. Out: state.

A stream lives in one row. The keys and values lie in rings (ring.py) and are never copied: snapshot and restore move a
few integers and small tensors, because the rings keep slack for what a fork writes (config.MAX_FORK_TOKENS).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from voxtide.voxtral.config import VoxtralConfig


@dataclass(frozen=True, slots=True)
class Lanes:
    """The rows that take part in one call.

    Attributes:
        rows: Distinct rows; their number may be smaller than the batch.
        index: The same on the device, [B] int64, filled up with the scratch row: a lane that computes for nobody.
    """

    rows: tuple[int, ...]
    index: Tensor


@dataclass(frozen=True, slots=True)
class RowSnapshot:
    """A row as it was. Valid until the row is opened again, and while it runs at most MAX_FORK_TOKENS ahead."""

    num_encoded: int
    num_decoded: int
    mel_tail: Tensor  # [2, mels]
    stem_tail: Tensor  # [1, dim]
    token: Tensor  # []


class Rows:
    """State of `num_rows` rows, allocated once.

    Host integers, known without asking the device:
        num_encoded[row]  tokens whose audio embedding was made
        num_decoded[row]  tokens the decoder has taken; its next position
    `decode` needs num_decoded < num_encoded; a row may be at most `max_backlog_tokens` behind.
    """

    num_rows: int
    num_encoded: list[int]
    num_decoded: list[int]

    def __init__(
        self,
        config: VoxtralConfig,
        num_rows: int,
        *,
        decoder_window: int | None,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        raise NotImplementedError

    def lanes(self, rows: Sequence[int], *, size: int | None = None) -> Lanes:
        """The lanes of these rows, filled up to `size` (a bucket of batch sizes) with scratch lanes."""
        raise NotImplementedError

    def reset(self, row: int, delay_tokens: int) -> None:
        """Make a row new: position 0, nothing visible, conditioned on this delay. Touches no keys and values."""
        raise NotImplementedError

    def snapshot(self, row: int) -> RowSnapshot:
        """What `restore` needs to undo whatever this row does next."""
        raise NotImplementedError

    def restore(self, row: int, snapshot: RowSnapshot) -> None:
        """Make the row what it was, bit for bit."""
        raise NotImplementedError
