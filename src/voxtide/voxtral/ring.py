"""Keys and values of all slots, in rings. In: where a position's keys and values go. Out: views on a slot's cells.

Position p of a slot lies in cell p mod num_cells. A cell counts as the newest position it can hold, so positions
that were written ahead and undone are invisible, if num_cells >= window + the number of positions ahead.
"""

from __future__ import annotations

import torch
from torch import Tensor

from voxtide.voxtral.config import CELLS_PER_PAGE, TransformerConfig


class Ring:
    """One stack's keys and values.

    Attributes:
        window: Positions a query sees, itself included.
        num_cells: Positions each slot can hold.
        num_slots: Number of slots.
        keys, values: Of each layer, [num_slots * num_cells + two pages, kv_heads, head_dim]: a page, the slots, a page.
            Reads in pages may reach into either, and padding writes into the last.
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
        """First cell of a slot; for the scratch slot, the one cell that takes all its writes."""
        return CELLS_PER_PAGE + slot * self.num_cells

    def cells(self, index: Tensor, positions: Tensor) -> Tensor:
        """Cells of the positions [B, T] of the slots `index` [B]: [B * T] int64."""
        cells = CELLS_PER_PAGE + index[:, None] * self.num_cells + positions % self.num_cells
        return cells.clamp_max(self.first_cell(self.num_slots)).flatten()

    def write(self, layer: int, cells: Tensor, keys: Tensor, values: Tensor) -> None:
        """Put keys and values [M, kv_heads, head_dim] into the cells [M]."""
        self.keys[layer].index_copy_(0, cells, keys)
        self.values[layer].index_copy_(0, cells, values)

    def beginning(self, slot: int, num_positions: int) -> Tensor:
        """The first cells of a slot, over all layers: a view."""
        start = self.first_cell(slot)
        return self._cells[:, :, start : start + num_positions]

    def visible(self, positions: Tensor, num_cells: int) -> Tensor:
        """Which of a slot's first cells the queries at these positions see: [..., T] -> bool [..., T, num_cells]."""
        distances = (positions[..., None] - torch.arange(num_cells, device=positions.device)) % self.num_cells
        return (distances < self.window) & (distances <= positions[..., None])
