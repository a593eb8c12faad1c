"""The engine from a caller's view: its info, language detection, and the options it accepts or refuses."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.pulled_models import between, model_directory, recording
from voxtide.config import Settings
from voxtide.engines.base import Engine
from voxtide.engines.whisper import load
from voxtide.errors import UnsupportedOptionError
from voxtide.models.store import ModelStore
from voxtide.transcript.events import Delta, LanguageDetected, TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, Pace, Samples, StreamOptions

pytestmark = pytest.mark.whisper


@pytest.fixture(scope="module")
def base() -> Iterator[Engine]:
    yield from loaded(None, model_directory("whisper-base"))


@pytest.fixture(scope="module")
def tiny() -> Iterator[Engine]:
    directory = model_directory("whisper-tiny.en")
    yield from loaded(str(directory), directory)


def loaded(model: str | None, directory: Path) -> Iterator[Engine]:
    pytest.importorskip("faster_whisper")
    model_directory("silero-vad")
    settings = replace(Settings.from_environment(os.environ), is_offline=True)
    engine = load(model=model, store=ModelStore.from_settings(settings), num_threads=2)
    assert engine.info.model == directory.name
    yield engine
    asyncio.run(engine.close())


async def transcribed(
    engine: Engine, samples: Samples, options: StreamOptions | None = None, *, chunk_ms: int = 500
) -> list[TranscriptEvent]:
    chunk = chunk_ms * SAMPLE_RATE_HZ // 1000
    async with engine.open(options) as stream:
        for start in range(0, len(samples), chunk):
            await stream.feed(samples[start : start + chunk])
        await stream.finish()
        return [event async for event in stream]


def text_of(events: list[TranscriptEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def languages_in(events: list[TranscriptEvent]) -> list[LanguageDetected]:
    return [event for event in events if isinstance(event, LanguageDetected)]


def test_its_info(base: Engine, tiny: Engine) -> None:
    assert len(base.info.languages) > 90
    assert tiny.info.languages == ("en",)
    for info in (base.info, tiny.info):
        assert (info.name, info.is_revising, info.word_times, info.can_use_vocabulary) == (
            "whisper",
            True,
            "read",
            True,
        )


def test_an_unknown_language_is_refused(base: Engine, tiny: Engine) -> None:
    with pytest.raises(UnsupportedOptionError, match=r"cannot transcribe 'xx': it knows .*fr"):
        base.open(StreamOptions(language="xx"))
    with pytest.raises(UnsupportedOptionError, match="cannot transcribe 'fr': it knows en;"):
        tiny.open(StreamOptions(language="fr"))


@pytest.mark.parametrize("pace", ["live", "fast"])
async def test_the_language_is_emitted_once_for_any_chunking(base: Engine, pace: Pace) -> None:
    samples = between(recording("two_cities.wav"), 0.0, 6.0)
    whole, pieces = [
        await transcribed(base, samples, StreamOptions(pace=pace), chunk_ms=chunk_ms) for chunk_ms in (10_000, 90)
    ]
    (found,) = languages_in(whole)
    assert found.language == "en"
    assert 0 < found.audio_s <= 6.0
    assert languages_in(pieces) == [found]
    assert text_of(pieces) == text_of(whole)


async def test_a_requested_language_is_not_emitted(base: Engine, tiny: Engine) -> None:
    samples = recording("goforward.wav")
    for engine, options in ((base, StreamOptions(language="en")), (tiny, StreamOptions())):
        events = await transcribed(engine, samples, options)
        assert text_of(events) == "Go forward 10 meters."
        assert not languages_in(events)


async def test_a_vocabulary_biases_the_text(tiny: Engine) -> None:
    events = await transcribed(tiny, recording("goforward.wav"), StreamOptions(vocabulary=("metres",)))
    assert text_of(events) == "Go forward 10 metres."


async def test_too_long_a_vocabulary_is_refused_and_leaves_no_stream_open(tiny: Engine) -> None:
    stream = tiny.open(StreamOptions(vocabulary=("Voxtide",) * 100))
    with pytest.raises(UnsupportedOptionError, match="100 words are .* the limit is 180"):
        await stream.__aenter__()
    assert getattr(tiny, "num_open_streams", None) == 0
