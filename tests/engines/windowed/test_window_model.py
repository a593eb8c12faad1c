"""Samples keep their positions through any appends and drops, and lose a constant offset."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.audio.vad import VAD_FRAME_SAMPLES
from voxtide.engines.windowed.window_model import MIN_OFFSET, AudioBuffer, OffsetFilter
from voxtide.types import SAMPLE_RATE_HZ, Samples


@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=20))
def test_samples_keep_their_positions(steps: list[tuple[bool, int]]) -> None:
    """Each sample's value is its position."""
    audio, num_fed = AudioBuffer(), 0
    for is_drop, number in steps:
        if is_drop:
            expected = max(audio.start, min(number, num_fed))
            audio.drop_before(number)
            assert audio.start == expected
        else:
            audio.append(np.arange(num_fed, num_fed + number, dtype=np.float32))
            num_fed += number
        assert audio.end == num_fed
        assert audio.between(audio.start, audio.end).tolist() == list(range(audio.start, num_fed))


def test_only_held_samples_can_be_read() -> None:
    audio = AudioBuffer()
    audio.append(np.zeros(10, np.float32))
    audio.drop_before(4)
    assert len(audio.between(4, 10)) == 6
    assert len(audio.between(7, 7)) == 0
    for start, end in ((3, 10), (4, 11), (8, 7)):
        with pytest.raises(AssertionError):
            audio.between(start, end)


def speech_like(seed: int, num_samples: int) -> Samples:
    """Noise whose mean over each frame is 0."""
    samples = np.random.default_rng(seed).uniform(-0.3, 0.3, num_samples).astype(np.float32)
    for start in range(0, num_samples, VAD_FRAME_SAMPLES):
        samples[start : start + VAD_FRAME_SAMPLES] -= samples[start : start + VAD_FRAME_SAMPLES].mean()
    return samples


@given(offset=st.floats(-0.5, 0.5).filter(lambda offset: abs(offset) > 1.5 * MIN_OFFSET))
def test_an_offset_is_gone_after_one_frame(offset: float) -> None:
    samples = speech_like(0, 4 * VAD_FRAME_SAMPLES)
    shifted = OffsetFilter().apply(samples + np.float32(offset))
    assert shifted[VAD_FRAME_SAMPLES:] == pytest.approx(samples[VAD_FRAME_SAMPLES:], abs=1e-4)


def test_an_offset_that_comes_later_is_gone_within_seconds() -> None:
    samples = speech_like(1, 200 * VAD_FRAME_SAMPLES)
    samples[40 * VAD_FRAME_SAMPLES :] += 0.1
    assert abs(OffsetFilter().apply(samples)[-VAD_FRAME_SAMPLES:].mean()) < MIN_OFFSET


def test_samples_without_an_offset_stay_as_they_are() -> None:
    samples = speech_like(2, 10_000) + np.float32(0.9 * MIN_OFFSET)
    assert (OffsetFilter().apply(samples) == samples).all()


@given(cuts=st.lists(st.integers(0, 5000), max_size=8))
def test_the_result_is_independent_of_how_samples_are_cut(cuts: list[int]) -> None:
    samples = speech_like(3, 5000) + np.float32(0.1)
    whole, offset_filter = OffsetFilter().apply(samples), OffsetFilter()
    edges = [0, *sorted(cuts), len(samples)]
    parts = [offset_filter.apply(samples[a:b]) for a, b in zip(edges, edges[1:], strict=False)]
    assert (np.concatenate(parts) == whole).all()


def test_one_broken_sample_shifts_no_others() -> None:
    samples = speech_like(4, 3 * VAD_FRAME_SAMPLES)
    samples[100] = 1e30
    assert (OffsetFilter().apply(samples)[VAD_FRAME_SAMPLES:] == samples[VAD_FRAME_SAMPLES:]).all()


def test_no_samples_stay_no_samples() -> None:
    assert len(OffsetFilter().apply(np.zeros(0, np.float32))) == 0


def test_loud_rumble_is_shifted_and_soft_rumble_is_not() -> None:
    """At 1 Hz, slower than the running mean. What lies below the limit stays as it is, sample by sample."""
    time_s = np.arange(5 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    rumble = np.sin(2 * np.pi * time_s).astype(np.float32)
    soft, loud = MIN_OFFSET * rumble, 30 * MIN_OFFSET * rumble
    assert (OffsetFilter().apply(soft) == soft).all()
    shift = OffsetFilter().apply(loud) - loud
    assert np.abs(shift).max() >= MIN_OFFSET
    assert (shift == 0.0).any()
