"""The container's clock: silence for gaps, none for wrong timestamps, no audio dropped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.audio.media.clock import MAX_JUMP_S, MAX_SILENCE_S, ContainerClock, TimedSamples
from voxtide.types import Samples

RATE_HZ = 8_000


def piece(start_s: float | None, duration_s: float = 0.5) -> TimedSamples:
    return TimedSamples(RATE_HZ, np.ones(round(duration_s * RATE_HZ), np.float32), start_s)


def run(clock: ContainerClock, *pieces: TimedSamples) -> list[tuple[int, Samples]]:
    due = [out for piece in pieces for out in clock.add(piece)]
    return due + list(clock.finish())


def runs(clock: ContainerClock, *pieces: TimedSamples) -> list[tuple[str, float]]:
    """The output as audio and silence with their lengths in seconds."""
    found: list[tuple[str, float]] = []
    for rate_hz, samples in run(clock, *pieces):
        kind = "audio" if samples.any() else "silence"
        before_s = found.pop()[1] if found and found[-1][0] == kind else 0.0
        found.append((kind, before_s + samples.size / rate_hz))
    return [(kind, round(length_s, 3)) for kind, length_s in found]


def test_a_late_start_and_a_gap_are_silence() -> None:
    clock = ContainerClock(100.0)
    found = runs(clock, piece(104.0), piece(104.5), piece(111.0), piece(111.5))
    assert found == [("silence", 4.0), ("audio", 1.0), ("silence", 6.0), ("audio", 1.0)]
    assert clock.position_s == pytest.approx(12.0)
    assert clock.silence_s == pytest.approx(10.0)


def test_without_a_known_start_the_first_piece_starts_the_clock() -> None:
    assert runs(ContainerClock(None), piece(95_443.7), piece(95_444.2)) == [("audio", 1.0)]


def test_pieces_without_times_follow_each_other() -> None:
    assert runs(ContainerClock(0.0), piece(None), piece(None), piece(1.0)) == [("audio", 1.5)]


def test_jitter_is_left_alone() -> None:
    assert runs(ContainerClock(0.0), piece(0.04), piece(0.51), piece(1.09), piece(1.5)) == [("audio", 2.0)]


def test_drift_is_corrected_when_it_has_grown() -> None:
    found = runs(ContainerClock(0.0), *(piece(i * 0.51) for i in range(60)))
    assert sum(length_s for _, length_s in found) == pytest.approx(59 * 0.51 + 0.5, abs=0.1)


@pytest.mark.parametrize("wrong_s", [0.0, 3.0, 5_000.0, 1e12, -1e12])
def test_one_wrong_timestamp_changes_nothing(wrong_s: float) -> None:
    times_s = [100.0 + i / 2 for i in range(8)]
    times_s[4] = wrong_s
    assert runs(ContainerClock(100.0), *(piece(time_s) for time_s in times_s)) == [("audio", 4.0)]


def test_a_gap_before_the_last_piece_counts() -> None:
    assert runs(ContainerClock(0.0), piece(0.0), piece(3.0)) == [("audio", 0.5), ("silence", 2.5), ("audio", 0.5)]


def test_overlapping_pieces_shorten_the_next_gap() -> None:
    found = runs(ContainerClock(0.0), piece(0.0), piece(0.1), piece(2.0), piece(2.5))
    assert found == [("audio", 1.0), ("silence", 1.0), ("audio", 1.0)]


def test_a_clock_that_starts_again_is_followed() -> None:
    again = [piece(1_000.0 + i / 2) for i in range(4)] + [piece(i / 2) for i in range(4)] + [piece(5.0), piece(5.5)]
    assert runs(ContainerClock(1_000.0), *again) == [("audio", 4.0), ("silence", 3.0), ("audio", 1.0)]


def test_a_longer_gap_than_allowed_restarts_the_clock() -> None:
    clock = ContainerClock(0.0, max_gap_s=MAX_JUMP_S)
    found = runs(clock, piece(0.0), piece(5_000.0), piece(5_000.5), piece(5_003.0), piece(5_003.5))
    assert found == [("audio", 1.5), ("silence", 2.0), ("audio", 1.0)]


def test_all_gaps_together_are_bounded_and_take_no_memory() -> None:
    clock = ContainerClock(0.0)
    hours = [piece(3_600.0 * hour + part) for hour in range(30) for part in (0.0, 0.5)]
    longest = 0
    for due in hours:
        longest = max([longest, *(samples.size for _, samples in clock.add(due))])
    list(clock.finish())
    assert longest <= 16_000
    assert MAX_SILENCE_S - 3_600 < clock.silence_s <= MAX_SILENCE_S
    assert clock.position_s == pytest.approx(clock.silence_s + 30.0)


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=20))
def test_no_audio_is_dropped_whatever_the_times_are(times_s: list[float | None]) -> None:
    clock = ContainerClock(0.0, max_gap_s=MAX_JUMP_S)
    out = run(clock, *(piece(time_s) for time_s in times_s))
    num_samples = sum(samples.size for rate_hz, samples in out if rate_hz == RATE_HZ)
    assert num_samples == sum(piece(time_s).samples.size for time_s in times_s)
    assert clock.silence_s <= MAX_JUMP_S * len(times_s)
    assert clock.position_s == pytest.approx(sum(samples.size / rate_hz for rate_hz, samples in out))
