"""One finding of `doctor`. No behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `bad` keeps the engine that was asked for from running; `missing` only something else."""

    name: str
    state: Literal["ok", "missing", "bad"]
    found: str
    remedy: str | None = None
