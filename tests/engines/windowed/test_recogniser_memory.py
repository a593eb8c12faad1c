"""However long the audio, a recogniser holds little of it."""

from __future__ import annotations

import pytest

from tests.support.scripted_windows import MAX_WINDOW_SAMPLES, Script, ScriptedRun, ScriptedWord, script_of
from tests.support.windowed_configs import CONFIGS
from voxtide.audio.vad import VAD_FRAME_S
from voxtide.engines.windowed.config import WindowedConfig
from voxtide.engines.windowed.window import WORDLESS_S
from voxtide.types import SAMPLE_RATE_HZ


def most_held_s(script: Script, config: WindowedConfig, length_s: int) -> float:
    """The most audio held after any chunk of 0.5 s."""
    run = ScriptedRun(script, config)
    held_s = 0.0
    for half_seconds in range(1, 2 * length_s + 1):
        run.feed_until(half_seconds / 2)
        held_s = max(held_s, run.held_s)
    run.finish()
    assert run.text == script.text
    return held_s


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_ten_minutes_of_silence_are_not_held(config: WindowedConfig) -> None:
    assert most_held_s(Script((), ()), config, 600) <= config.preroll_s + VAD_FRAME_S
    after_speech = script_of("so it goes")
    assert most_held_s(after_speech, config, 600) <= config.max_pause_s + config.min_speech_s + 3.0


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_ten_minutes_of_speech_are_not_held(config: WindowedConfig) -> None:
    script = script_of(" ".join(f"word{number}" for number in range(1490)))
    decision_s = config.update_frames * config.updates_per_decision * VAD_FRAME_S
    assert most_held_s(script, config, 600) <= config.max_window_s + decision_s + 2.0


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("num_words", [0, 20])
def test_speech_without_words_is_not_held(config: WindowedConfig, num_words: int) -> None:
    """The window must not grow with singing without words, at the beginning or after speech."""
    words = script_of(" ".join(f"word{number}" for number in range(num_words))).words
    decision_s = config.update_frames * config.updates_per_decision * VAD_FRAME_S
    assert most_held_s(Script(words, ((1.0, 290.0),)), config, 300) <= WORDLESS_S + decision_s + 1.0


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("before", ["", "so it goes"])
def test_a_word_that_never_ends_is_not_held(config: WindowedConfig, before: str) -> None:
    """The window is not cut inside a word: the model gets only the last part of it."""
    words = script_of(before).words
    endless = ScriptedWord("aah", words[-1].end_s if words else 1.0, 1000.0)
    run = ScriptedRun(Script((*words, endless), ((1.0, 120.0),)), config)
    decision_s = config.update_frames * config.updates_per_decision * VAD_FRAME_S
    for seconds in range(1, 121):
        run.feed_until(seconds)
        assert run.held_s <= MAX_WINDOW_SAMPLES / SAMPLE_RATE_HZ + decision_s + 1.0
    run.finish()
    assert max(end - start for start, end in run.windows.calls) == MAX_WINDOW_SAMPLES
