"""Samples on the model's grid, in any chunks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.types import Samples
from voxtide.voxtral.config import NUM_LEFT_PAD_TOKENS, NUM_PREFIX_TOKENS, SAMPLES_PER_TOKEN
from voxtide.voxtral.framing import LOOK_BACK_SAMPLES, Framer, window_samples


def counted(num_samples: int) -> Samples:
    return np.arange(1, num_samples + 1, dtype=np.float32)


def num_ready_after(num_samples: int) -> int:
    framer = Framer()
    framer.push(counted(num_samples))
    return framer.num_ready


def test_the_look_ahead_is_forty_samples() -> None:
    assert [num_ready_after(n) for n in (0, 39, 40, 1319, 1320)] == [0, 0, 1, 1, 2]


def test_the_first_token_at_480_ms_needs_9000_samples() -> None:
    num_prompt_tokens = NUM_LEFT_PAD_TOKENS + 6 + 1 - NUM_PREFIX_TOKENS
    assert num_ready_after(8999) == num_prompt_tokens - 1
    assert num_ready_after(9000) == num_prompt_tokens


@given(st.lists(st.integers(0, 4000), max_size=12), st.integers(1, 3))
def test_windows_depend_on_the_audio_only(sizes: list[int], at_once: int) -> None:
    audio = counted(sum(sizes))
    padded = np.concatenate((np.zeros(SAMPLES_PER_TOKEN + LOOK_BACK_SAMPLES, np.float32), audio))
    framer, start, token = Framer(), 0, 0
    for size in sizes:
        framer.push(audio[start : start + size])
        start += size
        while framer.num_ready:
            num_tokens = min(at_once, framer.num_ready)
            begin = token * SAMPLES_PER_TOKEN
            expected = padded[begin : begin + window_samples(num_tokens)]
            assert np.array_equal(framer.take(num_tokens), expected)
            token += num_tokens
    assert token == num_ready_after(len(audio))


@pytest.mark.parametrize("num_samples", [0, 1, 39, 40, 1279, 1280, 1281, 2000])
def test_silence_completes_the_token_that_was_begun(num_samples: int) -> None:
    framer = Framer()
    framer.push(counted(num_samples))
    framer.push_silence(3)
    assert framer.num_ready == 1 + -(-num_samples // SAMPLES_PER_TOKEN) + 3
    window = framer.take(framer.num_ready)
    assert np.count_nonzero(window) == num_samples


def test_a_fork_leaves_the_original_as_it_was() -> None:
    framer = Framer()
    framer.push(counted(100))
    fork = framer.fork()
    fork.push_silence(5)
    fork.take(6)
    framer.push(counted(1220))
    assert framer.num_ready == 2
    assert np.count_nonzero(framer.take(2)) == 1320


@pytest.mark.parametrize("num_tokens", [0, 2])
def test_tokens_that_are_not_ready_are_refused(num_tokens: int) -> None:
    framer = Framer()
    framer.push(counted(40))
    with pytest.raises(ValueError, match=f"asked for {num_tokens} tokens, 1 are ready"):
        framer.take(num_tokens)
