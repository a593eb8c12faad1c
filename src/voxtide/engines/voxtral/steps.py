"""A step on the device. In: rows and host arrays. Out: tokens on the host. Plainly; graphs.py replays graphs.

A step copies a few kilobytes in, runs, copies a few bytes out and waits once, at the end. In between nothing asks the
device anything, so that the whole of it can be captured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from voxtide.voxtral.model import VoxtralModel
from voxtide.voxtral.rows import Rows


class Steps(Protocol):
    """How a batch is run."""

    def encode(self, rows: Sequence[int], windows: NDArray[np.float32]) -> None:
        """Encode the next tokens of these rows: windows [B, window_samples(n)]."""

    def decode(
        self, rows: Sequence[int], forced: NDArray[np.int64], biases: NDArray[np.float32]
    ) -> tuple[list[int], list[float]]:
        """Decode one token of each row: forced [B], biases [B, 2] -> tokens, margins of PAD."""


class PlainSteps:
    """Call the model; the batch is as large as it is. For CPUs, and devices without graphs."""

    def __init__(self, model: VoxtralModel, rows: Rows) -> None:
        self._model, self._rows = model, rows

    def encode(self, rows: Sequence[int], windows: NDArray[np.float32]) -> None:
        samples = torch.from_numpy(windows).to(self._model.device)
        self._model.encode(self._rows, self._rows.lanes(rows), samples)

    def decode(
        self, rows: Sequence[int], forced: NDArray[np.int64], biases: NDArray[np.float32]
    ) -> tuple[list[int], list[float]]:
        device = self._model.device
        decoded = self._model.decode(
            self._rows, self._rows.lanes(rows), torch.from_numpy(forced).to(device), torch.from_numpy(biases).to(device)
        )
        return decoded.tokens.tolist(), decoded.pad_margins.tolist()
