"""The positions that a query sees in a ring, against a list that is never overwritten."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from voxtide.voxtral.config import TransformerConfig
from voxtide.voxtral.ring import Ring

CONFIG = TransformerConfig(dim=4, num_layers=2, num_heads=2, num_kv_heads=1, head_dim=2, hidden_dim=4, window=5)
SLACK = 4


def ring(num_slots: int = 2) -> Ring:
    return Ring(
        CONFIG, window=5, num_cells=5 + SLACK, num_slots=num_slots, dtype=torch.float32, device=torch.device("cpu")
    )


@given(st.lists(st.tuples(st.integers(1, SLACK), st.integers(0, SLACK)), max_size=12))
def test_a_query_sees_its_window_and_nothing_else(passes: list[tuple[int, int]]) -> None:
    """Each pass first writes ahead and is rolled back (a flush), then writes its own positions."""
    held, slot, begin = ring(), torch.tensor([1]), 0
    for num_new, num_ahead in passes:
        write(held, slot, begin, num_ahead, mark=-1.0)
        write(held, slot, begin, num_new, mark=1.0)
        positions = torch.arange(begin, begin + num_new)
        begin += num_new
        length = min(begin, held.num_cells)
        seen = held.visible(positions, length)
        for query, cells in zip(positions.tolist(), seen, strict=True):
            values = held.beginning(1, length)[0, 0, cells, 0, 0].tolist()
            assert sorted(values) == [float(p) for p in range(max(0, query - 4), query + 1)]


def test_slots_do_not_touch_each_other() -> None:
    held = ring(num_slots=3)
    write(held, torch.tensor([1]), 0, 9, mark=1.0)
    assert held.beginning(0, 9).count_nonzero() == 0
    assert held.beginning(2, 9).count_nonzero() == 0


def test_the_scratch_slot_touches_no_other() -> None:
    held = ring(num_slots=2)
    write(held, torch.tensor([2]), 3, 4, mark=1.0)
    assert held.beginning(0, 18).count_nonzero() == 0


def write(held: Ring, slot: torch.Tensor, begin: int, num_positions: int, mark: float) -> None:
    """Each position stores its number; a rolled-back one stores -number - 1, so that 0 is visible."""
    positions = torch.arange(begin, begin + num_positions)
    content = positions.float() if mark > 0 else -positions.float() - 1.0
    both = content[:, None, None].expand(-1, 1, 2)
    for layer in range(2):
        held.write(layer, held.cells(slot, positions[None]), both, both)
