"""Turn detection. In: the probability of speech in each 32 ms frame. Out: turn events. Knows no audio and no text.

The session measures the probabilities (audio/vad.py) where a dialect's `Configure` carries a `TurnConfig`, and tells
the dialect what comes out here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from voxtide.audio.vad import VAD_FRAME_S, GateConfig, SpeechChange, SpeechGate

_EAGER_FRAMES = 3
"""Frames in a row that make an end likely: 96 ms, as many as make a start; the gaps between words are shorter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnConfig:
    """When speech counts as begun and as ended, as a client chose it.

    Attributes:
        start_threshold: Speech probability from which on speech has begun, and goes on after a likely end.
        eager_end_threshold: Speech probability under which an end is likely.
        end_threshold: Speech probability under which the speaker is silent.
        min_silence_ms: Silence after which speech has ended.
        max_unsure_ms: So long under `eager_end_threshold`, silent or not, ends it too; None for never.
    """

    start_threshold: float = 0.5
    eager_end_threshold: float = 0.5
    end_threshold: float = 0.33
    min_silence_ms: int = 500
    max_unsure_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """Somebody began to speak at `audio_s`."""

    audio_s: float


@dataclass(frozen=True, slots=True)
class TurnEnding:
    """The speaker has probably finished, at `audio_s`. `TurnResumed` or `TurnEnded` follows."""

    audio_s: float


@dataclass(frozen=True, slots=True)
class TurnResumed:
    """The speaker goes on at `audio_s`."""

    audio_s: float


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The speaker has finished, at `audio_s`: after enough silence, or `is_timeout` after being unsure for too long."""

    audio_s: float
    is_timeout: bool = False


TurnEvent: TypeAlias = TurnStarted | TurnEnding | TurnResumed | TurnEnded


class TurnDetector:
    """One session's turns. `push` every frame's probability in order."""

    def __init__(self, config: TurnConfig, *, start_s: float = 0.0) -> None:
        """Begin with the frame that lies at `start_s` of the client's audio."""
        self._config = config
        self._start_s = start_s
        self._gate_config = GateConfig(
            on=config.start_threshold,
            off=config.end_threshold,
            min_silence_frames=max(1, _num_frames(config.min_silence_ms)),
        )
        self._gate = SpeechGate(self._gate_config)
        self._num_frames = 0
        self._num_low_frames = 0  # in a row under the eager threshold
        self._is_ending = False
        self._told_s = start_s

    @property
    def is_in_turn(self) -> bool:
        """Whether somebody speaks."""
        return self._gate.is_open

    def push(self, probabilities: Iterable[float]) -> list[TurnEvent]:
        """What the next frames change."""
        return [event for probability in probabilities for event in self._push(probability)]

    def _push(self, probability: float) -> list[TurnEvent]:
        self._num_frames += 1
        is_low = probability < self._config.eager_end_threshold
        self._num_low_frames = self._num_low_frames + 1 if is_low else 0
        change = self._gate.push(probability)
        if change is SpeechChange.STARTED:
            self._is_ending = False
            return [TurnStarted(self._before_s(self._gate.num_candidate_frames))]
        if change is SpeechChange.STOPPED:
            return self._end(self._before_s(self._gate.num_silent_frames), is_timeout=False)
        return self._within_turn(probability) if self._gate.is_open else []

    def _within_turn(self, probability: float) -> list[TurnEvent]:
        if self._is_ending and probability >= self._config.start_threshold:
            self._is_ending = False
            return [TurnResumed(self._before_s(1))]
        max_unsure_ms = self._config.max_unsure_ms
        if max_unsure_ms is not None and self._num_low_frames >= _num_frames(max_unsure_ms):
            self._gate = SpeechGate(self._gate_config)
            return self._end(self._before_s(self._num_low_frames), is_timeout=True)
        if not self._is_ending and self._num_low_frames >= _EAGER_FRAMES:
            self._is_ending = True
            return [TurnEnding(self._before_s(self._num_low_frames))]
        return []

    def _end(self, audio_s: float, *, is_timeout: bool) -> list[TurnEvent]:
        """A turn that ends has always been told to be ending."""
        ended = TurnEnded(audio_s, is_timeout)
        return [ended] if self._is_ending else [TurnEnding(audio_s), ended]

    def _before_s(self, num_frames: int) -> float:
        """When so many frames ago was; never before what was told last."""
        self._told_s = max(self._told_s, self._start_s + (self._num_frames - num_frames) * VAD_FRAME_S)
        return self._told_s


def _num_frames(duration_ms: int) -> int:
    return math.ceil(duration_ms / 1000 / VAD_FRAME_S)
