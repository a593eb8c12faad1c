"""Speech without text, or in another language, is reported."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.scripted_windows import Script, ScriptedRun, ScriptedWord, script_of
from tests.support.windowed_configs import CONFIGS, FAST, LIVE, STABILITY
from voxtide.audio.vad import VAD_FRAME_S
from voxtide.engines.windowed.config import WindowedConfig
from voxtide.transcript.events import (
    LanguageDoubted,
    SegmentEnded,
    SpeechUntranscribed,
)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize(("speech_s", "is_reported"), [(0.8, False), (1.6, True)])
def test_speech_that_ends_without_text_is_reported(config: WindowedConfig, speech_s: float, is_reported: bool) -> None:
    run = ScriptedRun(Script((), ((1.0, 1.0 + speech_s),)), config)
    run.feed_until(6.0)
    run.finish()
    reports = [event for event in run.events if isinstance(event, SpeechUntranscribed)]
    assert len(reports) == is_reported
    for report in reports:
        assert report.start_s <= 1.0
        assert report.audio_s == pytest.approx(1.0 + speech_s, abs=VAD_FRAME_S)
    with_text = ScriptedRun(script_of("never put off until tomorrow | so there"), config)
    with_text.feed_until(7.0)
    with_text.finish()
    assert not any(isinstance(event, SpeechUntranscribed) for event in with_text.events)


@pytest.mark.parametrize(("logprob", "text"), [(-4.0, ""), (-0.2, "uno due tre")])
def test_the_language_of_improbable_speech_is_doubted_although_it_has_no_text(logprob: float, text: str) -> None:
    script = script_of("uno due tre", word_s=0.8)
    script = replace(script, words=tuple(replace(word, logprob=logprob) for word in script.words))
    config = replace(
        LIVE, stability=replace(STABILITY, margin_s=5.0, deadline_s=9.0)
    )  # no word is final before the end
    run = ScriptedRun(script, config, only_language="en")
    run.feed_until(12.0)
    run.finish()
    assert run.text == text
    assert any(isinstance(event, LanguageDoubted) for event in run.events) == (not text)


@pytest.mark.parametrize(("logprob", "is_doubted"), [(-1.3, True), (-0.2, False)])
def test_the_language_of_much_speech_after_improbable_words_is_doubted(logprob: float, is_doubted: bool) -> None:
    words = tuple(ScriptedWord(word, 1.0 + at, 1.4 + at, logprob) for at, word in ((0.0, "uno"), (0.4, "due")))
    run = ScriptedRun(Script(words, ((1.0, 8.0),)), FAST, only_language="en")
    run.feed_until(10.0)
    run.finish()
    assert run.text == "uno due"
    assert any(isinstance(event, LanguageDoubted) for event in run.events) == is_doubted


def test_much_speech_after_the_last_word_is_reported() -> None:
    words = (ScriptedWord("so", 1.0, 1.4),)
    for speech_s, starts_s in ((6.0, [1.4]), (2.5, [])):
        run = ScriptedRun(Script(words, ((1.0, 1.0 + speech_s),)), FAST)
        run.feed_until(9.0)
        run.finish()
        reports = [event for event in run.events if isinstance(event, SpeechUntranscribed)]
        assert [report.start_s for report in reports] == pytest.approx(starts_s)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("rest_s", [6.0, 40.0])
def test_the_report_begins_after_the_last_word_however_long_ago(config: WindowedConfig, rest_s: float) -> None:
    run = ScriptedRun(Script((ScriptedWord("so", 11.0, 11.4),), ((11.0, 11.4 + rest_s),)), config)
    run.feed_until(14.0 + rest_s)
    run.finish()
    (report,) = (event for event in run.events if isinstance(event, SpeechUntranscribed))
    assert report.start_s == pytest.approx(11.4, abs=0.2)


def test_long_speech_without_words_is_reported_whole_and_its_language_doubted_after_a_pause() -> None:
    words = tuple(ScriptedWord("uno", 1.0 + at, 1.4 + at, -1.2) for at in (0.0, 0.4, 0.8, 1.2))
    run = ScriptedRun(Script(words, ((1.0, 2.6), (3.1, 15.1))), LIVE, only_language="en")
    run.feed_until(20.0)
    run.finish()
    (report,) = (event for event in run.events if isinstance(event, SpeechUntranscribed))
    assert report.start_s == pytest.approx(3.1, abs=0.1)
    assert any(isinstance(event, LanguageDoubted) for event in run.events)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("flush_s", [None, 2.28, 2.34, 2.4])
def test_a_doubtful_last_word_is_judged_with_the_words_before_it(config: WindowedConfig, flush_s: float | None) -> None:
    """Whether or not a pause has made them final."""
    words = (ScriptedWord("so", 1.0, 1.4), ScriptedWord("it", 1.4, 1.8), ScriptedWord("goes", 1.8, 2.2, -1.7))
    run = ScriptedRun(Script(words, ((1.0, 2.2),)), config)
    if flush_s is not None:
        run.feed_until(flush_s)
        run.flush()
    run.feed_until(6.0)
    run.finish()
    assert run.text == "so it goes"


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("speech_s", [0.6, 1.6])
def test_speech_without_text_gets_none_with_the_next_utterance(config: WindowedConfig, speech_s: float) -> None:
    mumbled = ScriptedWord("mumble", 5.6, 5.6 + speech_s, -3.0)
    spoken = (*(ScriptedWord(word, 0.5 + at, 0.9 + at) for at, word in enumerate(("one", "two", "three", "four"))),)
    later = tuple(ScriptedWord(word, 8.2 + 0.4 * at, 8.5 + 0.4 * at) for at, word in enumerate(("so", "there", "now")))
    script = Script((*spoken, mumbled, *later), ((0.5, 4.9), (5.6, 5.6 + speech_s), (8.2, 9.3)))
    run = ScriptedRun(script, config)
    for until_s in (5.4, 7.6, 11.0):
        run.feed_until(until_s)
        run.flush()
    run.finish()
    assert run.text == "one two three four so there now"
    words = [word for event in run.events if isinstance(event, SegmentEnded) for word in event.segment.words]
    assert all(word.start_s < word.end_s for word in words)
