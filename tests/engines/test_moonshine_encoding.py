"""A window that grows: what is kept of it, what is computed anew, and how far that is from reading it whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pulled_models import between, model_directory, recording

from voxtide.engines.audio_buffer import AudioBuffer
from voxtide.engines.moonshine.encoding import REACH_FRAMES, ROOM_FRAMES, Encoding, WindowEncoder
from voxtide.engines.moonshine.graph import FRAME_SAMPLES, build_encoder, build_stem, keys_shape
from voxtide.engines.moonshine.stem import StemCache
from voxtide.engines.moonshine.weights import Weights, read_weights
from voxtide.models.onnx_session import OnnxSession, load_onnx
from voxtide.types import SAMPLE_RATE_HZ

SPEECH = between(recording("two_cities.wav"), 1.0, 9.0)
STEP = 7 * FRAME_SAMPLES
ENDS = range(SAMPLE_RATE_HZ, len(SPEECH), STEP)


class Counting:
    """The encoder, and how many frames each run computed."""

    def __init__(self, session: OnnxSession) -> None:
        self._session = session
        self.num_frames: list[int] = []

    def run(self, output_names: list[str] | None, feeds: dict[str, Any]) -> list[Any]:
        outputs = self._session.run(output_names, feeds)
        self.num_frames.append(len(outputs[-1]))
        return outputs


@pytest.fixture(scope="module")
def weights() -> tuple[Weights, Weights]:
    directory = model_directory("moonshine-tiny-en")
    return read_weights(directory / "encoder_model.ort"), read_weights(directory / "decoder_model_merged.ort")


@pytest.fixture(scope="module")
def stem(weights: tuple[Weights, Weights]) -> OnnxSession:
    return load_onnx(build_stem(weights[0]), name="stem")


@pytest.fixture(scope="module")
def session(weights: tuple[Weights, Weights]) -> OnnxSession:
    return load_onnx(build_encoder(*weights), name="encoder")


@pytest.fixture
def counting(session: OnnxSession) -> Counting:
    return Counting(session)


@pytest.fixture
def encoder(weights: tuple[Weights, Weights], stem: OnnxSession, counting: Counting) -> WindowEncoder:
    audio = AudioBuffer()
    audio.append(SPEECH)
    return WindowEncoder(counting, StemCache(stem, audio), keys_shape=keys_shape(weights[1]))


def is_equal(one: Encoding, other: Encoding) -> bool:
    return all(a.shape == b.shape and np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_an_update_costs_the_same_however_long_the_window(encoder: WindowEncoder, counting: Counting) -> None:
    for end in ENDS:
        encoder.encode(0, end, is_passing=False)
    assert max(counting.num_frames[3:]) <= REACH_FRAMES + STEP // FRAME_SAMPLES + 1


def test_every_frame_of_the_window_is_told(encoder: WindowEncoder) -> None:
    for end in (SAMPLE_RATE_HZ, 2 * SAMPLE_RATE_HZ, 5 * SAMPLE_RATE_HZ):
        (shape,) = {keys.shape for keys in encoder.encode(0, end, is_passing=False)}
        assert end / FRAME_SAMPLES - 4 < shape[2] <= end / FRAME_SAMPLES


def test_a_passing_window_leaves_no_trace(encoder: WindowEncoder) -> None:
    encoder.encode(0, ENDS[5], is_passing=False)
    expected = encoder.encode(0, ENDS[9], is_passing=True)
    encoder.encode(0, ENDS[12], is_passing=True)
    encoder.encode(STEP, ENDS[7], is_passing=True)
    assert is_equal(encoder.encode(0, ENDS[9], is_passing=False), expected)


def test_another_window_is_read_whole(encoder: WindowEncoder, counting: Counting) -> None:
    for end in ENDS[:20]:
        encoder.encode(0, end, is_passing=False)
    expected = encoder.encode(STEP, ENDS[20], is_passing=False)
    assert counting.num_frames[-1] == expected[0].shape[2]


def test_a_window_that_shrinks_keeps_only_what_has_settled(encoder: WindowEncoder, counting: Counting) -> None:
    """As when a flush looks at more audio than the frame after it."""
    for end in ENDS[:20]:
        encoder.encode(0, end, is_passing=False)
    assert encoder.encode(0, ENDS[10], is_passing=False)[0].shape[2] < ENDS[10] / FRAME_SAMPLES
    assert counting.num_frames[-1] >= REACH_FRAMES - 2


def test_frames_that_have_settled_are_close_to_those_read_whole(
    encoder: WindowEncoder, weights: tuple[Weights, Weights], stem: OnnxSession, session: OnnxSession
) -> None:
    for end in ENDS:
        grown = encoder.encode(0, end, is_passing=False)
    audio = AudioBuffer()
    audio.append(SPEECH)
    fresh = WindowEncoder(session, StemCache(stem, audio), keys_shape=keys_shape(weights[1]))
    whole = fresh.encode(0, ENDS[-1], is_passing=True)
    differences = [np.median(np.abs(a - b)) / b.std() for a, b in zip(grown, whole, strict=True)]
    assert 0 < max(differences) < 0.25


def test_what_is_kept_of_a_window_without_an_end_finds_room(encoder: WindowEncoder, stem: OnnxSession) -> None:
    audio = AudioBuffer()
    audio.append(np.resize(SPEECH, 20 * SAMPLE_RATE_HZ))
    long = WindowEncoder(encoder._session, StemCache(stem, audio), keys_shape=(24, 288))
    for end in range(SAMPLE_RATE_HZ, audio.end, SAMPLE_RATE_HZ):
        (shape,) = {keys.shape for keys in long.encode(0, end, is_passing=False)}
    assert shape[2] > 2 * ROOM_FRAMES
    assert len(long._kept.of(0, 2 * end)) == shape[2] - REACH_FRAMES
    assert len(long._kept._buffer) == 4 * ROOM_FRAMES
    long.encode(audio.end - SAMPLE_RATE_HZ, audio.end, is_passing=False)
    assert len(long._kept._buffer) == ROOM_FRAMES
