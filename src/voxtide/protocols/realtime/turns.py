"""Turn detection. In: the speech probability of each 32 ms frame. Out: turn events. Knows no audio and no text.

If a dialect's `Configure` has a `TurnConfig`, the session computes the probabilities (audio/vad.py) and passes the turn
events back to the dialect.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from voxtide.audio.vad import VAD_FRAME_S, GateConfig, SpeechChange, SpeechGate

_EAGER_FRAMES = 3
"""Consecutive low frames that make an end likely: 96 ms, as for a start. Gaps between words are shorter."""

MAX_SILENCE_MS = 60_000
"""Limit of the silences a client may set. Ending a turn a minute late is useless; a larger value is a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnConfig:
    """When a turn begins and ends, as the client configured it.

    Attributes:
        start_threshold: Speech probability at which a turn starts, or resumes after a likely end.
        eager_end_threshold: Speech probability below which an end is likely.
        end_threshold: Speech probability below which the speaker is silent.
        min_silence_ms: Silence that ends the turn.
        end_timeout_ms: Time below `eager_end_threshold` that also ends it, silent or not; None for no timeout.
    """

    start_threshold: float = 0.5
    eager_end_threshold: float = 0.5
    end_threshold: float = 0.33
    min_silence_ms: int = 500
    end_timeout_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """A speaker began at `audio_s`."""

    audio_s: float


@dataclass(frozen=True, slots=True)
class TurnEnding:
    """The speaker has probably finished at `audio_s`. `TurnResumed` or `TurnEnded` follows."""

    audio_s: float


@dataclass(frozen=True, slots=True)
class TurnResumed:
    """The speaker continues at `audio_s`."""

    audio_s: float


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The speaker finished at `audio_s`, by silence or, with `is_timeout`, by `end_timeout_ms`."""

    audio_s: float
    is_timeout: bool = False


TurnEvent: TypeAlias = TurnStarted | TurnEnding | TurnResumed | TurnEnded


class TurnDetector:
    """Detects one session's turns. `push` the probability of every frame in order."""

    def __init__(self, config: TurnConfig, *, start_s: float = 0.0) -> None:
        """Start with the frame at `start_s` of the client's audio."""
        self._config = config
        self._start_s = start_s
        self._gate_config = GateConfig(
            on=config.start_threshold,
            off=config.end_threshold,
            min_silence_frames=max(1, _num_frames(config.min_silence_ms)),
        )
        self._gate = SpeechGate(self._gate_config)
        self._num_frames = 0
        self._num_low_frames = 0  # consecutive frames below the eager threshold
        self._is_ending = False
        self._last_event_s = start_s

    @property
    def is_in_turn(self) -> bool:
        """Whether a turn is open."""
        return self._gate.is_open

    def push(self, probabilities: Iterable[float]) -> list[TurnEvent]:
        """The events of the next frames."""
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
        end_timeout_ms = self._config.end_timeout_ms
        if end_timeout_ms is not None and self._num_low_frames >= _num_frames(end_timeout_ms):
            self._gate = SpeechGate(self._gate_config)
            return self._end(self._before_s(self._num_low_frames), is_timeout=True)
        if not self._is_ending and self._num_low_frames >= _EAGER_FRAMES:
            self._is_ending = True
            return [TurnEnding(self._before_s(self._num_low_frames))]
        return []

    def _end(self, audio_s: float, *, is_timeout: bool) -> list[TurnEvent]:
        """Every `TurnEnded` follows a `TurnEnding`."""
        ended = TurnEnded(audio_s, is_timeout)
        return [ended] if self._is_ending else [TurnEnding(audio_s), ended]

    def _before_s(self, num_frames: int) -> float:
        """The time `num_frames` ago, but not before the last event."""
        self._last_event_s = max(self._last_event_s, self._start_s + (self._num_frames - num_frames) * VAD_FRAME_S)
        return self._last_event_s


def _num_frames(duration_ms: int) -> int:
    return math.ceil(duration_ms / 1000 / VAD_FRAME_S)
