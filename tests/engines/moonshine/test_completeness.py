"""Long, shuffled speech: no run of words is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxtide import open_engine
from voxtide.bench.figures.completeness import CONDITIONS, is_lost
from voxtide.bench.load.play import play
from voxtide.bench.load.recordings import load_recordings
from voxtide.bench.load.session import FAST_OPTIONS, LIVE_OPTIONS
from voxtide.bench.load.talks import Talk, phrases_of, talk
from voxtide.bench.load.variants import with_trailing_quiet
from voxtide.bench.word_errors import word_errors
from voxtide.engines.base import Engine
from voxtide.types import Pace, Samples

OPTIONS = {"live": LIVE_OPTIONS, "fast": FAST_OPTIONS}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with asyncio.Runner() as runner:
        opening = open_engine("moonshine")
        yield runner.run(opening.__aenter__())
        runner.run(opening.__aexit__(None, None, None))


async def text_of(engine: Engine, samples: Samples, pace: Pace) -> str:
    async with engine.open(OPTIONS[pace]) as stream:
        return (await play(stream, with_trailing_quiet(samples), is_paced=False)).transcript.text


@pytest.mark.parametrize("pace", ["live", "fast"])
def test_no_run_of_words_is_lost_from_shuffled_speech(engine: Engine, pace: Pace) -> None:
    phrases = phrases_of(load_recordings())

    @settings(max_examples=6, deadline=None)
    @given(seed=st.integers(0, 10_000), condition=st.sampled_from(sorted(CONDITIONS)))
    def check(seed: int, condition: str) -> None:
        spoken: Talk = talk(phrases, seed=seed, duration_s=30.0)
        text = asyncio.run(text_of(engine, CONDITIONS[condition](spoken.samples), pace))
        errors = word_errors(spoken.name, spoken.text, text)
        assert [difference for difference in errors.differences if is_lost(difference)] == []

    check()
