"""A flush answers exactly once, in order, at any time; around it no word is said twice or lost."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.engine_cases import AnyEngine, EngineCase
from tests.support.stream_runs import (
    FLUSH,
    Told,
    assert_lawful,
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


def assert_answers(told: Told, num_flushes: int) -> None:
    assert [flushed.flush_id for flushed in told.flushes] == list(range(1, num_flushes + 1))


async def test_before_any_audio(case: EngineCase, engine: AnyEngine) -> None:
    told = await transcribe(engine, [FLUSH, FLUSH, case.clip.samples])
    assert told.events[:2] == (Flushed(1, "", (), 0.0), Flushed(2, "", (), 0.0))
    assert told.lasting[1][2:] == (await transcribe(engine, [case.clip.samples])).lasting[1]


async def test_twice_in_a_row(case: EngineCase, engine: AnyEngine) -> None:
    told = await transcribe(engine, [case.clip.samples, FLUSH, FLUSH])
    assert told.flushes[0].text
    assert told.flushes[1] == Flushed(2, "", (), case.clip.duration_s)


async def test_the_answer_covers_all_that_was_fed(case: EngineCase, engine: AnyEngine) -> None:
    """Read before more is fed: the answer needs neither more audio nor the end of the stream."""
    async with engine.open() as stream:
        for place, piece in enumerate((case.clip.samples, silence(0.5)), 1):
            await stream.feed(piece)
            flush_id = await stream.flush()
            answer = (await read_until(stream, Flushed))[-1]
            assert isinstance(answer, Flushed)
            assert answer.flush_id == flush_id == place
        assert answer.audio_s == (len(case.clip.samples) + len(silence(0.5))) / SAMPLE_RATE_HZ


async def test_then_finish_at_once(case: EngineCase, engine: AnyEngine) -> None:
    told = await transcribe(engine, [case.clip.samples, FLUSH])
    assert_answers(told, 1)
    assert told.flushes[0].text == told.text.strip()
    assert_lawful(told, case.clip.duration_s)


async def test_finish_tells_what_no_flush_asked_for(case: EngineCase, engine: AnyEngine) -> None:
    told = await transcribe(engine, flushed_at(case.clip.samples, case.clip.pauses)[:-1])
    assert_answers(told, len(case.clip.pauses))
    told_by_flushes = " ".join(flushed.text for flushed in told.flushes)
    assert len(words_of(told_by_flushes)) < len(words_of(told.text))
    assert_lawful(told, case.clip.duration_s)


async def test_finish_in_the_middle_of_speech_tells_as_much_as_a_flush(case: EngineCase, engine: AnyEngine) -> None:
    begun = case.clip.samples[: case.clip.pauses[0] - SAMPLE_RATE_HZ // 2]
    finished = await transcribe(engine, [begun])
    flushed = await transcribe(engine, [begun, FLUSH])
    assert finished.text == flushed.text
    assert finished.segments == flushed.segments
    assert words_of(finished.text)


async def test_at_pauses_the_words_stay_the_same(case: EngineCase, engine: AnyEngine) -> None:
    without = await transcribe(engine, [case.clip.samples])
    told = await transcribe(engine, flushed_at(case.clip.samples, case.clip.pauses))
    assert words_of(told.text) == words_of(without.text)


@pytest.mark.parametrize("num_flushes", [20, 200])
async def test_many_in_one_stream(case: EngineCase, engine: AnyEngine, num_flushes: int) -> None:
    samples = case.clip.samples
    told = await transcribe(engine, flushed_at(samples, range(0, len(samples), len(samples) // num_flushes)))
    assert len(told.flushes) >= num_flushes
    assert_answers(told, len(told.flushes))
    assert_lawful(told, case.clip.duration_s)
    if case.is_exact:
        assert told.text.replace(" ", "") == case.clip.text.replace(" ", "")
    else:  # few words survive this, but none may come twice over
        assert len(words_of(told.text)) <= 2 * len(words_of(case.clip.text))


def test_anywhere_no_word_is_lost_or_said_twice(case: EngineCase, engine: AnyEngine) -> None:
    samples = case.clip.samples
    num_errors: list[int] = []
    num_flushes: list[int] = []

    @settings(max_examples=2 * case.num_examples, deadline=None, derandomize=True)
    @given(st.lists(st.integers(0, len(samples)), min_size=1, max_size=6 if case.is_exact else 2, unique=True))
    def check(places: list[int]) -> None:
        told = asyncio.run(transcribe(engine, flushed_at(samples, places)))
        assert_lawful(told, case.clip.duration_s)
        assert_answers(told, len(told.flushes))
        if case.is_exact:
            assert told.text.replace(" ", "") == case.clip.text.replace(" ", "")
        num_errors.append(num_word_errors(words_of(case.clip.text), words_of(told.text)))
        num_flushes.append(len(places))

    check()
    if not case.is_exact:
        num_unspoilt_errors = case.word_error_rate * len(words_of(case.clip.text)) * len(num_errors)
        assert sum(num_errors) <= num_unspoilt_errors + case.errors_per_flush * sum(num_flushes)


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
        told = Told(tuple(await reading))
    assert flush_ids == [1, 2, 3, 4, 5]
    assert_answers(told, 5)
    assert_lawful(told, case.clip.duration_s)
    if case.is_exact:
        assert told.text.replace(" ", "") == case.clip.text.replace(" ", "")


async def test_more_than_any_queue_holds_wait_and_are_answered(engine: AnyEngine) -> None:
    """A caller that asks for thousands and reads nothing until it has to wait."""
    async with engine.open() as stream:
        flushing = asyncio.create_task(perform(stream, [FLUSH] * 3000))
        await asyncio.wait({flushing}, timeout=0.2)
        reading = asyncio.create_task(read(stream))
        assert await flushing == list(range(1, 3001))
        await stream.finish()
        assert_answers(Told(tuple(await reading)), 3000)


async def test_from_several_tasks_each_has_its_own_id(engine: AnyEngine) -> None:
    async with engine.open() as stream:
        flush_ids = await asyncio.gather(*(stream.flush() for _ in range(20)))
        await stream.finish()
        told = Told(tuple(await read(stream)))
    assert sorted(flush_ids) == list(range(1, 21))
    assert_answers(told, 20)


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
        told = Told(tuple(await reading))
    assert_answers(told, last_id)


async def test_in_the_middle_of_a_word(case: EngineCase, engine: AnyEngine) -> None:
    """All of the places are inside speech: 50 ms steps through the second that follows the first pause."""
    start = case.clip.pauses[0] + SAMPLE_RATE_HZ // 2
    places = range(start, start + SAMPLE_RATE_HZ, SAMPLE_RATE_HZ // (20 if case.is_exact else 2))
    for place in places:
        told = await transcribe(engine, [case.clip.samples[:place], FLUSH, FLUSH, case.clip.samples[place:], FLUSH])
        assert_answers(told, 3)
        assert told.flushes[1] == Flushed(2, "", (), place / SAMPLE_RATE_HZ)
        assert_lawful(told, case.clip.duration_s)
        if case.is_exact:
            assert told.text.replace(" ", "") == case.clip.text.replace(" ", "")
