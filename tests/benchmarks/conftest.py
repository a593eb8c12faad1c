"""Fake adapters: small programs that speak an adapter's protocol, or break it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.source_tree import ROOT

Adapter = Callable[[str], list[str]]

PREAMBLE = f"""
import os, subprocess, sys, time
sys.path.insert(0, {str(ROOT / "benchmarks" / "adapters")!r})
from adapter_io import Output, audio
output = Output()
"""


@pytest.fixture
def adapter(tmp_path: Path) -> Adapter:
    """Writes an adapter with this body and returns its command; it has `output` and `audio`."""

    def write(body: str) -> list[str]:
        path = tmp_path / "fake.py"
        path.write_text(PREAMBLE + body, "utf-8")
        return [sys.executable, str(path)]

    return write
