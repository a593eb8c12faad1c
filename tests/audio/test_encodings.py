"""PCM bytes to samples and back, in pieces of any size."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.media_files import joined
from voxtide.audio.encodings import MAX_CHANNELS, Encoding, PcmDecoder, encode_pcm
from voxtide.errors import ConfigError

ALL_CODES = bytes(range(256))
G711 = {Encoding.PCM_MULAW: "pcm_mulaw", Encoding.PCM_ALAW: "pcm_alaw"}
QUANTUM = {
    Encoding.PCM_S16LE: 2**-16,
    Encoding.PCM_S32LE: 2**-25,  # float32 has 24 bits
    Encoding.PCM_F16LE: 2**-12,
    Encoding.PCM_F32LE: 0.0,
    Encoding.PCM_MULAW: 2**-6,
    Encoding.PCM_ALAW: 2**-6,
}
"""Maximum rounding error of a value below full scale."""


@pytest.mark.parametrize("encoding", G711)
def test_g711_levels_match_ffmpeg(encoding: Encoding) -> None:
    decoder = av.CodecContext.create(G711[encoding], "r")
    decoder.sample_rate, decoder.layout = 8000, "mono"
    expected = decoder.decode(av.Packet(ALL_CODES))[0].to_ndarray()[0] / 32768
    np.testing.assert_array_equal(PcmDecoder(encoding).feed(ALL_CODES), expected)


@pytest.mark.parametrize("encoding", G711)
def test_g711_codes_are_at_least_as_accurate_as_ffmpegs(encoding: Encoding) -> None:
    every_value = np.arange(-32768, 32768).astype(np.int16)
    encoder = av.CodecContext.create(G711[encoding], "w")
    encoder.sample_rate, encoder.layout, encoder.format = 8000, "mono", "s16"
    frame = av.AudioFrame.from_ndarray(every_value[None], format="s16", layout="mono")
    frame.sample_rate = 8000
    theirs = b"".join(bytes(packet) for packet in encoder.encode(frame))
    samples = every_value.astype(np.float32) / 32768
    ours = encode_pcm(samples, encoding)
    differing = np.mean(np.frombuffer(ours, "u1") != np.frombuffer(theirs, "u1"))
    assert differing < 0.01  # FFmpeg drops two bits before rounding
    assert np.all(_error(ours, encoding, samples) <= _error(theirs, encoding, samples))


def _error(data: bytes, encoding: Encoding, samples: np.ndarray) -> np.ndarray:
    return np.abs(PcmDecoder(encoding).feed(data) - samples)


@pytest.mark.parametrize("encoding", G711)
def test_g711_codes_survive_a_round_trip(encoding: Encoding) -> None:
    levels = PcmDecoder(encoding).feed(ALL_CODES)
    np.testing.assert_array_equal(PcmDecoder(encoding).feed(encode_pcm(levels, encoding)), levels)


@pytest.mark.parametrize("encoding", Encoding)
def test_a_round_trip_gives_the_nearest_value(encoding: Encoding) -> None:
    samples = np.linspace(-0.98, 0.98, 1001, dtype=np.float32)
    decoded = PcmDecoder(encoding).feed(encode_pcm(samples, encoding))
    assert np.max(np.abs(decoded - samples)) <= QUANTUM[encoding]


@pytest.mark.parametrize("encoding", Encoding)
def test_values_beyond_full_scale_are_clipped(encoding: Encoding) -> None:
    too_loud = np.array([-7.0, -1.0, 1.0, 7.0], np.float32)
    decoded = PcmDecoder(encoding).feed(encode_pcm(too_loud, encoding))
    np.testing.assert_allclose(decoded, [-1, -1, 1, 1], atol=0.03)
    assert np.max(np.abs(decoded)) <= 1.0


@given(st.data())
def test_decoding_is_independent_of_chunking(data: st.DataObject) -> None:
    encoding = data.draw(st.sampled_from(Encoding))
    channels = data.draw(st.integers(1, MAX_CHANNELS))
    content = data.draw(st.binary(max_size=200))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=20)))
    whole, pieces = PcmDecoder(encoding, channels), PcmDecoder(encoding, channels)
    expected = whole.feed(content)
    decoded = joined(pieces.feed(content[a:b]) for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True))
    np.testing.assert_array_equal(decoded, expected)
    assert decoded.dtype == np.float32
    assert np.all(np.abs(decoded) <= 1.0)  # false for NaN too
    assert pieces.num_left_over_bytes == whole.num_left_over_bytes == len(content) % (channels * encoding.num_bytes)


@pytest.mark.parametrize("encoding", [Encoding.PCM_F16LE, Encoding.PCM_F32LE])
def test_non_finite_values_decode_to_silence(encoding: Encoding) -> None:
    kind = {Encoding.PCM_F16LE: "<f2", Encoding.PCM_F32LE: "<f4"}[encoding]
    data = np.array([np.nan, np.inf, -np.inf, 0.25, 1000.0]).astype(kind).tobytes()
    np.testing.assert_array_equal(PcmDecoder(encoding).feed(data), [0, 0, 0, 0.25, 1])


def test_non_finite_values_encode_to_silence() -> None:
    samples = np.array([np.nan, np.inf, 0.5], np.float32)
    assert np.frombuffer(encode_pcm(samples, Encoding.PCM_S16LE), "<i2").tolist() == [0, 0, 16384]


def test_channels_are_averaged() -> None:
    interleaved = np.array([0.5, -0.5, 0.25, 0.75], "<f4")
    np.testing.assert_array_equal(PcmDecoder(Encoding.PCM_F32LE, 2).feed(interleaved.tobytes()), [0.0, 0.5])


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_all_bytes_types_are_accepted(kind: type) -> None:
    assert PcmDecoder(Encoding.PCM_S16LE).feed(kind(b"\x00\x40")).tolist() == [0.5]


@pytest.mark.parametrize("channels", [0, 9, -1])
def test_an_invalid_number_of_channels_is_refused(channels: int) -> None:
    with pytest.raises(ConfigError, match=f"1 to 8, not {channels}"):
        PcmDecoder(Encoding.PCM_S16LE, channels)


def test_an_unknown_encoding_is_refused_by_name() -> None:
    assert Encoding.parse("pcm_alaw") is Encoding.PCM_ALAW
    with pytest.raises(ConfigError, match="'opus'.*pcm_s16le.*pcm_alaw"):
        Encoding.parse("opus")
