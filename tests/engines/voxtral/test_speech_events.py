"""Where a stream's speech starts and stops, for any chunking; real speech if the VAD model is pulled."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.pulled_models import model_directory, recording
from voxtide.audio.vad import VAD_FILE, VAD_FRAME_SAMPLES, VAD_MODEL, VadMeter, VadModel
from voxtide.engines.voxtral.speech_events import SpeechEventDetector
from voxtide.transcript.events import SpeechStarted, SpeechStopped, TranscriptEvent
from voxtide.types import Samples


class LoudMeter:
    """Takes loud audio for speech."""

    def probabilities(self, samples: Samples) -> list[float]:
        return [float(np.abs(frame).max() > 0.1) for frame in samples.reshape(-1, VAD_FRAME_SAMPLES)]


def detected(detector: SpeechEventDetector, samples: Samples, step: int) -> list[TranscriptEvent]:
    events = []
    for start in range(0, len(samples), step):
        detector.feed(samples[start : start + step])
        events += detector.detect(start + step)
    return events


@pytest.mark.parametrize("step", [100, 1280, 16_000])
def test_speech_is_where_it_is_loud(step: int) -> None:
    samples = np.zeros(60 * VAD_FRAME_SAMPLES, np.float32)
    samples[10 * VAD_FRAME_SAMPLES : 30 * VAD_FRAME_SAMPLES] = 0.5
    detector = SpeechEventDetector(LoudMeter())  # type: ignore[arg-type]  # it has all that is called
    assert detected(detector, samples, step) == [SpeechStarted(10 * 0.032), SpeechStopped(30 * 0.032)]
    assert not detector.is_speech


def test_it_measures_no_further_than_the_given_position() -> None:
    detector = SpeechEventDetector(LoudMeter())  # type: ignore[arg-type]  # it has all that is called
    detector.feed(np.full(100 * VAD_FRAME_SAMPLES, 0.5, np.float32))
    assert detector.detect(2 * VAD_FRAME_SAMPLES) == []
    assert detector.detect(3 * VAD_FRAME_SAMPLES) == [SpeechStarted(0.0)]


def test_real_speech_starts_and_stops() -> None:
    model = VadModel.load(model_directory(VAD_MODEL) / VAD_FILE)
    events = detected(SpeechEventDetector(VadMeter(model)), recording("beckett.wav"), 1280)
    assert [type(event) for event in events[:4]] == [SpeechStarted, SpeechStopped] * 2
    assert all(earlier.audio_s < later.audio_s for earlier, later in zip(events, events[1:], strict=False))
