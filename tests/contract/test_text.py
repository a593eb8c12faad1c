"""What a stream tells: one text, told in several ways that agree, with times on the caller's audio."""

from __future__ import annotations

import numpy as np

from tests.support.engine_cases import AnyEngine, EngineCase
from tests.support.stream_runs import (
    FLUSH,
    Told,
    assert_lawful,
    flushed_at,
    in_chunks,
    num_word_errors,
    silence,
    transcribe,
    words_of,
)
from voxtide.transcript.events import Finished
from voxtide.types import StreamOptions


def assert_says(told: Told, case: EngineCase) -> None:
    said = words_of(case.clip.text)
    assert num_word_errors(said, words_of(told.text)) <= case.word_error_rate * len(said), told.text
    if case.is_exact:
        assert told.text == case.clip.text


async def test_the_words_are_those_that_were_said(case: EngineCase, engine: AnyEngine) -> None:
    told = await transcribe(engine, [case.clip.samples])
    assert_says(told, case)
    assert_lawful(told, case.clip.duration_s)


async def test_all_tellings_agree_around_flushes(case: EngineCase, engine: AnyEngine) -> None:
    clip = case.clip
    told = await transcribe(engine, flushed_at(clip.samples, clip.pauses))
    assert_says(told, case)
    assert_lawful(told, clip.duration_s)
    assert len(told.flushes) == len(clip.pauses) + 1


async def test_segments_have_words_if_the_engine_knows_times(case: EngineCase, engine: AnyEngine) -> None:
    told = await transcribe(engine, [case.clip.samples])
    assert told.segments
    for segment in told.segments:
        assert bool(segment.words) == (engine.info.word_times != "none")
        assert all(word.is_estimated == (engine.info.word_times == "estimated") for word in segment.words)


async def test_interim_comes_only_where_it_is_wanted_and_can_be(case: EngineCase, engine: AnyEngine) -> None:
    chunks = in_chunks(case.clip.samples, 80)
    assert not (await transcribe(engine, chunks, StreamOptions(interim=False))).interims
    told = await transcribe(engine, chunks)
    assert bool(told.interims) <= engine.info.is_revising


async def test_the_final_text_does_not_hang_on_interim(case: EngineCase, engine: AnyEngine) -> None:
    with_interim = await transcribe(engine, [case.clip.samples])
    without = await transcribe(engine, [case.clip.samples], StreamOptions(interim=False))
    assert without.lasting == with_interim.lasting


async def test_the_cheapest_path_keeps_the_same_laws(case: EngineCase, engine: AnyEngine) -> None:
    plan = flushed_at(case.clip.samples, case.clip.pauses)
    told = await transcribe(engine, plan, StreamOptions(pace="fast"))
    assert_says(told, case)
    assert_lawful(told, case.clip.duration_s)


async def test_silence_has_no_text(engine: AnyEngine) -> None:
    told = await transcribe(engine, [silence(2.0), FLUSH, silence(1.5)])
    assert_lawful(told, 3.5)
    assert told.text == ""
    assert not any(told.interims)


async def test_faint_noise_has_no_text(engine: AnyEngine) -> None:
    noise = np.random.default_rng(1).normal(0, 0.001, 48_000).astype(np.float32)
    told = await transcribe(engine, [noise])
    assert_lawful(told, 3.0)
    assert told.text == ""


async def test_no_audio_at_all(engine: AnyEngine) -> None:
    assert (await transcribe(engine, [])).events == (Finished(0.0),)
    assert (await transcribe(engine, [silence(0.0)])).events == (Finished(0.0),)


async def test_a_single_sample(engine: AnyEngine) -> None:
    told = await transcribe(engine, [silence(1 / 16_000), FLUSH])
    assert_lawful(told, 1 / 16_000)
    assert told.text == ""
