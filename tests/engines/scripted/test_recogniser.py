"""The scripted engine: when words become stable, interim text, configured failures."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tests.support.stream_runs import silence
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine, load, speak
from voxtide.engines.scripted.config import DELAYS_MS
from voxtide.engines.scripted.recogniser import ScriptedRecogniser
from voxtide.engines.scripted.tones import TONE_FRAME_SAMPLES
from voxtide.errors import ConfigError, EngineFailedError, UnknownModelError
from voxtide.transcript.events import (
    Delta,
    Finished,
    Flushed,
    Interim,
    LanguageDetected,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    TranscriptEvent,
)
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions, Word

FRAME_S = TONE_FRAME_SAMPLES / SAMPLE_RATE_HZ


def audio_of(*parts: Samples | str) -> Samples:
    return np.concatenate([speak(part) if isinstance(part, str) else part for part in parts])


class Stream:
    """Runs a recogniser without threads: each call returns its events."""

    def __init__(self, config: ScriptedConfig | None = None, options: StreamOptions | None = None) -> None:
        self.worked_s: list[float] = []
        options = options or StreamOptions(language="en")
        self.recogniser = ScriptedRecogniser(config or ScriptedConfig(), options, self.worked_s.append)

    def feed(self, *parts: Samples | str) -> list[TranscriptEvent]:
        self.recogniser.feed(audio_of(*parts))
        return self._steps()

    def flush(self, flush_id: int = 1) -> list[TranscriptEvent]:
        self.recogniser.flush(flush_id)
        return self._steps()

    def finish(self) -> list[TranscriptEvent]:
        self.recogniser.finish()
        return self._steps()

    def _steps(self, *, is_behind: bool = False) -> list[TranscriptEvent]:
        events = []
        while (step_events := self.recogniser.step(is_behind=is_behind)) is not None:
            events += step_events
        return events


def text_of(events: list[TranscriptEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def interims_of(events: list[TranscriptEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Interim)]


@pytest.mark.parametrize("delay_ms", DELAYS_MS)
def test_a_word_becomes_stable_a_delay_after_its_end(delay_ms: int) -> None:
    stream = Stream(ScriptedConfig(delay_ms=delay_ms))
    assert text_of(stream.feed("hi", silence(delay_ms / 1000 - FRAME_S))) == ""
    assert text_of(stream.feed(silence(FRAME_S))) == "hi"


def test_delay_option() -> None:
    stream = Stream(ScriptedConfig(delay_ms=2400), StreamOptions(delay_ms=80))
    assert text_of(stream.feed("hi", silence(0.16))) == "hi"


def test_a_flush_ignores_the_delay() -> None:
    stream = Stream(ScriptedConfig(delay_ms=2400))
    assert text_of(stream.feed("hello world")) == ""
    events = stream.flush()
    assert text_of(events) == "hello world"
    assert isinstance(events[-1], Flushed)


def test_unfinished_words_are_interim_text_in_capitals() -> None:
    events = Stream().feed("to world", silence(0.32))
    assert interims_of(events) == ["T", "TO", "to", "to W", "to WO", "to WOR", " WORL", " WORLD", " world"]
    assert text_of(events) == "to"


def test_interim_never_repeats_stable_text() -> None:
    """Each delta is followed by a new interim, so that no client shows a word twice."""
    events = Stream().feed("one two three", silence(1.0))
    text_events = [event for event in events if isinstance(event, Delta | Interim)]
    assert isinstance(text_events[-1], Interim)
    for event, follower in pairwise(text_events):
        if isinstance(event, Delta) and isinstance(follower, Interim):
            assert event.text.strip() not in follower.text


def test_behind_interim_only_drops_stable_text() -> None:
    stream = Stream()
    assert interims_of(stream.feed("one"))
    stream.recogniser.feed(audio_of(silence(0.16), "two", silence(1.0)))
    events = stream._steps(is_behind=True)
    assert interims_of(events) == [" two", ""]


def test_no_interim_if_disabled() -> None:
    for config, options in (
        (ScriptedConfig(is_revising=False), StreamOptions()),
        (ScriptedConfig(), StreamOptions(interim=False)),
        (ScriptedConfig(), StreamOptions(pace="fast")),
    ):
        assert interims_of(Stream(config, options).feed("hello world", silence(1.0))) == []


def test_a_pause_ends_speech_and_segment() -> None:
    stream = Stream(ScriptedConfig(is_revising=False))
    events = stream.feed(silence(0.5), "hi you", silence(0.6), "there")
    events += stream.finish()
    assert [type(event) for event in events] == [
        *(SpeechStarted, Delta, SpeechStopped, Delta, SegmentEnded),
        *(SpeechStarted, Delta, SegmentEnded, Finished),
    ]
    first = next(event for event in events if isinstance(event, SegmentEnded)).segment
    assert first.text == "hi you"
    assert first.words == (Word("hi", 0.5, 0.66), Word("you", 0.82, 1.06))
    assert (first.start_s, first.end_s) == (0.5, 1.06)


def test_a_long_delay_joins_no_segments() -> None:
    events = Stream(ScriptedConfig(delay_ms=2400)).feed("a b", silence(0.8), "c d", silence(4.0))
    assert [event.segment.text for event in events if isinstance(event, SegmentEnded)] == ["a b", "c d"]


def test_a_word_cut_by_a_flush_becomes_two_words() -> None:
    audio = speak("hello")
    for num_letters in range(6):
        for offset in (-TONE_FRAME_SAMPLES // 2, 0, TONE_FRAME_SAMPLES // 2 - 1):
            position = min(max(0, num_letters * TONE_FRAME_SAMPLES + offset), len(audio))
            stream = Stream()
            stream.feed(audio[:position])
            before = stream.flush()[-1]
            stream.feed(audio[position:])
            after = stream.flush(2)[-1]
            assert isinstance(before, Flushed)
            assert isinstance(after, Flushed)
            assert (before.text, after.text) == ("hello"[:num_letters], "hello"[num_letters:])


def test_the_language_is_reported_once_unless_chosen() -> None:
    events = Stream(options=StreamOptions()).feed("one", silence(1.0), "two")
    assert [event for event in events if isinstance(event, LanguageDetected)] == [LanguageDetected("en", 0.0)]
    assert not any(isinstance(event, LanguageDetected) for event in Stream().feed("one"))


def test_a_vocabulary_decides_the_spelling() -> None:
    stream = Stream(options=StreamOptions(vocabulary=("VoxTide", "Tamás")))
    events = stream.feed("voxtide tamás tam") + stream.flush()
    assert text_of(events) == "VoxTide Tamás tam"


def test_other_sound_gives_placeholders() -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, SAMPLE_RATE_HZ).astype(np.float32)
    stream = Stream()
    events = stream.feed(silence(0.2), noise, silence(0.5), "coded", silence(0.5), noise[:4800]) + stream.flush()
    assert text_of(events) == "w1 w2 w3 coded w4"


def test_sound_without_a_pause_is_cut_into_segments() -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, 70 * SAMPLE_RATE_HZ).astype(np.float32)
    events = Stream().feed(noise)
    segments = [event.segment for event in events if isinstance(event, SegmentEnded)]
    assert len(segments) == 2
    assert all(segment.end_s - segment.start_s <= 30 for segment in segments)


def test_slowness_is_work_per_second_of_audio() -> None:
    stream = Stream(ScriptedConfig(slowness=0.5))
    stream.feed(silence(2.03))
    stream.finish()
    assert sum(stream.worked_s) == pytest.approx(0.5 * 2.03)
    assert max(stream.worked_s) == pytest.approx(0.5 * FRAME_S)


def test_it_fails_where_configured() -> None:
    stream = Stream(ScriptedConfig(fails_at_s=0.8))
    stream.feed(silence(0.79))
    with pytest.raises(RuntimeError, match="failed at 0.8 s"):
        stream.feed(silence(0.01))


async def test_a_stream_that_fails_leaves_the_others_alone() -> None:
    async with ScriptedEngine(ScriptedConfig(fails_at_s=1.0)) as engine, engine.open() as bad, engine.open() as good:
        await bad.feed(silence(2.0))
        with pytest.raises(EngineFailedError, match="failed at 1.0 s"):
            await anext(bad)
        await good.feed(audio_of("hi"))
        await good.finish()
        assert text_of([event async for event in good]) == "hi"


async def test_all_streams_of_a_dead_engine_fail() -> None:
    async with ScriptedEngine(ScriptedConfig(dies_at_s=1.0)) as engine, engine.open() as first, engine.open() as second:
        await first.feed(silence(2.0))
        for stream in (first, second):
            with pytest.raises(EngineFailedError, match="died at 1.0 s"):
                await anext(stream)


@pytest.mark.parametrize(
    ("field", "value"),
    [("delay_ms", 100), ("delay_ms", 0), ("slowness", -1.0), ("slowness", float("nan")), ("fails_at_s", -0.1)],
)
def test_invalid_settings(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{field} is"):
        ScriptedConfig(**{field: value})


async def test_load() -> None:
    async with load(max_streams=1) as engine:
        assert engine.info.name == "scripted"
    with pytest.raises(UnknownModelError, match="no model 'large'"):
        load(model="large")
    with pytest.raises(ConfigError, match="num_threads is 0"):
        load(num_threads=0)
