"""Raw PCM streams, and WAV headers parsed without FFmpeg."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.media_files import joined, loudest_hz, tone, wav_bytes
from voxtide.audio.bytestream import ByteStream
from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.audio.pcm import PcmConverter, PcmFormat, PcmReader, PlainWav, plain_wav
from voxtide.errors import ConfigError, CorruptAudioError
from voxtide.types import Samples

EXTENSIBLE_GUID = bytes.fromhex("0000000000001000800000aa00389b71")


def wav_header(
    *,
    tag: int = 1,
    channels: int = 1,
    rate_hz: int = 16_000,
    num_bits: int = 16,
    data_bytes: int = 100,
    before_format: bytes = b"",
    before_data: bytes = b"",
    format_extension: bytes = b"",
) -> bytes:
    block_bytes = channels * num_bits // 8
    fields = (
        struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block_bytes, block_bytes, num_bits) + format_extension
    )
    chunks = before_format + b"fmt " + struct.pack("<I", len(fields)) + fields + before_data
    return b"RIFF" + struct.pack("<I", 0) + b"WAVE" + chunks + b"data" + struct.pack("<I", data_bytes)


def parse(header: bytes) -> PlainWav | None:
    return plain_wav(lambda num_bytes: header[:num_bytes])


@pytest.mark.parametrize(
    ("tag", "num_bits", "encoding"),
    [
        (1, 16, Encoding.PCM_S16LE),
        (1, 32, Encoding.PCM_S32LE),
        (3, 32, Encoding.PCM_F32LE),
        (6, 8, Encoding.PCM_ALAW),
        (7, 8, Encoding.PCM_MULAW),
    ],
)
def test_a_plain_wav_header_is_parsed(tag: int, num_bits: int, encoding: Encoding) -> None:
    header = wav_header(tag=tag, num_bits=num_bits, channels=2, rate_hz=44_100, data_bytes=4_000)
    assert parse(header) == PlainWav(PcmFormat(encoding, 44_100, 2), offset_bytes=44, num_bytes=4_000)


def test_other_chunks_before_the_samples_are_skipped() -> None:
    odd = b"LIST" + struct.pack("<I", 5) + b"title\x00"  # padded to an even length
    header = wav_header(before_format=b"JUNK" + struct.pack("<I", 28) + bytes(28), before_data=odd)
    found = parse(header)
    assert found is not None
    assert found.offset_bytes == len(header)


def test_the_extensible_format_is_parsed() -> None:
    extra = struct.pack("<HHIH", 22, 16, 4, 1) + EXTENSIBLE_GUID[2:]
    found = parse(wav_header(tag=0xFFFE, format_extension=extra))
    assert found is not None
    assert found.pcm == PcmFormat()


@pytest.mark.parametrize("data_bytes", [0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFF000])
def test_placeholder_lengths_are_unknown(data_bytes: int) -> None:
    found = parse(wav_header(data_bytes=data_bytes))
    assert found is not None
    assert found.num_bytes is None


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"RIFF",
        b"RIFF\x00\x00\x00\x00AVI LIST",
        wav_header()[:-2],
        wav_header(num_bits=24),
        wav_header(tag=3, num_bits=64),
        wav_header(tag=2),
        wav_header(channels=0),
        wav_header(channels=9),
        wav_header(rate_hz=1),
        wav_header(before_data=b"ID3 " + struct.pack("<I", 10_000_000)),
        b"RIFF\x00\x00\x00\x00WAVEdata\x04\x00\x00\x00abcd",
    ],
    ids=lambda header: header[8:48].hex() or "empty",
)
def test_unusual_headers_are_left_to_ffmpeg(header: bytes) -> None:
    assert parse(header) is None


@given(st.binary(max_size=300))
def test_no_header_raises(extra: bytes) -> None:
    parse(b"RIFF\x00\x00\x00\x00WAVE" + extra)
    parse(wav_header(before_data=extra))


def read(data: bytes, pcm: PcmFormat, *, num_bytes: int | None = None) -> list[Samples]:
    return list(PcmReader("talk.raw", ByteStream(io.BytesIO(data)), pcm, num_bytes=num_bytes).read())


@given(st.binary(max_size=400), st.sampled_from(Encoding), st.integers(1, 3), st.data())
def test_the_converter_is_independent_of_chunking(
    content: bytes, encoding: Encoding, channels: int, data: st.DataObject
) -> None:
    pcm = PcmFormat(encoding, 24_000, channels)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=10)))
    whole, pieces = PcmConverter(pcm), PcmConverter(pcm)
    expected = joined([whole.feed(content), whole.finish()])
    ends = [*cuts, len(content)]
    decoded = joined([*(pieces.feed(content[a:b]) for a, b in zip([0, *cuts], ends, strict=True)), pieces.finish()])
    np.testing.assert_array_equal(decoded, expected)
    num_samples = len(content) // (channels * encoding.num_bytes)
    assert decoded.size == round(num_samples * 16_000 / 24_000)
    assert np.all(np.abs(decoded) <= 1.0)
    assert pieces.num_left_over_bytes == len(content) % (channels * encoding.num_bytes)


def test_the_converter_refuses_values_out_of_range() -> None:
    with pytest.raises(ConfigError, match="sample rate"):
        PcmConverter(PcmFormat(sample_rate_hz=16))
    with pytest.raises(ConfigError, match="channels"):
        PcmConverter(PcmFormat(channels=0))


def test_resampling_a_square_wave_at_full_scale_stays_in_range() -> None:
    square = np.where(tone(0.5, rate_hz=44_100) > 0, 1.0, -1.0).astype(np.float32)
    converter = PcmConverter(PcmFormat(Encoding.PCM_F32LE, 44_100))
    decoded = joined([converter.feed(square.tobytes()), converter.finish()])
    assert np.max(np.abs(decoded)) == 1.0


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 44_100])
def test_a_flush_returns_all_audio_and_does_not_affect_later_audio(rate_hz: int) -> None:
    sound = encode_pcm(tone(0.5, rate_hz=rate_hz), Encoding.PCM_S16LE)
    converter = PcmConverter(PcmFormat(Encoding.PCM_S16LE, rate_hz))
    assert converter.flush().size == 0
    for _ in range(3):
        parts = [converter.feed(sound[:-1]), converter.flush(), converter.feed(sound[-1:]), converter.flush()]
        decoded = joined(parts)
        assert decoded.size == pytest.approx(8_000, abs=1)
        assert loudest_hz(decoded) == pytest.approx(440, abs=4)
        assert np.abs(decoded[-200:]).max() > 0.5 * np.abs(decoded).max()


def test_the_reader_knows_the_length_of_a_file() -> None:
    stream = ByteStream(io.BytesIO(bytes(8_000)))
    assert PcmReader("talk.raw", stream, PcmFormat(Encoding.PCM_MULAW, 8_000)).open() == 1.0
    assert PcmReader("talk.raw", stream, PcmFormat(Encoding.PCM_MULAW, 8_000), num_bytes=4_000).open() == 0.5


def test_the_reader_reads_everything_at_the_right_rate() -> None:
    data = encode_pcm(tone(2.0, rate_hz=8_000), Encoding.PCM_ALAW)
    decoded = joined(read(data, PcmFormat(Encoding.PCM_ALAW, 8_000)))
    assert decoded.size == 32_000
    assert loudest_hz(decoded) == 440


def test_bytes_after_the_stated_length_are_ignored() -> None:
    data = encode_pcm(tone(0.5), Encoding.PCM_S16LE)
    decoded = joined(read(data + b"LIST" * 1_000, PcmFormat(), num_bytes=len(data)))
    np.testing.assert_allclose(decoded, tone(0.5), atol=2**-15)


def test_a_truncated_file_raises_after_its_last_sample() -> None:
    reader = PcmReader("talk.wav", ByteStream(io.BytesIO(bytes(16_000))), PcmFormat(), num_bytes=64_000).read()
    assert next(reader).size == 8_000
    with pytest.raises(CorruptAudioError, match=r"talk.wav ends after 0.50 s, but its header states 2.00 s"):
        list(reader)


@pytest.mark.parametrize(
    ("size", "stated", "code", "message"),
    [
        (2_001, None, "partial_sample", "talk.raw ends inside a sample: 1 bytes are left over"),
        (32_000, 32_044, "wrong_length", "talk.raw is 44 bytes shorter than its header states"),
        (32_000, 35_200, "wrong_length", "talk.raw is 3200 bytes shorter than its header states"),
    ],
)
def test_less_than_a_syllable_too_few_is_a_notice(size: int, stated: int | None, code: str, message: str) -> None:
    reader = PcmReader("talk.raw", ByteStream(io.BytesIO(bytes(size))), PcmFormat(), num_bytes=stated)
    assert joined(reader.read()).size == size // 2
    (notice,) = reader.notices
    assert notice.code == code
    assert notice.message.startswith(message)


@pytest.mark.parametrize("encoding", [Encoding.PCM_F16LE, Encoding.PCM_F32LE])
@pytest.mark.parametrize(
    ("scale", "codes"), [(1.0, []), (8.0, []), (2.0**15, ["off_scale"])], ids=["right", "overdriven", "16-bit"]
)
@given(sizes=st.lists(st.integers(1, 40_000), max_size=5))
def test_float_samples_on_another_scale_are_noticed_once(
    encoding: Encoding, scale: float, codes: list[str], sizes: list[int]
) -> None:
    data = (tone(1.0) * np.float32(scale)).astype(f"<f{encoding.num_bytes}").tobytes()
    converter = PcmConverter(PcmFormat(encoding))
    pieces = io.BytesIO(data)
    for size in [*sizes, len(data)]:
        assert np.abs(converter.feed(pieces.read(size))).max(initial=0) <= 1
    assert converter.scale.is_off_scale == bool(codes)
    reader = PcmReader("talk.raw", ByteStream(io.BytesIO(data)), PcmFormat(encoding))
    joined(reader.read())
    assert [notice.code for notice in reader.notices] == codes
    assert all("divide by 32768" in notice.message for notice in reader.notices)


def test_a_few_clicks_are_no_other_scale() -> None:
    data = np.zeros(16_000, "<f4")
    data[::100] = 32_768  # 160 of them
    reader = PcmReader("talk.raw", ByteStream(io.BytesIO(data.tobytes())), PcmFormat(Encoding.PCM_F32LE))
    joined(reader.read())
    assert reader.notices == []


@pytest.mark.parametrize(("size", "stated"), [(32_000, 35_202), (0, 44)])
def test_a_syllable_too_few_is_an_error(size: int, stated: int) -> None:
    reader = PcmReader("talk.raw", ByteStream(io.BytesIO(bytes(size))), PcmFormat(), num_bytes=stated)
    with pytest.raises(CorruptAudioError):
        list(reader.read())
    assert reader.notices == []


def test_a_wav_file_by_python_is_plain() -> None:
    found = parse(wav_bytes(tone(1.0)))
    assert found == PlainWav(PcmFormat(), 44, 32_000)
