"""Each flush is answered exactly once, in order, at any time, without repeated or lost words."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.engine_cases import AnyEngine, EngineCase
from tests.support.stream_runs import (
    FLUSH,
    StreamResult,
    assert_consistent,
    flushed_at,
    in_chunks,
    num_word_errors,
    perform,
    read,
    read_until,
    silence,
    transcribe,
    words_of,
)
from voxtide.transcript.events import Flushed
from voxtide.types import SAMPLE_RATE_HZ


def assert_answers(result: StreamResult, num_flushes: int) -> None:
    assert [flushed.flush_id for flushed in result.flushes] == list(range(1, num_flushes + 1))


async def test_before_any_audio(case: EngineCase, engine: AnyEngine, whole: StreamResult) -> None:
    result = await transcribe(engine, [FLUSH, FLUSH, case.clip.samples])
    assert result.events[:2] == (Flushed(1, "", (), 0.0), Flushed(2, "", (), 0.0))
    assert result.invariant[1][2:] == whole.invariant[1]


async def test_twice_in_a_row(case: EngineCase, engine: AnyEngine) -> None:
    result = await transcribe(engine, [case.clip.samples, FLUSH, FLUSH])
    assert result.flushes[0].text
    assert result.flushes[1] == Flushed(2, "", (), case.clip.duration_s)


async def test_the_answer_covers_all_fed_audio(case: EngineCase, engine: AnyEngine) -> None:
    """The answer needs neither more audio nor the end of the stream."""
    async with engine.open() as stream:
        for number, piece in enumerate((case.clip.samples, silence(0.5)), 1):
            await stream.feed(piece)
            flush_id = await stream.flush()
            answer = (await read_until(stream, Flushed))[-1]
            assert isinstance(answer, Flushed)
            assert answer.flush_id == flush_id == number
        assert answer.audio_s == (len(case.clip.samples) + len(silence(0.5))) / SAMPLE_RATE_HZ


async def test_then_finish_at_once(case: EngineCase, engine: AnyEngine) -> None:
    result = await transcribe(engine, [case.clip.samples, FLUSH])
    assert_answers(result, 1)
    assert result.flushes[0].text == result.text.strip()
    assert_consistent(result, case.clip.duration_s)


async def test_finish_emits_the_text_after_the_last_flush(case: EngineCase, engine: AnyEngine) -> None:
    result = await transcribe(engine, flushed_at(case.clip.samples, case.clip.pauses)[:-1])
    assert_answers(result, len(case.clip.pauses))
    flushed_text = " ".join(flushed.text for flushed in result.flushes)
    assert len(words_of(flushed_text)) < len(words_of(result.text))
    assert_consistent(result, case.clip.duration_s)


async def test_finish_within_speech_emits_as_much_as_a_flush(case: EngineCase, engine: AnyEngine) -> None:
    begun = case.clip.samples[: case.clip.pauses[0] - SAMPLE_RATE_HZ // 2]
    finished = await transcribe(engine, [begun])
    flushed = await transcribe(engine, [begun, FLUSH])
    assert finished.text == flushed.text
    assert finished.segments == flushed.segments
    assert words_of(finished.text)


async def test_at_pauses_the_words_are_unchanged(case: EngineCase, engine: AnyEngine, whole: StreamResult) -> None:
    result = await transcribe(engine, flushed_at(case.clip.samples, case.clip.pauses))
    assert words_of(result.text) == words_of(whole.text)


@pytest.mark.parametrize("num_flushes", [20, 200])
async def test_many_in_one_stream(case: EngineCase, engine: AnyEngine, num_flushes: int) -> None:
    samples = case.clip.samples
    result = await transcribe(engine, flushed_at(samples, range(0, len(samples), len(samples) // num_flushes)))
    assert len(result.flushes) >= num_flushes
    assert_answers(result, len(result.flushes))
    assert_consistent(result, case.clip.duration_s)
    if case.is_exact:
        assert result.text.replace(" ", "") == case.clip.text.replace(" ", "")
    else:  # few words survive this, but none may be repeated
        assert len(words_of(result.text)) <= 2 * len(words_of(case.clip.text))


def test_at_any_position_no_word_is_lost_or_repeated(case: EngineCase, engine: AnyEngine) -> None:
    samples = case.clip.samples
    num_errors: list[int] = []
    num_flushes: list[int] = []

    @settings(max_examples=2 * case.num_examples, deadline=None, derandomize=True)
    @given(st.lists(st.integers(0, len(samples)), min_size=1, max_size=6 if case.is_exact else 2, unique=True))
    def check(positions: list[int]) -> None:
        result = asyncio.run(transcribe(engine, flushed_at(samples, positions)))
        assert_consistent(result, case.clip.duration_s)
        assert_answers(result, len(result.flushes))
        if case.is_exact:
            assert result.text.replace(" ", "") == case.clip.text.replace(" ", "")
        num_errors.append(num_word_errors(words_of(case.clip.text), words_of(result.text)))
        num_flushes.append(len(positions))

    check()
    if not case.is_exact:
        num_base_errors = case.word_error_rate * len(words_of(case.clip.text)) * len(num_errors)
        assert sum(num_errors) <= num_base_errors + case.errors_per_flush * sum(num_flushes)


async def test_while_another_task_feeds(case: EngineCase, engine: AnyEngine) -> None:
    async with engine.open() as stream, asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(read(stream))
        feeding = tasks.create_task(perform(stream, in_chunks(case.clip.samples, 100)))
        flush_ids = []
        for _ in range(5):
            flush_ids.append(await stream.flush())
            await asyncio.sleep(0)
        await feeding
        await stream.finish()
        result = StreamResult(tuple(await reading))
    assert flush_ids == [1, 2, 3, 4, 5]
    assert_answers(result, 5)
    assert_consistent(result, case.clip.duration_s)
    if case.is_exact:
        assert result.text.replace(" ", "") == case.clip.text.replace(" ", "")


async def test_more_flushes_than_the_queues_hold(engine: AnyEngine) -> None:
    """A caller that flushes thousands of times and reads only when it has to wait."""
    async with engine.open() as stream:
        flushing = asyncio.create_task(perform(stream, [FLUSH] * 3000))
        await asyncio.wait({flushing}, timeout=0.2)
        reading = asyncio.create_task(read(stream))
        assert await flushing == list(range(1, 3001))
        await stream.finish()
        assert_answers(StreamResult(tuple(await reading)), 3000)


async def test_ids_are_unique_across_tasks(engine: AnyEngine) -> None:
    async with engine.open() as stream:
        flush_ids = await asyncio.gather(*(stream.flush() for _ in range(20)))
        await stream.finish()
        result = StreamResult(tuple(await read(stream)))
    assert sorted(flush_ids) == list(range(1, 21))
    assert_answers(result, 20)


async def test_cancelled_leaves_no_gap(case: EngineCase, engine: AnyEngine) -> None:
    rng = random.Random(3)
    async with engine.open() as stream:
        reading = asyncio.create_task(read(stream))
        for _ in range(50):
            flushing = asyncio.create_task(stream.flush())
            for _ in range(rng.randrange(3)):
                await asyncio.sleep(0)
            flushing.cancel()
            await asyncio.wait({flushing})
        last_id = await stream.flush()
        await stream.finish()
        result = StreamResult(tuple(await reading))
    assert_answers(result, last_id)


async def test_in_the_middle_of_a_word(case: EngineCase, engine: AnyEngine) -> None:
    """All positions are within speech: 50 ms steps through the second after the first pause."""
    start = case.clip.pauses[0] + SAMPLE_RATE_HZ // 2
    positions = range(start, start + SAMPLE_RATE_HZ, SAMPLE_RATE_HZ // (20 if case.is_exact else 2))
    for position in positions:
        result = await transcribe(
            engine, [case.clip.samples[:position], FLUSH, FLUSH, case.clip.samples[position:], FLUSH]
        )
        assert_answers(result, 3)
        assert result.flushes[1] == Flushed(2, "", (), position / SAMPLE_RATE_HZ)
        assert_consistent(result, case.clip.duration_s)
        if case.is_exact:
            assert result.text.replace(" ", "") == case.clip.text.replace(" ", "")
