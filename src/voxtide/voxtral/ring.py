"""Keys and values of all rows, in rings. In: where a position's keys and values go. Out: views on what a row holds.

Position p of a row lies in cell p mod num_cells. A cell counts as the newest position it can hold, so what was written
further ahead and undone is invisible, as long as num_cells >= window + how far ahead that was.
"""

from __future__ import annotations

import torch
from torch import Tensor

from voxtide.voxtral.config import CELLS_PER_PAGE, TransformerConfig


class Ring:
    """One stack's keys and values.

    Attributes:
        window: Positions a query sees, itself included.
        num_cells: Positions each row has room for.
        num_rows: Rows.
        keys, values: Of each layer, [num_rows * num_cells + two pages, kv_heads, head_dim]: a page, the rows, a page.
            What is read in pages may reach into either, and scratch lanes write into the last.
    """

    def __init__(
        self,
        config: TransformerConfig,
        *,
        window: int,
        num_cells: int,
        num_slots: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.window = window
        self.num_cells = num_cells
        self.num_slots = num_slots
        shape = (2, config.num_layers, num_slots * num_cells + 2 * CELLS_PER_PAGE, config.num_kv_heads, config.head_dim)
        self._cells = torch.zeros(shape, dtype=dtype, device=device)
        self.keys, self.values = (tuple(part) for part in self._cells)

    def first_cell(self, slot: int) -> int:
        """Where a row begins; for the scratch row, the one cell that takes all it writes."""
        return CELLS_PER_PAGE + slot * self.num_cells

    def cells(self, index: Tensor, positions: Tensor) -> Tensor:
        """Where the positions [B, T] of the lanes [B] lie: [B * T] int64."""
        cells = CELLS_PER_PAGE + index[:, None] * self.num_cells + positions % self.num_cells
        return cells.clamp_max(self.first_cell(self.num_slots)).flatten()

    def write(self, layer: int, cells: Tensor, keys: Tensor, values: Tensor) -> None:
        """Put keys and values [M, kv_heads, head_dim] into the cells [M]."""
        self.keys[layer].index_copy_(0, cells, keys)
        self.values[layer].index_copy_(0, cells, values)

    def beginning(self, slot: int, num_positions: int) -> Tensor:
        """The first cells of a row, over all layers: a view."""
        start = self.first_cell(slot)
        return self._cells[:, :, start : start + num_positions]

    def visible(self, positions: Tensor, num_cells: int) -> Tensor:
        """Which of a row's first cells the queries at these positions see: [..., T] -> bool [..., T, num_cells]."""
        distances = (positions[..., None] - torch.arange(num_cells, device=positions.device)) % self.num_cells
        return (distances < self.window) & (distances <= positions[..., None])
