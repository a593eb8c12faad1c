"""Samples keep their positions through any appends and drops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.engines.windowed.window_model import AudioBuffer


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
