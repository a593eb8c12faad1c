"""Flushes in mid-word, on real speech: what the model makes of a cut word must not corrupt the text after it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np
import pytest

from tests.support.pulled_models import between, model_directory, recording
from voxtide.audio.vad import VAD_FILE, VAD_FRAME_SAMPLES, VAD_MODEL, GateConfig, SpeechGate, VadMeter, VadModel
from voxtide.engines.moonshine.engine import MoonshineWindows
from voxtide.engines.moonshine.model import MoonshineModel
from voxtide.engines.windowed.config import LIVE
from voxtide.engines.windowed.recogniser import WindowedRecogniser
from voxtide.transcript.events import Flushed, SegmentEnded, TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions

LENGTH_S = 14.0

# Flush positions in samples. Both failed once: the first ended in "The. The. The.", the second sent a full stop late.
PLANS = (
    (694, 4615, 59530, 86933, 122572, 153686, 168931, 183704, 214394, 220554),
    (14371, 33526, 33564, 50178, 75914, 98951, 132712, 169124, 190525, 198722),
)


def vad_meter() -> VadMeter:
    return VadMeter(VadModel.load(model_directory(VAD_MODEL) / VAD_FILE))


def new_recogniser() -> WindowedRecogniser:
    windows = MoonshineWindows(MoonshineModel.load(model_directory("moonshine-tiny-en")))
    return WindowedRecogniser(windows, vad_meter(), LIVE, GateConfig(), StreamOptions())


def steps(recogniser: WindowedRecogniser) -> Iterator[TranscriptEvent]:
    while (events := recogniser.step(is_behind=False)) is not None:
        yield from events


def transcribed(plan: tuple[int, ...]) -> Iterator[TranscriptEvent]:
    recogniser = new_recogniser()
    samples = between(recording("two_cities.wav"), 0.0, LENGTH_S)
    for number, (start, end) in enumerate(zip((0, *plan), (*plan, len(samples)), strict=True), start=1):
        recogniser.feed(samples[start:end])
        recogniser.flush(number)
        yield from steps(recogniser)


@pytest.mark.parametrize("plan", PLANS)
def test_a_cut_word_does_not_corrupt_the_text_after_it(plan: tuple[int, ...]) -> None:
    segments = [event.segment for event in transcribed(plan) if isinstance(event, SegmentEnded)]
    words = [word.text.strip(".,").lower() for segment in segments for word in segment.words]
    assert max(len(list(group)) for _, group in groupby(words)) <= 2
    assert all(segment.text[0].isalnum() and segment.words for segment in segments)
    assert segments[-1].end_s == pytest.approx(LENGTH_S, abs=0.1)
    assert {"best", "age", "wisdom", "belief"} <= set(words)


def soon_after_speech(samples: Samples) -> int:
    """The position after speech and a quarter of a second of silence, which is too short to end it."""
    gate, was_open = SpeechGate(GateConfig()), False
    for number, probability in enumerate(vad_meter().probabilities(samples), start=1):
        gate.push(probability)
        was_open |= gate.is_open
        if was_open and gate.num_silent_frames == 8:
            assert gate.is_open
            return number * VAD_FRAME_SAMPLES
    raise AssertionError("the speech does not stop")


def test_a_flush_soon_after_speech_needs_no_model_run(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.concatenate([recording("goforward.wav"), np.zeros(SAMPLE_RATE_HZ, np.float32)])
    samples = samples[: len(samples) // VAD_FRAME_SAMPLES * VAD_FRAME_SAMPLES]
    recogniser = new_recogniser()
    recogniser.feed(samples[: soon_after_speech(samples)])
    list(steps(recogniser))
    monkeypatch.setattr(MoonshineModel, "transcribe", None)  # from now on
    recogniser.flush(1)
    flushed = list(steps(recogniser))[-1]
    assert isinstance(flushed, Flushed)
    assert flushed.text.startswith("Go forward")
