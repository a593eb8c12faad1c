"""Detects where a stream's speech starts and stops. In: its samples, and an end position. Out: speech events.

The VAD advances with the decoder, so that its events are in the same place for any chunking of the audio.
"""

from __future__ import annotations

import numpy as np

from voxtide.audio.vad import VAD_FRAME_S, VAD_FRAME_SAMPLES, GateConfig, SpeechChange, SpeechGate, VadMeter
from voxtide.transcript.events import SpeechStarted, SpeechStopped, TranscriptEvent
from voxtide.types import Samples


class SpeechEventDetector:
    """One stream's VAD."""

    def __init__(self, meter: VadMeter) -> None:
        self._meter = meter
        self._gate = SpeechGate(GateConfig())
        self._samples: Samples = np.zeros(0, np.float32)  # fed and not measured: bounded by the decoder's backlog
        self._num_frames = 0

    @property
    def is_speech(self) -> bool:
        """Whether the last measured frame is in speech."""
        return self._gate.is_open

    def feed(self, samples: Samples) -> None:
        """Buffer audio for `detect`."""
        self._samples = np.concatenate((self._samples, samples))

    def detect(self, until_sample: int) -> list[TranscriptEvent]:
        """Measure all whole frames up to a position in the audio."""
        num_frames = min(until_sample // VAD_FRAME_SAMPLES - self._num_frames, len(self._samples) // VAD_FRAME_SAMPLES)
        if num_frames < 1:
            return []
        samples, self._samples = np.split(self._samples, [num_frames * VAD_FRAME_SAMPLES])
        events: list[TranscriptEvent] = []
        for probability in self._meter.probabilities(samples):
            change = self._gate.push(probability)
            self._num_frames += 1
            if change is SpeechChange.STARTED:
                events.append(SpeechStarted((self._num_frames - self._gate.num_candidate_frames) * VAD_FRAME_S))
            elif change is SpeechChange.STOPPED:
                events.append(SpeechStopped((self._num_frames - self._gate.num_silent_frames) * VAD_FRAME_S))
        return events
