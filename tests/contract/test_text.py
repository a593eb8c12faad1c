"""Deltas, segments and flush answers agree on one text, with times in the caller's audio."""

from __future__ import annotations

import numpy as np

from tests.support.engine_cases import AnyEngine, EngineCase
from tests.support.stream_runs import (
    FLUSH,
    StreamResult,
    assert_consistent,
    flushed_at,
    in_chunks,
    num_word_errors,
    silence,
    transcribe,
    words_of,
)
from voxtide.transcript.events import Finished
from voxtide.types import StreamOptions


def assert_recognised(result: StreamResult, case: EngineCase) -> None:
    expected = words_of(case.clip.text)
    assert num_word_errors(expected, words_of(result.text)) <= case.word_error_rate * len(expected), result.text
    if case.is_exact:
        assert result.text == case.clip.text


def test_the_words_are_recognised(case: EngineCase, whole: StreamResult) -> None:
    assert_recognised(whole, case)
    assert_consistent(whole, case.clip.duration_s)


async def test_all_events_agree_around_flushes(case: EngineCase, engine: AnyEngine) -> None:
    clip = case.clip
    result = await transcribe(engine, flushed_at(clip.samples, clip.pauses))
    assert_recognised(result, case)
    assert_consistent(result, clip.duration_s)
    assert len(result.flushes) == len(clip.pauses) + 1


def test_segments_have_words_if_the_engine_knows_times(engine: AnyEngine, whole: StreamResult) -> None:
    assert whole.segments
    for segment in whole.segments:
        assert bool(segment.words) == (engine.info.word_times != "none")
        assert all(word.is_estimated == (engine.info.word_times == "estimated") for word in segment.words)


async def test_interim_only_if_requested_and_supported(case: EngineCase, engine: AnyEngine) -> None:
    chunks = in_chunks(case.clip.samples, 80)
    assert not (await transcribe(engine, chunks, StreamOptions(interim=False))).interims
    result = await transcribe(engine, chunks)
    assert bool(result.interims) <= engine.info.is_revising


async def test_the_final_text_is_independent_of_interim(
    case: EngineCase, engine: AnyEngine, whole: StreamResult
) -> None:
    without = await transcribe(engine, [case.clip.samples], StreamOptions(interim=False))
    assert without.invariant == whole.invariant


async def test_pace_fast_keeps_the_guarantees(case: EngineCase, engine: AnyEngine) -> None:
    plan = flushed_at(case.clip.samples, case.clip.pauses)
    result = await transcribe(engine, plan, StreamOptions(pace="fast"))
    assert_recognised(result, case)
    assert_consistent(result, case.clip.duration_s)


async def test_silence_has_no_text(engine: AnyEngine) -> None:
    result = await transcribe(engine, [silence(2.0), FLUSH, silence(1.5)])
    assert_consistent(result, 3.5)
    assert result.text == ""
    assert not any(result.interims)


async def test_faint_noise_has_no_text(engine: AnyEngine) -> None:
    noise = np.random.default_rng(1).normal(0, 0.001, 48_000).astype(np.float32)
    result = await transcribe(engine, [noise])
    assert_consistent(result, 3.0)
    assert result.text == ""


async def test_no_audio_at_all(engine: AnyEngine) -> None:
    assert (await transcribe(engine, [])).events == (Finished(0.0),)
    assert (await transcribe(engine, [silence(0.0)])).events == (Finished(0.0),)


async def test_a_single_sample(engine: AnyEngine) -> None:
    result = await transcribe(engine, [silence(1 / 16_000), FLUSH])
    assert_consistent(result, 1 / 16_000)
    assert result.text == ""
