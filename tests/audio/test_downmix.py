"""Mixing channels: the mean, unless they cancel out; no click; independent of chunking."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.media_files import encoded, joined, read_all, similarity, speech, tone
from voxtide.audio import open_source
from voxtide.audio.downmix import Downmix, mix_down
from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.audio.pcm import PcmConverter, PcmFormat
from voxtide.types import Samples

RATE_HZ = 16_000


def noise(duration_s: float, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 0.1, round(duration_s * RATE_HZ)).astype(np.float32)


def mixed(*channels: Samples) -> Samples:
    return Downmix(len(channels), RATE_HZ).feed(np.stack(channels, axis=1))


def level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


@pytest.mark.parametrize("gain", [1.0, 0.7])
def test_an_inverted_channel_does_not_cancel_speech(gain: float) -> None:
    left = speech()
    out = mixed(left, -gain * left)
    assert similarity(out, left) > 0.99
    assert level(out) > 0.95 * level(left)


def test_the_louder_of_two_inverted_channels_is_used() -> None:
    left = noise(1.0)
    np.testing.assert_allclose(mixed(0.8 * left, -left)[2_000:], -left[2_000:])


@pytest.mark.parametrize("num_channels", [2, 6, 8])
def test_speech_in_one_channel_is_mixed_as_usual(num_channels: int) -> None:
    channels = [np.zeros_like(speech())] * num_channels
    channels[1] = speech()
    np.testing.assert_array_equal(mixed(*channels), mix_down(np.stack(channels, axis=1)))


def test_equal_and_unrelated_channels_are_averaged() -> None:
    left, right = noise(3.0, 1), noise(3.0, 2)
    np.testing.assert_array_equal(mixed(left, left), left)
    np.testing.assert_allclose(mixed(left, right), (left + right) / 2, atol=1e-7)


def test_silence_changes_nothing() -> None:
    silence = np.zeros(10 * RATE_HZ, np.float32)
    left = np.concatenate([noise(1.0), silence, noise(1.0)])
    np.testing.assert_allclose(mixed(left, -left)[2_000:], left[2_000:])


def test_the_mean_is_used_again_when_channels_stop_cancelling() -> None:
    left, right = noise(8.0, 1), noise(8.0, 2)
    right[: 2 * RATE_HZ] = -left[: 2 * RATE_HZ]
    out = mixed(left, right)
    np.testing.assert_allclose(out[RATE_HZ : 2 * RATE_HZ], left[RATE_HZ : 2 * RATE_HZ])
    np.testing.assert_allclose(out[-RATE_HZ:], ((left + right) / 2)[-RATE_HZ:], atol=1e-7)


def test_changes_do_not_click() -> None:
    left = tone(6.0, hz=100.0)
    right = left.copy()
    right[2 * RATE_HZ : 4 * RATE_HZ] *= -1
    out = mixed(left, right)
    late = np.r_[0 : 2 * RATE_HZ - 1, 2 * RATE_HZ : 6 * RATE_HZ - 1]  # the recording itself clicks where right changes
    assert np.abs(np.diff(out))[late].max() < 1.5 * np.abs(np.diff(left)).max()
    assert level(out[3 * RATE_HZ : 4 * RATE_HZ]) == pytest.approx(level(left), rel=0.01)


@given(st.data())
def test_the_output_is_independent_of_chunking(data: st.DataObject) -> None:
    left, right = noise(1.5, 1), noise(1.5, 2)
    right[3_000:9_000] = -left[3_000:9_000]
    channels = np.stack([left, right], axis=1)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(channels)), max_size=30)))
    pieces = Downmix(2, RATE_HZ)
    bounds = zip([0, *cuts], [*cuts, len(channels)], strict=True)
    np.testing.assert_array_equal(joined(pieces.feed(channels[a:b]) for a, b in bounds), mixed(left, right))


def test_raw_pcm_with_an_inverted_channel_is_not_cancelled() -> None:
    stereo = np.stack([speech(), -speech()], axis=1).ravel()
    converter = PcmConverter(PcmFormat(channels=2))
    assert similarity(converter.feed(encode_pcm(stereo, Encoding.PCM_S16LE)), speech()) > 0.99


@pytest.mark.parametrize(("codec", "container"), [("pcm_s16le", "wav"), ("flac", "flac")])
async def test_a_file_with_an_inverted_channel_is_not_cancelled(codec: str, container: str) -> None:
    content = encoded(np.stack([speech(), -speech()]), codec, container, rate_hz=RATE_HZ)
    async with open_source("-", stdin=io.BytesIO(content)) as source:
        assert similarity(await read_all(source), speech()) > 0.99
