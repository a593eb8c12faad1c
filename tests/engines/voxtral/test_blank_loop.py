"""The rut of blanks: found where people speak and nothing is said, pushed, and let be where it is quiet."""

from __future__ import annotations

import logging

import pytest

from voxtide.engines.voxtral.blank_loop import MAX_FRAMES, MAX_PUSH, MAX_SPEECH_FRAMES, BlankLoopDetector
from voxtide.voxtral.config import PAD


def pushed(
    guard: BlankLoopDetector, num_frames: int, *, is_speech: bool | None, token: int = PAD, margin: float = 5.0
) -> float:
    for frame in range(num_frames):
        guard.push(frame, token, pad_margin=margin, is_speech=is_speech)
    return guard.pad_bias


def test_speech_without_text_is_pushed_harder_and_harder_up_to_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    guard = BlankLoopDetector()
    assert pushed(guard, MAX_SPEECH_FRAMES, is_speech=True) == 0.0
    with caplog.at_level(logging.WARNING, "voxtide.engines"):
        found = [guard.push(75, PAD, pad_margin=5.0, is_speech=True)]
        biases = [guard.pad_bias]
        for frame in range(76, 105):
            found.append(guard.push(frame, PAD, pad_margin=5.0, is_speech=True))
            biases.append(guard.pad_bias)
    assert biases == sorted(biases, reverse=True)
    assert biases[0] < 0.0
    assert biases[-1] == -MAX_PUSH
    assert found == [True] + 29 * [False]
    assert len(caplog.records) == 1


def test_the_first_text_ends_the_push() -> None:
    guard = BlankLoopDetector()
    pushed(guard, 2 * MAX_SPEECH_FRAMES, is_speech=True)
    assert pushed(guard, 1, is_speech=True, token=1000) == 0.0
    assert pushed(guard, MAX_SPEECH_FRAMES, is_speech=True) == 0.0


def test_silence_is_never_pushed() -> None:
    assert pushed(BlankLoopDetector(), 10 * MAX_FRAMES, is_speech=False) == 0.0


def test_where_nobody_hears_speech_only_a_long_run_counts() -> None:
    guard = BlankLoopDetector()
    assert pushed(guard, MAX_FRAMES, is_speech=None) == 0.0
    assert pushed(guard, 1, is_speech=None) < 0.0


def test_where_nobody_hears_speech_a_model_that_is_sure_of_silence_is_believed() -> None:
    assert pushed(BlankLoopDetector(), 10 * MAX_FRAMES, is_speech=None, margin=8.6) == 0.0
