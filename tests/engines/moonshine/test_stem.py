"""Cached raw frames are bit-identical for any chunking and any earlier windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.pulled_models import between, model_directory, recording
from voxtide.engines.moonshine.graph import build_stem
from voxtide.engines.moonshine.stem import (
    BLOCK_SAMPLES,
    GRID_SAMPLES,
    REACH_SAMPLES,
    StemCache,
    StemWindow,
)
from voxtide.engines.moonshine.weights import read_weights
from voxtide.engines.windowed.window_model import AudioBuffer
from voxtide.models.onnx_session import OnnxSession, load_onnx
from voxtide.types import Samples

SPEECH = between(recording("two_cities.wav"), 1.0, 4.0)
NUM_GRID = len(SPEECH) // GRID_SAMPLES


class CountingSession:
    """The stem; records the number of samples of each run."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session
        self.num_samples: list[int] = []

    def run(self, output_names: list[str] | None, feeds: dict[str, Samples]) -> list[Samples]:
        self.num_samples.append(feeds["audio"].shape[1])
        return self._session.run(output_names, feeds)


@pytest.fixture(scope="module")
def session() -> OnnxSession:
    encoder = read_weights(model_directory("moonshine-tiny-en") / "encoder_model.ort")
    return load_onnx(build_stem(encoder), name="stem")


def cache_over(session: OnnxSession, samples: Samples) -> StemCache:
    audio = AudioBuffer()
    audio.append(samples)
    return StemCache(session, audio)


def parts_of(window: StemWindow) -> list[bytes]:
    return [part.tobytes() for part in (window.raw_frames, window.mean, window.gain)]


def test_frames_do_not_depend_on_earlier_calls(session: OnnxSession) -> None:
    """After any chunks and any earlier windows, the last window equals a fresh cache's, bit for bit."""

    @settings(max_examples=12, deadline=None)
    @given(
        cuts=st.lists(st.integers(REACH_SAMPLES, len(SPEECH)), max_size=6),
        start=st.integers(0, NUM_GRID // 2).map(lambda grid: grid * GRID_SAMPLES),
        length=st.integers(REACH_SAMPLES, len(SPEECH) // 2),
    )
    def check(cuts: list[int], start: int, length: int) -> None:
        audio = AudioBuffer()
        cache = StemCache(session, audio)
        for cut in sorted(cuts):
            audio.append(SPEECH[audio.end : cut])
            cache.window(max(0, cut - REACH_SAMPLES - 5 * BLOCK_SAMPLES) // GRID_SAMPLES * GRID_SAMPLES, cut)
        audio.append(SPEECH[audio.end :])
        fresh = cache_over(session, SPEECH).window(start, start + length)
        assert parts_of(cache.window(start, start + length)) == parts_of(fresh)

    check()


@pytest.mark.parametrize(
    "start", [0, BLOCK_SAMPLES, BLOCK_SAMPLES + 5 * GRID_SAMPLES, 2 * BLOCK_SAMPLES - GRID_SAMPLES]
)
def test_blocks_are_close_to_one_run_over_the_window(session: OnnxSession, start: int) -> None:
    """A window may begin inside a block. Another order of summation changes values up to 20 by up to 1e-4."""
    end = start + 40_000
    window = cache_over(session, SPEECH).window(start, end)
    raw_frames, sums, square_sums = session.run(
        ["raw_frames", "sums", "square_sums"], {"audio": SPEECH[start:end][None]}
    )
    assert window.raw_frames.shape == raw_frames.shape
    np.testing.assert_allclose(window.raw_frames, raw_frames, atol=1e-4)
    count = len(sums) * raw_frames.shape[0] // 2
    mean = sums.sum() / count
    deviation = np.sqrt(square_sums.sum() / count - mean**2)
    # The cache leaves out the last frames of the first convolution: 16 to 24 ms of 2.5 s.
    np.testing.assert_allclose(window.mean, mean, atol=0.02 * deviation)
    np.testing.assert_allclose(window.gain, 1 / deviation, rtol=0.02)


def test_each_sample_is_computed_about_once(session: OnnxSession) -> None:
    counting = CountingSession(session)
    cache = cache_over(counting, SPEECH)
    for end in range(8000, len(SPEECH), 3200):
        cache.window(0, end)
    whole_blocks = [num for num in counting.num_samples if num == BLOCK_SAMPLES + REACH_SAMPLES - GRID_SAMPLES]
    assert len(whole_blocks) == (end - REACH_SAMPLES + GRID_SAMPLES) // BLOCK_SAMPLES
    counting.num_samples.clear()
    cache.window(0, end)
    assert sum(counting.num_samples) < BLOCK_SAMPLES + REACH_SAMPLES


def test_windows_of_few_frames(session: OnnxSession) -> None:
    cache = cache_over(session, SPEECH)
    for num_frames in (1, 2, 16, 17):
        end = REACH_SAMPLES + (num_frames - 1) * GRID_SAMPLES
        assert cache.window(0, end).raw_frames.shape == (576, num_frames)
        assert cache.window(0, end + GRID_SAMPLES - 1).raw_frames.shape == (576, num_frames)


def test_blocks_are_dropped_with_their_audio(session: OnnxSession) -> None:
    """The cache holds only the blocks of the audio in the buffer."""
    audio = AudioBuffer()
    cache = StemCache(session, audio)
    for _ in range(4):
        audio.append(SPEECH)
        audio.drop_before((audio.end - len(SPEECH)) // BLOCK_SAMPLES * BLOCK_SAMPLES)
        start = audio.start
        window = cache.window(start, audio.end)
        assert len(cache._blocks) <= len(SPEECH) // BLOCK_SAMPLES + 1
        assert min(cache._blocks) * BLOCK_SAMPLES == start
    shift = start % len(SPEECH)
    again = np.concatenate([SPEECH, SPEECH])[shift : shift + audio.end - start]
    assert parts_of(window) == parts_of(cache_over(session, again).window(0, len(again)))


def test_silence_has_a_finite_gain(session: OnnxSession) -> None:
    window = cache_over(session, np.zeros(16000, np.float32)).window(0, 16000)
    assert all(np.isfinite(part).all() for part in (window.raw_frames, window.mean, window.gain))
