"""Fresh processes: they answer, and what goes wrong in them comes back as a message."""

from __future__ import annotations

import asyncio

import pytest

from voxtide.bench.figures import memory
from voxtide.bench.process import in_fresh_process, resident_mb
from voxtide.bench.session import EngineChoice
from voxtide.errors import VoxtideError


async def test_a_fresh_process_answers() -> None:
    assert await in_fresh_process(asyncio.sleep, 0.0, "done") == "done"


async def test_an_error_in_a_fresh_process_comes_back() -> None:
    with pytest.raises(VoxtideError, match="no engine 'moonlight'"):
        await in_fresh_process(memory._sizes, EngineChoice("moonlight"), 1, 1.0)


def test_this_process_has_a_size() -> None:
    assert 10 < resident_mb() < 10_000
