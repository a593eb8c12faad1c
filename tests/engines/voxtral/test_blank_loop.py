"""The blank loop: detected over speech without text, ended by a bias, and not detected in silence."""

from __future__ import annotations

import logging

import pytest

from voxtide.engines.voxtral.blank_loop import MAX_BIAS, MAX_FRAMES, MAX_SPEECH_FRAMES, BlankLoopDetector
from voxtide.voxtral.config import PAD


def bias_after(
    detector: BlankLoopDetector, num_frames: int, *, is_speech: bool | None, token: int = PAD, margin: float = 5.0
) -> float:
    for frame in range(num_frames):
        detector.update(frame, token, pad_margin=margin, is_speech=is_speech)
    return detector.pad_bias


def test_speech_without_text_gets_a_bias_that_grows_up_to_a_bound(caplog: pytest.LogCaptureFixture) -> None:
    detector = BlankLoopDetector()
    assert bias_after(detector, MAX_SPEECH_FRAMES, is_speech=True) == 0.0
    with caplog.at_level(logging.WARNING, "voxtide.engines"):
        found = [detector.update(75, PAD, pad_margin=5.0, is_speech=True)]
        biases = [detector.pad_bias]
        for frame in range(76, 105):
            found.append(detector.update(frame, PAD, pad_margin=5.0, is_speech=True))
            biases.append(detector.pad_bias)
    assert biases == sorted(biases, reverse=True)
    assert biases[0] < 0.0
    assert biases[-1] == -MAX_BIAS
    assert found == [True] + 29 * [False]
    assert len(caplog.records) == 1


def test_text_ends_the_bias() -> None:
    detector = BlankLoopDetector()
    bias_after(detector, 2 * MAX_SPEECH_FRAMES, is_speech=True)
    assert bias_after(detector, 1, is_speech=True, token=1000) == 0.0
    assert bias_after(detector, MAX_SPEECH_FRAMES, is_speech=True) == 0.0


def test_silence_gets_no_bias() -> None:
    assert bias_after(BlankLoopDetector(), 10 * MAX_FRAMES, is_speech=False) == 0.0


def test_without_vad_only_a_long_run_counts() -> None:
    detector = BlankLoopDetector()
    assert bias_after(detector, MAX_FRAMES, is_speech=None) == 0.0
    assert bias_after(detector, 1, is_speech=None) < 0.0


def test_without_vad_a_large_margin_counts_as_silence() -> None:
    assert bias_after(BlankLoopDetector(), 10 * MAX_FRAMES, is_speech=None, margin=8.6) == 0.0
