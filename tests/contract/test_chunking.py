"""The same audio with the same flushes gives the same text, segments, words and times for any chunk sizes."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.engine_cases import AnyEngine, EngineCase
from tests.support.stream_runs import FLUSH, StreamResult, cut, flushed_at, in_chunks, transcribe


@pytest.mark.parametrize("chunk_ms", [1, 7, 20, 80, 1000, 10_000])
async def test_any_fixed_chunk(case: EngineCase, engine: AnyEngine, whole: StreamResult, chunk_ms: int) -> None:
    result = await transcribe(engine, in_chunks(case.clip.samples, chunk_ms))
    assert result.invariant == whole.invariant


@pytest.mark.parametrize("chunk_ms", [7, 80])
async def test_any_chunk_between_flushes(case: EngineCase, engine: AnyEngine, chunk_ms: int) -> None:
    positions = (*case.clip.pauses, len(case.clip.samples) // 2)
    whole = await transcribe(engine, flushed_at(case.clip.samples, positions))
    plan = [item for piece in cut(case.clip.samples, positions) for item in (*in_chunks(piece, chunk_ms), FLUSH)]
    assert (await transcribe(engine, plan)).invariant == whole.invariant


def test_random_chunks_between_random_flushes(case: EngineCase, engine: AnyEngine) -> None:
    samples = case.clip.samples
    positions = st.lists(st.integers(0, len(samples)), max_size=4)

    async def compare(flushes: list[int], cuts: list[int]) -> tuple[StreamResult, StreamResult]:
        whole = await transcribe(engine, flushed_at(samples, flushes))
        pieces = cut(samples, flushes)
        starts = [sum(map(len, pieces[:i])) for i in range(len(pieces))]
        plan = [
            item
            for start, piece in zip(starts, pieces, strict=True)
            for item in (*cut(piece, (position - start for position in cuts if position > start)), FLUSH)
        ]
        return whole, await transcribe(engine, plan)

    @settings(max_examples=case.num_examples, deadline=None, derandomize=True)
    @given(flushes=positions, cuts=st.lists(st.integers(0, len(samples)), max_size=20))
    def check(flushes: list[int], cuts: list[int]) -> None:
        whole, result = asyncio.run(compare(flushes, cuts))
        assert result.invariant == whole.invariant

    check()
