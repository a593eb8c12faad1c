"""Playing audio into a scripted stream: events have times, and flushes happen at the given positions."""

from __future__ import annotations

import numpy as np
import pytest

from voxtide.bench.figures import flush
from voxtide.bench.load.play import Played, SamplesSource, play
from voxtide.engines.registry import load_engine
from voxtide.engines.scripted.tones import speak
from voxtide.transcript.events import Finished, Flushed

SPEECH = speak("one two", pause_s=0.5)  # 3 letters of 80 ms, a pause, 3 letters: 0.98 s
ONE_ENDS_S, TWO_ENDS_S = 0.24, 0.98


async def played(*, is_paced: bool, flush_at_s: tuple[float, ...] = ()) -> Played:
    async with load_engine("scripted") as engine, engine.open() as stream:
        return await play(stream, SPEECH, is_paced=is_paced, flush_at_s=flush_at_s)


@pytest.mark.parametrize("is_paced", [True, False])
async def test_a_play_records_all_events(is_paced: bool) -> None:
    it = await played(is_paced=is_paced)
    assert it.transcript.text == "one two"
    assert isinstance(it.events[-1].event, Finished)
    assert [timed.at_s for timed in it.events] == sorted(timed.at_s for timed in it.events)
    assert len(it.late_s) == (49 if is_paced else 13)  # chunks of 20 ms, of 80 ms
    assert min(it.late_s) == 0
    assert it.flushed_at_s == ()


async def test_paced_audio_is_not_transcribed_early() -> None:
    it = await played(is_paced=True)
    assert it.events[-1].at_s >= TWO_ENDS_S - 0.001


async def test_flushes_happen_at_the_given_positions() -> None:
    it = await played(is_paced=False, flush_at_s=(ONE_ENDS_S + 0.1, TWO_ENDS_S))
    answers = [timed.event for timed in it.events if isinstance(timed.event, Flushed)]
    assert [answer.text.strip() for answer in answers] == ["one", "two"]
    assert [answer.audio_s for answer in answers] == pytest.approx([0.4, 0.98])  # the chunk that contains the position
    assert len(it.flushed_at_s) == 2
    assert len(flush.latencies_ms(it)) == 2


async def test_samples_are_read_in_chunks_without_loss() -> None:
    samples = np.arange(1000, dtype=np.float32) / 1000
    async with SamplesSource(samples, chunk_ms=20) as source:
        chunks = [chunk async for chunk in source]
    assert [len(chunk) for chunk in chunks] == [320, 320, 320, 40]
    assert np.array_equal(np.concatenate(chunks), samples)
    assert source.duration_s == 1000 / 16000


async def test_samples_are_repeated_up_to_a_duration() -> None:
    samples = np.arange(500, dtype=np.float32) / 1000
    async with SamplesSource(samples, chunk_ms=20, duration_s=0.08) as source:
        chunks = [chunk async for chunk in source]
    assert [len(chunk) for chunk in chunks] == [320, 320, 320, 320]
    assert np.array_equal(np.concatenate(chunks), np.resize(samples, 1280))
