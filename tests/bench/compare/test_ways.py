"""The ways of the scripted engine: the audio they get, their events, and the bound of a recording."""

from __future__ import annotations

import numpy as np
import pytest

from voxtide.bench.compare import ways
from voxtide.bench.compare.ways import chunked_way, is_elsewhere, read_samples, streaming_way, warm_up
from voxtide.bench.load.play import SamplesSource
from voxtide.engines.remote import RemoteEngine
from voxtide.engines.scripted import ScriptedEngine, speak
from voxtide.errors import NotAudioError
from voxtide.types import SAMPLE_RATE_HZ

SPEECH = speak("one two", pause_s=0.5)  # 0.98 s


async def test_streaming_is_played_in_real_time() -> None:
    async with ScriptedEngine() as engine:
        way = await streaming_way(engine, SPEECH, None)
    assert (way.name, way.text, way.chunks) == ("streaming", "one two", ())
    assert way.audio_s == pytest.approx(0.98)
    assert way.events[-1].at_s >= 0.979
    assert way.cpu_share is not None and way.cpu_share > 0


async def test_a_chunked_way_is_named_after_its_length() -> None:
    async with ScriptedEngine() as engine:
        way = await chunked_way(engine, SPEECH, 0.5, "fr", lambda audio_s: None)
    assert (way.name, way.text, way.language) == ("chunks of 0.5 s", "one two", "fr")
    assert [timed.at_s >= chunk.end_s for timed, chunk in zip(way.events, way.chunks, strict=True)] == [True, True]


async def test_the_warm_up_transcribes_the_beginning() -> None:
    async with ScriptedEngine() as engine:
        await warm_up(engine, SPEECH, None)


async def test_a_recording_is_read_up_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.linspace(0, 1, SAMPLE_RATE_HZ).astype(np.float32)
    whole, has_more = await read_samples(SamplesSource(samples, chunk_ms=80))
    assert np.array_equal(whole, samples) and not has_more
    monkeypatch.setattr(ways, "MAX_AUDIO_S", 0.25)
    part, has_more = await read_samples(SamplesSource(samples, chunk_ms=80))
    assert np.array_equal(part, samples[: SAMPLE_RATE_HZ // 4]) and has_more


async def test_a_source_without_audio_is_refused() -> None:
    with pytest.raises(NotAudioError, match="samples has no audio"):
        await read_samples(SamplesSource(np.zeros(0, np.float32), chunk_ms=80))


def test_an_engine_on_a_server_runs_elsewhere() -> None:
    assert is_elsewhere(RemoteEngine("http://127.0.0.1:1"))
    assert not is_elsewhere(ScriptedEngine())
