"""A plain version of what `torch.nn.attention.varlen.varlen_attn` documents, without reading anything back."""

from __future__ import annotations

import math

import torch
from torch import Tensor

KERNEL = "torch.nn.attention.varlen.varlen_attn"


def paged_kernel(  # the kernel's own signature
    query: Tensor,
    key: Tensor,
    value: Tensor,
    cu_seq_q: Tensor,
    cu_seq_k: Tensor | None,
    max_q: int,
    max_k: int,
    *,
    window_size: tuple[int, int],
    enable_gqa: bool,
    seqused_k: Tensor,
    block_table: Tensor,
    num_splits: int,
) -> Tensor:
    """With `max_q` queries per sequence: query [B * max_q, heads, d], key and value [pages, 256, kv_heads, d]."""
    assert cu_seq_q.shape == (len(block_table) + 1,)
    assert block_table.dtype == seqused_k.dtype == cu_seq_q.dtype == torch.int32
    assert key.shape[1] % 256 == 0
    assert block_table.shape[1] * key.shape[1] == max_k
    assert enable_gqa
    assert num_splits == 1
    queries = query.view(len(block_table), max_q, *query.shape[1:])
    group = query.shape[1] // key.shape[2]
    keys, values = (pages[block_table.long()].flatten(1, 2).repeat_interleave(group, 2) for pages in (key, value))
    at = seqused_k[:, None] - max_q + torch.arange(max_q)  # [B, max_q]
    distances = at[..., None] - torch.arange(max_k)
    seen = (distances >= 0) & (distances <= window_size[0])
    scores = torch.einsum("bthd,blhd->bhtl", queries, keys) / math.sqrt(query.shape[-1])
    weights = scores.masked_fill(~seen[:, None], float("-inf")).softmax(-1)
    return torch.einsum("bhtl,blhd->bthd", weights, values).flatten(0, 1)
