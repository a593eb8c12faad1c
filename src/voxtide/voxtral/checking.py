"""Tests this machine's paged kernel. In: a device and a type. Out: a `Paged` that works, or None.

The kernel's guarantees changed between versions of torch, and depend on the GPU. So it is compared with `Masked` on the
device itself, on rings that wrap and rings that do not.
"""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from voxtide.voxtral.attention import Attention, Masked, Paged
from voxtide.voxtral.config import TransformerConfig
from voxtide.voxtral.ring import Ring

_log = logging.getLogger("voxtide.engines")

_TRIED = ((20, 62), (300, 342))
"""Windows and cells: one window shorter than a page, so that an extra key is detected, and one of several pages."""

_ENDS = (6, 342, 1000, 1026)
"""Positions of the slots: at their beginning, at their ring's end, and on a later lap."""

_NUM_QUERIES = 4
_MAX_ERROR = 0.03
"""16-bit rounding gives 0.008 here; an extra key in the short window gives more than 0.1."""


@torch.inference_mode()
def working_paged(device: torch.device, dtype: torch.dtype) -> Paged | None:
    """The `Paged` that agrees with `Masked`. If none does, log a warning with the reason and return None."""
    reason = "its results are wrong"
    for paged in (Paged(), Paged(has_key_starts=True)):
        try:
            errors = [_error(paged, window, num_cells, device, dtype) for window, num_cells in _TRIED]
        except (RuntimeError, ImportError, TypeError) as error:  # an older torch, or an older GPU
            reason = (str(error) or type(error).__name__).splitlines()[0]
            continue
        if max(errors) < _MAX_ERROR:
            return paged
    _log.warning("the paged attention of torch %s cannot be used on %s: %s", torch.__version__, device, reason)
    return None


def _error(paged: Paged, window: int, num_cells: int, device: torch.device, dtype: torch.dtype) -> float:
    """The largest difference from `Masked` over random slots and one padding entry."""
    config = TransformerConfig(
        dim=64, num_layers=1, num_heads=4, num_kv_heads=2, head_dim=64, hidden_dim=64, window=window
    )
    ring = Ring(config, window=window, num_cells=num_cells, num_slots=len(_ENDS), dtype=dtype, device=device)
    for cells in (ring.keys[0], ring.values[0]):
        cells.normal_()
    index = torch.arange(len(_ENDS) + 1, device=device)
    ends = torch.tensor([*_ENDS, _NUM_QUERIES], device=device)
    positions = ends[:, None] - _NUM_QUERIES + torch.arange(_NUM_QUERIES, device=device)
    queries = torch.randn((len(index), _NUM_QUERIES, config.num_heads, config.head_dim), device=device).to(dtype)

    def found(way: Attention) -> Tensor:
        reach = way.reach(ring, list(enumerate(_ENDS)))
        return way.plan(ring, index, positions, reach, dtype)(0, queries)[:-1].float()

    return float((found(paged) - found(Masked())).abs().max())
