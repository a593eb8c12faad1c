"""Turns from speech probabilities. A frame is 32 ms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.protocols.realtime.turns import (
    TurnConfig,
    TurnDetector,
    TurnEnded,
    TurnEnding,
    TurnEvent,
    TurnResumed,
    TurnStarted,
)

FRAME_S = 0.032
SPEECH, UNSURE, SILENCE = 0.9, 0.4, 0.1


def turns(frames: list[float], config: TurnConfig | None = None, *, start_s: float = 0.0) -> list[TurnEvent]:
    return TurnDetector(config or TurnConfig(), start_s=start_s).push(frames)


def at(num_frames: int) -> float:
    return pytest.approx(num_frames * FRAME_S)


def test_a_turn_spans_its_voiced_frames() -> None:
    started, ending, ended = turns([SILENCE] * 10 + [SPEECH] * 20 + [SILENCE] * 16)
    assert (started, ending, ended) == (TurnStarted(at(10)), TurnEnding(at(30)), TurnEnded(at(30)))


def test_silence_must_last() -> None:
    assert TurnEnded not in map(type, turns([SPEECH] * 5 + [SILENCE] * 15))
    assert TurnEnded in map(type, turns([SPEECH] * 5 + [SILENCE] * 16))  # 512 ms
    assert TurnEnded in map(type, turns([SPEECH] * 5 + [SILENCE], TurnConfig(min_silence_ms=0)))


def test_a_click_is_no_turn() -> None:
    assert turns([SILENCE, SPEECH, SPEECH, SILENCE] * 5) == []


def test_a_likely_end_is_withdrawn_when_speech_resumes() -> None:
    events = turns([SPEECH] * 5 + [SILENCE] * 6 + [SPEECH] * 5 + [SILENCE] * 16)
    assert events == [TurnStarted(0.0), TurnEnding(at(5)), TurnResumed(at(11)), TurnEnding(at(16)), TurnEnded(at(16))]


def test_the_gap_between_two_words_is_no_likely_end() -> None:
    assert turns([SPEECH] * 5 + [SILENCE] * 2 + [SPEECH] * 5) == [TurnStarted(0.0)]


def test_unsure_speech_ends_a_turn_only_by_timeout() -> None:
    frames = [SPEECH] * 5 + [UNSURE] * 100
    assert turns(frames) == [TurnStarted(0.0), TurnEnding(at(5))]
    config = TurnConfig(end_timeout_ms=1_000)
    assert turns(frames, config) == [TurnStarted(0.0), TurnEnding(at(5)), TurnEnded(at(5), is_timeout=True)]
    again = turns(frames + [SPEECH] * 3, config)
    assert again[-1] == TurnStarted(at(105))


def test_a_likely_end_always_precedes_the_end() -> None:
    config = TurnConfig(min_silence_ms=32)
    assert turns([SPEECH] * 5 + [SILENCE], config) == [TurnStarted(0.0), TurnEnding(at(5)), TurnEnded(at(5))]


def test_times_start_at_the_detectors_start() -> None:
    assert turns([SPEECH] * 3, start_s=60.0) == [TurnStarted(60.0)]


def test_is_in_turn() -> None:
    detector = TurnDetector(TurnConfig())
    assert not detector.is_in_turn
    detector.push([SPEECH] * 3)
    assert detector.is_in_turn
    detector.push([SILENCE] * 16)
    assert not detector.is_in_turn


FOLLOWS: dict[type[TurnEvent] | None, set[type[TurnEvent]]] = {
    None: {TurnStarted},
    TurnStarted: {TurnEnding},
    TurnEnding: {TurnResumed, TurnEnded},
    TurnResumed: {TurnEnding},
    TurnEnded: {TurnStarted},
}
"""The valid successors of each event."""


@given(
    frames=st.lists(st.sampled_from([0.0, 0.2, 0.33, 0.4, 0.5, 0.7, 1.0]), max_size=300),
    num_silence_ms=st.integers(0, 400),
    end_timeout_ms=st.none() | st.integers(0, 500),
    cut=st.integers(0, 300),
)
def test_turns_alternate_and_times_increase(
    frames: list[float], num_silence_ms: int, end_timeout_ms: int | None, cut: int
) -> None:
    config = TurnConfig(start_threshold=0.6, min_silence_ms=num_silence_ms, end_timeout_ms=end_timeout_ms)
    events = turns(frames, config)
    kinds = [None, *map(type, events)]
    assert all(after in FOLLOWS[before] for before, after in zip(kinds, kinds[1:], strict=False))
    times_s = [event.audio_s for event in events]
    assert times_s == sorted(times_s)
    pieces = TurnDetector(config)
    assert pieces.push(frames[:cut]) + pieces.push(frames[cut:]) == events
