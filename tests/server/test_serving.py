"""What serving does to the process that serves, and undoes."""

from __future__ import annotations

import gc

import pytest
from serving import running

from voxtide.server.serving import garbage_frozen


async def test_garbage_is_not_looked_for_in_what_was_there_before() -> None:
    assert gc.get_freeze_count() == 0
    async with running() as server:
        await server.get("/health")
        assert gc.get_freeze_count() > 1000  # modules
    assert gc.get_freeze_count() == 0


def test_garbage_is_looked_for_again_after_a_failure() -> None:
    with pytest.raises(OSError, match="no more"), garbage_frozen():
        assert gc.get_freeze_count() > 0
        raise OSError("no more")
    assert gc.get_freeze_count() == 0
