"""Freed memory goes back to the system."""

import sys

import psutil
import pytest

from voxtide.engines.moonshine.memory import give_back_free_memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has malloc_trim")
def test_much_freed_memory_is_given_back() -> None:
    process = psutil.Process()
    # Small pieces, so that they lie in the heap; the last one keeps the heap from shrinking by itself.
    pieces = [bytes(50_000) for _ in range(2000)]
    last = bytes(50_000)
    held_bytes = process.memory_info().rss
    del pieces

    give_back_free_memory()

    assert process.memory_info().rss < held_bytes - 50_000_000
    assert last
