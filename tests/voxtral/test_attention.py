"""The three ways to attend, against the plain formula."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.support.paged_kernel import KERNEL, paged_kernel
from voxtide.voxtral.attention import Attention, EachSlot, Masked, Paged, page_tables
from voxtide.voxtral.config import CELLS_PER_PAGE, TransformerConfig
from voxtide.voxtral.ring import Ring

HEADS, KV_HEADS, HEAD_DIM = 4, 2, 8
CONFIG = TransformerConfig(
    dim=8, num_layers=1, num_heads=HEADS, num_kv_heads=KV_HEADS, head_dim=HEAD_DIM, hidden_dim=8, window=300
)


def formula(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """query [heads, d], keys and values [L, kv_heads, d] -> [heads, d]."""
    keys, values = (part.repeat_interleave(HEADS // KV_HEADS, 1) for part in (keys, values))
    weights = torch.einsum("hd,lhd->hl", query, keys).div(math.sqrt(query.shape[-1])).softmax(-1)
    return torch.einsum("hl,lhd->hd", weights, values)


@pytest.mark.parametrize("way", [EachSlot, Masked, Paged])
@pytest.mark.parametrize("num_queries", [1, 4])
@pytest.mark.parametrize("num_cells", [2 * CELLS_PER_PAGE, 304, 411])  # pages and the ring's end meet, or do not
@pytest.mark.parametrize("ends", [(4, 9), (300, 301), (512, 700), (5, 5000), (411, 413), (822, 600)])
def test_slots_of_any_length(
    way: Callable[[], Attention],
    num_queries: int,
    num_cells: int,
    ends: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(KERNEL, paged_kernel)
    generator = torch.Generator().manual_seed(0)
    ring = Ring(CONFIG, window=300, num_cells=num_cells, num_slots=3, dtype=torch.float32, device=torch.device("cpu"))
    slots = (2, 0)
    history = [torch.randn((2, end, KV_HEADS, HEAD_DIM), generator=generator) for end in ends]
    for slot, (keys, values) in zip(slots, history, strict=True):
        for begin in range(0, len(keys), 100):
            positions = torch.arange(begin, min(begin + 100, len(keys)))[None]
            ring.write(0, ring.cells(torch.tensor([slot]), positions), keys[positions[0]], values[positions[0]])
    index = torch.tensor([*slots, ring.num_slots])  # and a padding entry
    positions = torch.stack([torch.arange(end - num_queries, end) for end in (*ends, num_queries)])
    queries = torch.randn((3, num_queries, HEADS, HEAD_DIM), generator=generator)
    attention = way()
    reach = attention.reach(ring, list(zip(slots, ends, strict=True)))
    found = attention.plan(ring, index, positions, reach, torch.float32)(0, queries)
    assert found.shape == queries.shape
    assert found.isfinite().all()
    for i, (keys, values) in enumerate(history):
        for number, at in enumerate(positions[i].tolist()):
            window = slice(max(0, at - 299), at + 1)
            expected = formula(queries[i, number], keys[window], values[window])
            assert (found[i, number] - expected).abs().max() < 1e-5


def test_masked_has_few_shapes() -> None:
    ring = Ring(CONFIG, window=300, num_cells=2048, num_slots=1, dtype=torch.float32, device=torch.device("cpu"))
    reaches = {Masked().reach(ring, [(0, end)]) for end in range(1, 10_000, 7)}
    assert sorted(reach[0][1] for reach in reaches) == [256, 512, 1024, 2048]


def test_a_short_slot_is_read_only_up_to_its_end() -> None:
    ring = Ring(CONFIG, window=300, num_cells=2048, num_slots=2, dtype=torch.float32, device=torch.device("cpu"))
    assert EachSlot().reach(ring, [(0, 5), (1, 9000)]) == ((0, 5), (1, 2048))
    _, lengths = page_tables(ring, torch.tensor([0, 1]), torch.tensor([[4], [8999]]))
    assert lengths[0] == 5
    assert lengths[1] <= ring.window + 2 * CELLS_PER_PAGE
