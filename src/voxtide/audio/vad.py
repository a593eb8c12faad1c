"""Voice activity detection. In: 16 kHz samples. Out: speech probability per 32 ms frame; starts and stops of speech.

Knows no text. The network is Silero VAD in its sequence form: its results do not depend, bit for bit, on the number of
frames per call.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voxtide.models.onnx_session import OnnxSession, load_onnx
from voxtide.models.store import ModelStore, Progress
from voxtide.types import SAMPLE_RATE_HZ, Samples

VAD_MODEL, VAD_FILE = "silero-vad", "silero_vad_16k_sequence.onnx"
"""The model's name in the manifest, and its file."""

VAD_FRAME_SAMPLES = 512
"""Silero's frame at 16 kHz: 32 ms."""
CONTEXT_SAMPLES = 64
"""Samples of the previous frame that the network needs."""
VAD_FRAME_S = VAD_FRAME_SAMPLES / SAMPLE_RATE_HZ
_STATE_SHAPE = (1, 1, 128)


class VadModel:
    """The network, shared by all streams. Thread-safe."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session

    @classmethod
    def load(cls, path: Path) -> VadModel:
        """Load the network. Raises: ModelCorruptError: The file cannot be loaded."""
        return cls(load_onnx(path, name=str(path)))

    @classmethod
    def from_store(cls, store: ModelStore, progress: Progress | None = None) -> VadModel:
        """Load from a store, pulling the model first if missing. Raises: ModelError: It cannot be pulled or loaded."""
        return cls.load(store.ensure(VAD_MODEL, progress) / VAD_FILE)

    def run(
        self, frames: NDArray[np.float32], hidden: NDArray[np.float32], cell: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Frames [k, 64 + 512] and the state -> probabilities [k] and the new state."""
        probabilities, hidden, cell = self._session.run(None, {"input": frames, "h": hidden, "c": cell})
        return probabilities, hidden, cell


class VadMeter:
    """The speech probability of one stream, frame by frame."""

    def __init__(self, model: VadModel) -> None:
        self._model = model
        self._hidden = self._cell = np.zeros(_STATE_SHAPE, np.float32)
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)

    def probabilities(self, samples: Samples) -> list[float]:
        """Speech probability of each frame of `samples`; their length is a multiple of `VAD_FRAME_SAMPLES`."""
        frames = samples.reshape(-1, VAD_FRAME_SAMPLES)
        contexts = np.concatenate([self._context[None], frames[:-1, -CONTEXT_SAMPLES:]])
        self._context = frames[-1, -CONTEXT_SAMPLES:].copy()
        inputs = np.concatenate([contexts, frames], axis=1)
        probabilities, self._hidden, self._cell = self._model.run(inputs, self._hidden, self._cell)
        return [float(p) for p in probabilities]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateConfig:
    """Thresholds of the speech gate.

    Attributes:
        on: A frame at or above this may start speech (Silero's default).
        off: A frame below this is silent; between the two nothing changes.
        min_speech_frames: Frames at or above `on`, without a silent one between them, that start speech: 96 ms, so that
            clicks do not.
        min_silence_frames: Consecutive silent frames that end speech.
    """

    on: float = 0.5
    off: float = 0.35
    min_speech_frames: int = 3
    min_silence_frames: int = 12


class SpeechChange(Enum):
    """A frame's effect on the speech state."""

    NONE = auto()
    STARTED = auto()
    STOPPED = auto()


class SpeechGate:
    """Hysteresis over probabilities: detects starts and stops of speech. Counts frames, knows no time."""

    def __init__(self, config: GateConfig) -> None:
        self._config = config
        self.is_open = False
        self.num_silent_frames = 0
        """Consecutive silent frames up to now."""
        self.num_candidate_frames = 0
        """While closed: frames since the first one that may start speech; 0 if none."""
        self._num_voiced_frames = 0

    @property
    def is_starting(self) -> bool:
        """Whether the gate is closed and the next voiced frame may open it."""
        return not self.is_open and self._num_voiced_frames >= max(1, self._config.min_speech_frames - 1)

    def is_speech(self, probability: float) -> bool:
        """Whether a frame of this probability may start speech."""
        return probability >= self._config.on

    def push(self, probability: float) -> SpeechChange:
        """Add the next frame's probability."""
        is_silent = probability < self._config.off
        self.num_silent_frames = self.num_silent_frames + 1 if is_silent else 0
        return self._push_open() if self.is_open else self._push_closed(probability, is_silent=is_silent)

    def _push_open(self) -> SpeechChange:
        if self.num_silent_frames < self._config.min_silence_frames:
            return SpeechChange.NONE
        self.is_open = False
        self.num_candidate_frames = 0  # what started this speech
        return SpeechChange.STOPPED

    def _push_closed(self, probability: float, *, is_silent: bool) -> SpeechChange:
        if is_silent:
            self.num_candidate_frames = self._num_voiced_frames = 0
            return SpeechChange.NONE
        is_voiced = self.is_speech(probability)
        if is_voiced or self.num_candidate_frames:
            self.num_candidate_frames += 1
        self._num_voiced_frames += is_voiced
        if self._num_voiced_frames < self._config.min_speech_frames:
            return SpeechChange.NONE
        self.is_open = True
        self._num_voiced_frames = 0
        return SpeechChange.STARTED
