"""Attention over rings. In: queries of a batch. Out: what they attend to. Three equivalent ways:

    EachSlot  one call for each slot, over exactly its positions: a CPU, where calls are cheap and lengths known
    Masked    one call over the longest slot, rounded up, the rest masked: any device, shapes independent of lengths
    Paged     one call of a kernel that reads each slot's own pages: CUDA with 16-bit weights

A pass makes one plan, which is then called for every layer. Plans of Masked and Paged never synchronise with the device
and depend on the host only through the batch's shape and the rounded reach, so they can be captured in a graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from voxtide.voxtral.config import CELLS_PER_PAGE
from voxtide.voxtral.ring import Ring

Plan: TypeAlias = Callable[[int, Tensor], Tensor]
"""(layer, queries [B, T, heads, head_dim]) -> [B, T, heads, head_dim]."""

Reach: TypeAlias = tuple[tuple[int, int], ...]
"""Each slot of the batch, and the end of its positions after this pass; or one pair (0, a bound on all ends)."""


class Attention(Protocol):
    """A way to compute the attention of a pass."""

    def reach(self, ring: Ring, ends: list[tuple[int, int]]) -> Reach:
        """What a plan needs from the host's (slot, end) pairs; equal reaches give equal shapes."""

    def plan(self, ring: Ring, index: Tensor, positions: Tensor, reach: Reach, dtype: torch.dtype) -> Plan:
        """Prepare a pass of the slots `index` [B] at positions [B, T]."""


class EachSlot:
    """Exact lengths, slot by slot."""

    def reach(self, ring: Ring, ends: list[tuple[int, int]]) -> Reach:
        return tuple((slot, min(end, ring.num_cells)) for slot, end in ends)

    def plan(self, ring: Ring, index: Tensor, positions: Tensor, reach: Reach, dtype: torch.dtype) -> Plan:
        spans = [slice(ring.first_cell(slot), ring.first_cell(slot) + length) for slot, length in reach]
        masks = [self._mask(ring, positions[i], length, dtype) for i, (_, length) in enumerate(reach)]

        def attend(layer: int, queries: Tensor) -> Tensor:
            keys, values = ring.keys[layer], ring.values[layer]
            found = [
                _attend(queries[i : i + 1], keys[span][None], values[span][None], mask)
                for i, (span, mask) in enumerate(zip(spans, masks, strict=True))
            ]
            found += [torch.zeros_like(queries[:1])] * (len(queries) - len(found))  # padding
            return found[0] if len(found) == 1 else torch.cat(found)

        return attend

    @staticmethod
    def _mask(ring: Ring, positions: Tensor, length: int, dtype: torch.dtype) -> Tensor | None:
        if len(positions) == 1 and length <= ring.window:
            return None  # one query, whose window holds everything written
        return _additive(ring.visible(positions, length), dtype)


class Masked:
    """One shape for all slots."""

    def reach(self, ring: Ring, ends: list[tuple[int, int]]) -> Reach:
        bound = CELLS_PER_PAGE
        while bound < max(end for _, end in ends):  # doubling, so that there are few shapes
            bound *= 2
        return ((0, min(bound, ring.num_cells)),)

    def plan(self, ring: Ring, index: Tensor, positions: Tensor, reach: Reach, dtype: torch.dtype) -> Plan:
        length = reach[0][1]
        mask = _additive(ring.visible(positions, length), dtype)
        slots = index.clamp_max(ring.num_slots - 1)  # padding reads some slot's keys; its result is unused
        within = torch.arange(length, device=index.device) + ring.first_cell(0)
        cells = (slots[:, None] * ring.num_cells + within).flatten()

        def attend(layer: int, queries: Tensor) -> Tensor:
            keys, values = (part[layer].index_select(0, cells) for part in (ring.keys, ring.values))
            shape = (len(queries), length, *keys.shape[1:])
            return _attend(queries, keys.view(shape), values.view(shape), mask)

        return attend


@dataclass(frozen=True, slots=True)
class Paged:
    """Each slot's own pages, in the order of positions; the kernel stops at the slot's end and at the window's start.

    Attributes:
        has_key_starts: Whether the kernel requires the argument for where each slot's keys would start without
            pages. Some versions require it, others reject it; `checking.working_paged` finds out.
    """

    has_key_starts: bool = False

    def reach(self, ring: Ring, ends: list[tuple[int, int]]) -> Reach:
        return ((0, ring.num_cells),)

    def plan(self, ring: Ring, index: Tensor, positions: Tensor, reach: Reach, dtype: torch.dtype) -> Plan:
        from torch.nn.attention.varlen import varlen_attn

        batch_size, num_queries = positions.shape
        tables, lengths = page_tables(ring, index, positions)
        starts = torch.arange(batch_size + 1, dtype=torch.int32, device=index.device) * num_queries
        key_starts = F.pad(lengths.cumsum(0), (1, 0)).int() if self.has_key_starts else None

        def attend(layer: int, queries: Tensor) -> Tensor:
            keys, values = _pages(ring.keys[layer]), _pages(ring.values[layer])
            found = varlen_attn(
                queries.flatten(0, 1),
                keys,
                values,
                starts,
                key_starts,
                num_queries,
                tables.shape[1] * CELLS_PER_PAGE,
                window_size=(ring.window - 1, 0),
                enable_gqa=True,
                seqused_k=lengths,
                block_table=tables,
                num_splits=1,  # a slot's sums must not depend on the lengths of the others
            )
            assert isinstance(found, Tensor)  # a pair only if more outputs are requested
            return found.view_as(queries)

        return attend


def page_tables(ring: Ring, index: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """The pages of each slot in the order of positions, int32 [B, pages], and the positions in them, int32 [B].

    A page is identified by its first cell, which may be any. A slot's window may wrap around its ring: the last page
    before the wrap ends at the ring's end, and the first one after it begins at the ring's start. Pages may reach
    beyond the visible positions: the kernel's window masks earlier ones, the number of positions later ones.
    """
    page, num_cells = CELLS_PER_PAGE, ring.num_cells
    first, last = (positions[:, 0] - ring.window + 1).clamp_min(0), positions[:, -1]  # [B]
    lap = last - last % num_cells  # the position in the ring's first cell
    num_before = (lap - first + page - 1).clamp_min(0) // page  # pages before the end of the ring
    skipped = (first - lap).clamp_min(0) // page * page  # whole pages of the lap before the window
    num_pages = -(-(ring.window + positions.shape[1] - 1) // page) + 1
    numbers = torch.arange(num_pages, device=index.device) - num_before[:, None]  # [B, pages], negative before the end
    cells = page * numbers + torch.where(numbers < 0, num_cells, skipped[:, None])
    starts = (ring.first_cell(0) + index[:, None] * num_cells + cells).clamp_max(ring.first_cell(ring.num_slots))
    return starts.int(), (page * num_before + last + 1 - lap - skipped).int()


def _pages(cells: Tensor) -> Tensor:
    """A layer's cells [n, kv_heads, head_dim] as pages that begin at each of them and overlap: a view."""
    step = cells.stride(0)
    return cells.as_strided(
        (len(cells) - CELLS_PER_PAGE + 1, CELLS_PER_PAGE, *cells.shape[1:]), (step, step, *cells.stride()[1:])
    )


def _attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """queries [B, T, heads, d]; keys, values [B, L, kv_heads, d]; mask [..., T, L] -> [B, T, heads, d].

    Queries that share a key head are treated as further positions, so keys are never repeated.
    """
    batch_size, num_queries, num_heads, head_dim = queries.shape
    num_kv_heads = keys.shape[2]
    group = num_heads // num_kv_heads
    q = queries.view(batch_size, num_queries, num_kv_heads, group, head_dim)
    q = q.permute(0, 2, 3, 1, 4)  # [B, kv_heads, group, T, d]
    if mask is not None and mask.dim() == 3:
        mask = mask[:, None]  # [B, 1, T, L]
    if mask is not None and group > 1:
        mask = torch.cat([mask] * group, -2)
    found = F.scaled_dot_product_attention(
        q.reshape(batch_size, num_kv_heads, group * num_queries, head_dim),
        keys.transpose(1, 2),
        values.transpose(1, 2),
        attn_mask=mask,
    )
    found = found.view(batch_size, num_kv_heads, group, num_queries, head_dim)
    return found.permute(0, 3, 1, 2, 4).reshape(queries.shape)


def _additive(visible: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.zeros(visible.shape, dtype=dtype, device=visible.device).masked_fill_(~visible, float("-inf"))
