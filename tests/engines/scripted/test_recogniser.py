"""The scripted engine's own rules: when words become stable, what is shown before, how it fails on demand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

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


def silence(duration_s: float) -> Samples:
    return np.zeros(round(duration_s * SAMPLE_RATE_HZ), np.float32)


def said(*parts: Samples | str) -> Samples:
    return np.concatenate([speak(part) if isinstance(part, str) else part for part in parts])


class Listening:
    """A recogniser run by hand: each call returns the events that came of it."""

    def __init__(self, config: ScriptedConfig | None = None, options: StreamOptions | None = None) -> None:
        self.worked_s: list[float] = []
        options = options or StreamOptions(language="en")
        self.recogniser = ScriptedRecogniser(config or ScriptedConfig(), options, self.worked_s.append)

    def feed(self, *parts: Samples | str) -> list[TranscriptEvent]:
        self.recogniser.feed(said(*parts))
        return self._steps()

    def flush(self, flush_id: int = 1) -> list[TranscriptEvent]:
        self.recogniser.flush(flush_id)
        return self._steps()

    def finish(self) -> list[TranscriptEvent]:
        self.recogniser.finish()
        return self._steps()

    def _steps(self, *, is_behind: bool = False) -> list[TranscriptEvent]:
        events = []
        while (told := self.recogniser.step(is_behind=is_behind)) is not None:
            events += told
        return events


def text_of(events: list[TranscriptEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta))


def interims_of(events: list[TranscriptEvent]) -> list[str]:
    return [event.text for event in events if isinstance(event, Interim)]


@pytest.mark.parametrize("delay_ms", DELAYS_MS)
def test_a_word_becomes_stable_a_delay_after_its_end(delay_ms: int) -> None:
    listening = Listening(ScriptedConfig(delay_ms=delay_ms))
    assert text_of(listening.feed("hi", silence(delay_ms / 1000 - FRAME_S))) == ""
    assert text_of(listening.feed(silence(FRAME_S))) == "hi"


def test_a_stream_may_choose_its_delay() -> None:
    listening = Listening(ScriptedConfig(delay_ms=2400), StreamOptions(delay_ms=80))
    assert text_of(listening.feed("hi", silence(0.16))) == "hi"


def test_a_flush_comes_before_the_delay() -> None:
    listening = Listening(ScriptedConfig(delay_ms=2400))
    assert text_of(listening.feed("hello world")) == ""
    events = listening.flush()
    assert text_of(events) == "hello world"
    assert isinstance(events[-1], Flushed)


def test_unfinished_words_are_shown_in_capitals_and_change() -> None:
    events = Listening().feed("to world", silence(0.32))
    assert interims_of(events) == ["T", "TO", "to", "to W", "to WO", "to WOR", " WORL", " WORLD", " world"]
    assert text_of(events) == "to"


def test_nothing_is_shown_twice() -> None:
    """After each delta the tail is told anew, so that nobody shows a word both as stable and as interim."""
    events = Listening().feed("one two three", silence(1.0))
    tellings = [event for event in events if isinstance(event, Delta | Interim)]
    assert isinstance(tellings[-1], Interim)
    for event, follower in pairwise(tellings):
        if isinstance(event, Delta) and isinstance(follower, Interim):
            assert event.text.strip() not in follower.text


def test_behind_time_only_what_became_stable_leaves_the_screen() -> None:
    listening = Listening()
    assert interims_of(listening.feed("one"))
    listening.recogniser.feed(said(silence(0.16), "two", silence(1.0)))
    events = listening._steps(is_behind=True)
    assert interims_of(events) == [" two", ""]


def test_no_interim_where_it_is_not_wanted() -> None:
    for config, options in (
        (ScriptedConfig(is_revising=False), StreamOptions()),
        (ScriptedConfig(), StreamOptions(interim=False)),
        (ScriptedConfig(), StreamOptions(pace="fast")),
    ):
        assert interims_of(Listening(config, options).feed("hello world", silence(1.0))) == []


def test_a_pause_ends_speech_and_segment() -> None:
    listening = Listening(ScriptedConfig(is_revising=False))
    events = listening.feed(silence(0.5), "hi you", silence(0.6), "there")
    events += listening.finish()
    assert [type(event) for event in events] == [
        *(SpeechStarted, Delta, SpeechStopped, Delta, SegmentEnded),
        *(SpeechStarted, Delta, SegmentEnded, Finished),
    ]
    first = next(event for event in events if isinstance(event, SegmentEnded)).segment
    assert first.text == "hi you"
    assert first.words == (Word("hi", 0.5, 0.66), Word("you", 0.82, 1.06))
    assert (first.start_s, first.end_s) == (0.5, 1.06)


def test_a_long_delay_does_not_join_what_a_pause_parts() -> None:
    events = Listening(ScriptedConfig(delay_ms=2400)).feed("a b", silence(0.8), "c d", silence(4.0))
    assert [event.segment.text for event in events if isinstance(event, SegmentEnded)] == ["a b", "c d"]


def test_a_word_cut_by_a_flush_goes_on_as_a_word_of_its_own() -> None:
    audio = speak("hello")
    for num_heard in range(6):
        for offset in (-TONE_FRAME_SAMPLES // 2, 0, TONE_FRAME_SAMPLES // 2 - 1):
            place = min(max(0, num_heard * TONE_FRAME_SAMPLES + offset), len(audio))
            listening = Listening()
            listening.feed(audio[:place])
            before = listening.flush()[-1]
            listening.feed(audio[place:])
            after = listening.flush(2)[-1]
            assert isinstance(before, Flushed)
            assert isinstance(after, Flushed)
            assert (before.text, after.text) == ("hello"[:num_heard], "hello"[num_heard:])


def test_the_language_is_told_once_unless_it_was_chosen() -> None:
    events = Listening(options=StreamOptions()).feed("one", silence(1.0), "two")
    assert [event for event in events if isinstance(event, LanguageDetected)] == [LanguageDetected("en", 0.0)]
    assert not any(isinstance(event, LanguageDetected) for event in Listening().feed("one"))


def test_a_vocabulary_decides_the_spelling() -> None:
    listening = Listening(options=StreamOptions(vocabulary=("VoxTide", "Tamás")))
    events = listening.feed("voxtide tamás tam") + listening.flush()
    assert text_of(events) == "VoxTide Tamás tam"


def test_other_sound_gives_placeholders() -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, SAMPLE_RATE_HZ).astype(np.float32)
    listening = Listening()
    events = listening.feed(silence(0.2), noise, silence(0.5), "coded", silence(0.5), noise[:4800]) + listening.flush()
    assert text_of(events) == "w1 w2 w3 coded w4"


def test_sound_without_a_pause_is_cut_into_segments() -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, 70 * SAMPLE_RATE_HZ).astype(np.float32)
    events = Listening().feed(noise)
    segments = [event.segment for event in events if isinstance(event, SegmentEnded)]
    assert len(segments) == 2
    assert all(segment.end_s - segment.start_s <= 30 for segment in segments)


def test_slowness_is_work_for_each_second() -> None:
    listening = Listening(ScriptedConfig(slowness=0.5))
    listening.feed(silence(2.03))
    listening.finish()
    assert sum(listening.worked_s) == pytest.approx(0.5 * 2.03)
    assert max(listening.worked_s) == pytest.approx(0.5 * FRAME_S)


def test_it_fails_where_it_is_told_to() -> None:
    listening = Listening(ScriptedConfig(fails_at_s=0.8))
    listening.feed(silence(0.79))
    with pytest.raises(RuntimeError, match="failed at 0.8 s"):
        listening.feed(silence(0.01))


async def test_a_stream_that_fails_leaves_the_others_alone() -> None:
    async with ScriptedEngine(ScriptedConfig(fails_at_s=1.0)) as engine, engine.open() as bad, engine.open() as good:
        await bad.feed(silence(2.0))
        with pytest.raises(EngineFailedError, match="failed at 1.0 s"):
            await anext(bad)
        await good.feed(said("hi"))
        await good.finish()
        assert text_of([event async for event in good]) == "hi"


async def test_an_engine_that_dies_takes_all_along() -> None:
    async with ScriptedEngine(ScriptedConfig(dies_at_s=1.0)) as engine, engine.open() as first, engine.open() as second:
        await first.feed(silence(2.0))
        for stream in (first, second):
            with pytest.raises(EngineFailedError, match="died at 1.0 s"):
                await anext(stream)


@pytest.mark.parametrize(
    ("field", "value"),
    [("delay_ms", 100), ("delay_ms", 0), ("slowness", -1.0), ("slowness", float("nan")), ("fails_at_s", -0.1)],
)
def test_settings_that_cannot_be(field: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{field} is"):
        ScriptedConfig(**{field: value})


async def test_loading_by_hand() -> None:
    async with load(max_streams=1) as engine:
        assert engine.info.name == "scripted"
    with pytest.raises(UnknownModelError, match="no model 'large'"):
        load(model="large")
    with pytest.raises(ConfigError, match="num_threads is 0"):
        load(num_threads=0)
