"""Files in every format that this FFmpeg can write: complete and damaged."""

from __future__ import annotations

import io
import os
import random
import struct
import tracemalloc
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.media_files import (
    SPEECH,
    black_picture,
    encode,
    encoded,
    film,
    joined,
    loudest_hz,
    pipe,
    read_all,
    read_until_error,
    shift_samples,
    similarity,
    speech,
    tone,
)
from voxtide.audio import open_source
from voxtide.audio.bytestream import ByteStream
from voxtide.audio.media import demuxer
from voxtide.audio.media.container import MediaReader
from voxtide.audio.source import AudioSource
from voxtide.errors import AudioError, CorruptAudioError
from voxtide.types import Samples

WITH_TIMES = [
    # suffix, codec, rate, channels, least similarity (half the band is lost at 8 kHz)
    ("wav", "pcm_s16le", 16_000, 1, 0.999),
    ("wav", "pcm_s16le", 96_000, 6, 0.999),
    ("wav", "pcm_u8", 8_000, 1, 0.97),
    ("wav", "pcm_s24le", 48_000, 2, 0.999),
    ("wav", "pcm_s32le", 44_100, 2, 0.999),
    ("wav", "pcm_f32le", 96_000, 1, 0.999),
    ("wav", "pcm_f64le", 44_100, 1, 0.999),
    ("wav", "pcm_mulaw", 8_000, 1, 0.97),
    ("wav", "pcm_alaw", 8_000, 2, 0.97),
    ("wav", "adpcm_ms", 22_050, 1, 0.99),
    ("wav", "adpcm_ima_wav", 22_050, 1, 0.99),
    ("w64", "pcm_s16le", 44_100, 2, 0.999),
    ("aiff", "pcm_s16be", 44_100, 2, 0.999),
    ("au", "pcm_s16be", 22_050, 1, 0.999),
    ("voc", "pcm_u8", 8_000, 1, 0.97),
    ("caf", "alac", 44_100, 2, 0.999),
    ("flac", "flac", 44_100, 2, 0.999),
    ("flac", "flac", 96_000, 1, 0.999),
    ("wv", "wavpack", 44_100, 2, 0.99),
    ("tta", "tta", 44_100, 1, 0.99),
    ("opus", "libopus", 48_000, 2, 0.99),
    ("ogg", "libopus", 48_000, 1, 0.99),
    ("ogg", "vorbis", 44_100, 2, 0.99),
    ("ogg", "flac", 44_100, 1, 0.999),
    ("mp3", "libmp3lame", 44_100, 2, 0.99),
    ("mp3", "libmp3lame", 22_050, 1, 0.99),
    ("m4a", "aac", 44_100, 2, 0.99),
    ("m4a", "alac", 48_000, 1, 0.999),
    ("mp4", "aac", 48_000, 6, 0.99),
    ("mp4", "aac", 48_000, 8, 0.99),
    ("flac", "flac", 48_000, 8, 0.999),
    ("mov", "pcm_s16le", 48_000, 2, 0.999),
    ("webm", "libopus", 48_000, 1, 0.99),
    ("webm", "vorbis", 44_100, 2, 0.99),
    ("mkv", "flac", 96_000, 2, 0.999),
    ("mka", "libmp3lame", 44_100, 1, 0.99),
    ("avi", "pcm_s16le", 44_100, 2, 0.999),
    ("nut", "pcm_s64le", 16_000, 1, 0.999),
]
"""Formats that state which part of the decoder's output belongs to the recording."""

BARE = [
    ("aac", "aac", 16_000, 1, 0.98),
    ("ts", "aac", 48_000, 2, 0.98),
    ("flv", "aac", 44_100, 1, 0.95),
    ("mp2", "mp2", 44_100, 1, 0.95),
    ("ac3", "ac3", 48_000, 2, 0.98),
    ("amr", "libopencore_amrnb", 8_000, 1, 0.6),
    ("3gp", "libopencore_amrnb", 8_000, 1, 0.6),
    ("g722", "g722", 16_000, 1, 0.98),
]
"""Formats that do not: the codec's padding stays in the output."""

MAX_PADDING_S = 0.1
"""One or two frames of any codec."""


def write_speech(path: Path, codec: str, rate_hz: int, channels: int = 1) -> Samples:
    original = speech()
    at_rate = soxr.resample(original, 16_000, rate_hz).astype(np.float32)
    options = {"strict": "experimental"} if codec == "vorbis" else None
    encode(path, np.stack([at_rate] * channels), codec, rate_hz=rate_hz, options=options)
    return original


async def decode_file(path: Path, chunk_ms: int = 100) -> tuple[Samples, float | None]:
    async with open_source(path, chunk_ms=chunk_ms) as source:
        return await read_all(source), source.duration_s


@pytest.mark.parametrize(("suffix", "codec", "rate_hz", "channels", "least"), WITH_TIMES)
async def test_encoded_audio_is_decoded(
    tmp_path: Path, suffix: str, codec: str, rate_hz: int, channels: int, least: float
) -> None:
    path = tmp_path / f"talk.{suffix}"
    original = write_speech(path, codec, rate_hz, channels)
    decoded, duration_s = await decode_file(path)
    assert decoded.dtype == np.float32
    assert decoded.size == pytest.approx(original.size, abs=MAX_PADDING_S * 16_000)
    assert duration_s == pytest.approx(original.size / 16_000, abs=MAX_PADDING_S)
    assert similarity(decoded, original) > least


@pytest.mark.parametrize(("suffix", "codec", "rate_hz", "channels", "least"), BARE)
async def test_audio_in_formats_without_lengths_is_decoded(
    tmp_path: Path, suffix: str, codec: str, rate_hz: int, channels: int, least: float
) -> None:
    path = tmp_path / f"talk.{suffix}"
    original = write_speech(path, codec, rate_hz, channels)
    decoded, _ = await decode_file(path)
    late_samples = shift_samples(decoded, original)
    assert decoded.size == pytest.approx(original.size, abs=MAX_PADDING_S * 16_000)
    assert abs(late_samples) <= MAX_PADDING_S * 16_000
    assert similarity(decoded[max(0, late_samples) :], original[max(0, -late_samples) :]) > least


@pytest.mark.parametrize("chunk_ms", [10, 80, 999, 10_000])
async def test_a_16_khz_wav_file_is_read_bit_for_bit(chunk_ms: int) -> None:
    async with open_source(SPEECH, chunk_ms=chunk_ms) as source:
        chunks = [chunk async for chunk in source]
    assert {chunk.size for chunk in chunks[:-1]} <= {chunk_ms * 16}
    np.testing.assert_array_equal(joined(chunks), speech())


async def test_all_channels_are_mixed(tmp_path: Path) -> None:
    left, right = tone(1.0, rate_hz=44_100, hz=400.0), tone(1.0, rate_hz=44_100, hz=1_000.0, peak=0.2)
    encode(tmp_path / "two.flac", np.stack([left, right]), "flac", rate_hz=44_100)
    decoded, _ = await decode_file(tmp_path / "two.flac")
    expected = (tone(1.0, hz=400.0) + tone(1.0, hz=1_000.0, peak=0.2)) / 2
    np.testing.assert_allclose(decoded[500:-500], expected[500:-500], atol=1e-3)


async def test_the_default_audio_stream_of_a_film_is_read(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as output:
        picture = output.add_stream("mpeg4", rate=10, width=64, height=48)
        comment, main = (output.add_stream("flac", rate=16_000, layout="mono") for _ in range(2))
        comment.disposition, main.disposition = av.stream.Disposition(0), av.stream.Disposition.default
        for stream, hz in ((comment, 300.0), (main, 700.0)):
            frame = av.AudioFrame.from_ndarray((tone(1.0, hz=hz) * 32767).astype(np.int16)[None], "s16", "mono")
            frame.sample_rate, frame.pts = 16_000, 0
            output.mux([*stream.encode(frame), *stream.encode(None)])
        output.mux([*picture.encode(black_picture()), *picture.encode(None)])
    decoded, _ = await decode_file(path)
    assert loudest_hz(decoded) == 700


async def notices_of(path: Path) -> list[str]:
    """The codes of the notices of a file that is read without an error."""
    async with open_source(path) as source:
        await read_all(source)
        return [notice.code for notice in source.notices]


async def test_recordings_joined_with_their_tags_are_read_without_an_error(tmp_path: Path) -> None:
    part = encoded(tone(1.0, rate_hz=44_100), "libmp3lame", "mp3", rate_hz=44_100)
    assert part.startswith(b"ID3")
    (tmp_path / "joined.mp3").write_bytes(part * 6)
    decoded, _ = await decode_file(tmp_path / "joined.mp3")
    assert decoded.size == pytest.approx(6 * 16_000, abs=6 * MAX_PADDING_S * 16_000)
    assert await notices_of(tmp_path / "joined.mp3") == ["undecodable_bytes"]


@pytest.mark.parametrize(("suffix", "codec"), [("mp3", "libmp3lame"), ("ac3", "ac3"), ("aac", "aac"), ("flac", "flac")])
@pytest.mark.parametrize("junk", [random.Random(1).randbytes(5_000), b"<p>Thank you.</p>\n" * 200, bytes(5_000)])
async def test_other_bytes_after_the_audio_are_no_error(tmp_path: Path, suffix: str, codec: str, junk: bytes) -> None:
    path = tmp_path / f"talk.{suffix}"
    original = write_speech(path, codec, 48_000)
    path.write_bytes(path.read_bytes() + junk)
    decoded, _ = await decode_file(path)
    assert decoded.size == pytest.approx(original.size, abs=MAX_PADDING_S * 16_000)
    assert await notices_of(path) == (["undecodable_bytes"] if suffix in {"mp3", "ac3"} else [])


@pytest.mark.parametrize(("junk", "num_cut", "is_error"), [(b"APETAGEX" + bytes(80), 0, False), (b"", 9_000, True)])
async def test_bytes_after_the_stated_length_of_a_pipe_are_no_error(junk: bytes, num_cut: int, is_error: bool) -> None:
    """FFmpeg cannot seek to a tag at the end of a pipe, and fails to read it as audio."""
    content = encoded(tone(6.0, rate_hz=16_000), "wavpack", "wv", rate_hz=16_000)
    stdin = pipe(content[: len(content) - num_cut] + junk)
    async with open_source("-", stdin=stdin) as source:
        if is_error:
            with pytest.raises(CorruptAudioError, match="damaged or truncated"):
                await read_all(source)
            return
        assert (await read_all(source)).size == pytest.approx(96_000, abs=100)
        assert [notice.code for notice in source.notices] == ["undecodable_bytes"]


async def test_a_padding_byte_after_the_last_block_is_no_error(tmp_path: Path) -> None:
    """As in GSM files: its chunk has an odd length, and the padding is counted as data."""
    path = tmp_path / "talk.wav"
    encode(path, speech(), "adpcm_ima_wav", rate_hz=16_000)
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    (num_bytes,) = struct.unpack_from("<I", data, place)
    data[place : place + 4] = struct.pack("<I", num_bytes + 1)
    path.write_bytes(bytes(data) + b"\0")
    assert await notices_of(path) == ["undecodable_bytes"]


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le"], ids=["plain", "through FFmpeg"])
@pytest.mark.parametrize(("too_large_s", "codes"), [(0.0, []), (0.00275, ["wrong_length"]), (0.09, ["wrong_length"])])
async def test_a_wav_header_that_states_a_little_too_much_is_no_error(
    tmp_path: Path, codec: str, too_large_s: float, codes: list[str]
) -> None:
    path = tmp_path / "talk.wav"
    original = write_speech(path, codec, 16_000)
    data = bytearray(path.read_bytes())
    num_bytes = round(too_large_s * 16_000) * (3 if codec == "pcm_s24le" else 2)
    for place in (4, data.index(b"data") + 4):
        data[place : place + 4] = struct.pack("<I", struct.unpack_from("<I", data, place)[0] + num_bytes)
    path.write_bytes(data)
    decoded, _ = await decode_file(path)
    assert decoded.size == original.size
    assert await notices_of(path) == codes


@pytest.mark.parametrize("codec", ["pcm_f32le", "pcm_f64le"], ids=["plain", "through FFmpeg"])
@pytest.mark.parametrize(("scale", "codes"), [(1.0, []), (2.0**15, ["off_scale"])], ids=["right", "16-bit"])
async def test_a_float_wav_on_another_scale_is_noticed(
    tmp_path: Path, codec: str, scale: float, codes: list[str]
) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(encoded(tone(1.0) * np.float32(scale), codec, "wav", rate_hz=16_000))
    assert await notices_of(path) == codes


async def test_recordings_of_different_rates_joined_into_one_file(tmp_path: Path) -> None:
    parts = [encoded(tone(1.0, rate_hz=rate), "libmp3lame", "mp3", rate_hz=rate) for rate in (44_100, 22_050)]
    bare = [part[part.index(b"\xff") :] for part in parts]
    (tmp_path / "joined.mp3").write_bytes(b"".join(bare))
    async with open_source(tmp_path / "joined.mp3") as source:
        chunks, _ = await read_until_error(source)
    decoded = joined(chunks)
    assert decoded.size > 1.9 * 16_000
    assert loudest_hz(decoded[2_000:14_000]) == pytest.approx(440, abs=2)
    assert loudest_hz(decoded[20_000:30_000]) == pytest.approx(440, abs=2)


async def test_a_second_audio_stream_added_to_a_broadcast_does_not_end_it() -> None:
    before, after = (
        film(*[tone(duration_s, rate_hz=48_000)] * num_tracks, container="mpegts", codec="aac", rate_hz=48_000)
        for duration_s, num_tracks in ((20.0, 1), (2.0, 2))
    )
    async with open_source("-", stdin=pipe(before + after)) as source:
        decoded = await read_all(source)
    assert decoded.size == pytest.approx(22 * 16_000, abs=2_400)
    assert loudest_hz(decoded[-16_000:]) == pytest.approx(440, abs=2)


async def test_invalid_sample_values_are_cleaned(tmp_path: Path) -> None:
    wild = tone(1.0, rate_hz=44_100)
    wild[1_000:1_010] = np.nan
    wild[2_000:2_010] = np.inf
    wild[3_000:3_010] = 1e30
    for container, codec in (("wav", "pcm_f32le"), ("au", "pcm_f32be")):
        path = tmp_path / f"wild.{container}"
        encode(path, wild, codec, rate_hz=44_100)
        decoded, _ = await decode_file(path)
        assert np.max(np.abs(decoded)) <= 1.0  # false for NaN
        assert loudest_hz(decoded) == 440


async def test_tags_that_are_not_utf8_are_ignored(tmp_path: Path) -> None:
    info = b"LIST" + struct.pack("<I", 16) + b"INFOINAM" + struct.pack("<I", 4) + b"\xff\xfe\xfd\x00"
    whole = encoded(tone(1.0), "pcm_s24le", "wav", rate_hz=16_000)
    place = whole.index(b"fmt ")
    (tmp_path / "tags.wav").write_bytes(whole[:place] + info + whole[place:])
    decoded, _ = await decode_file(tmp_path / "tags.wav")
    assert decoded.size == 16_000


# Wrong lengths in the header


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le"], ids=["plain", "through FFmpeg"])
@pytest.mark.parametrize("stated", [0, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
async def test_a_wav_file_without_a_known_length_is_read_to_its_end(tmp_path: Path, codec: str, stated: int) -> None:
    data = bytearray(encoded(tone(1.0), codec, "wav", rate_hz=16_000))
    place = data.index(b"data")
    data[4:8] = data[place + 4 : place + 8] = struct.pack("<I", stated)
    (tmp_path / "live.wav").write_bytes(data)
    decoded, _ = await decode_file(tmp_path / "live.wav")
    assert decoded.size == 16_000


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le"], ids=["plain", "through FFmpeg"])
async def test_a_wav_file_without_samples_is_not_an_error(tmp_path: Path, codec: str) -> None:
    data = bytearray(encoded(tone(1.0), codec, "wav", rate_hz=16_000))
    place = data.index(b"data")
    header = data[: place + 4] + bytes(4)
    header[4:8] = struct.pack("<I", len(header) - 8)
    (tmp_path / "empty.wav").write_bytes(header)
    decoded, _ = await decode_file(tmp_path / "empty.wav")
    assert decoded.size == 0


async def test_silence_is_read_as_silence(tmp_path: Path) -> None:
    encode(tmp_path / "silent.flac", np.zeros(32_000, np.float32), "flac", rate_hz=16_000)
    decoded, _ = await decode_file(tmp_path / "silent.flac")
    np.testing.assert_array_equal(decoded, np.zeros(32_000))


# Damaged files


@pytest.mark.parametrize(
    ("suffix", "codec", "rate_hz"),
    [
        ("wav", "pcm_s16le", 16_000),
        ("wav", "pcm_s24le", 16_000),
        ("wav", "adpcm_ms", 22_050),
        ("aiff", "pcm_s16be", 16_000),
        ("au", "pcm_s16be", 16_000),
        ("flac", "flac", 16_000),
        ("mp3", "libmp3lame", 16_000),
        ("mkv", "flac", 16_000),
        ("webm", "libopus", 48_000),
    ],
)
async def test_a_truncated_file_raises_after_its_last_sample(
    tmp_path: Path, suffix: str, codec: str, rate_hz: int
) -> None:
    path = tmp_path / f"cut.{suffix}"
    write_speech(path, codec, rate_hz)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    async with open_source(path) as source:
        chunks, error = await read_until_error(source)
    decoded = joined(chunks)
    assert isinstance(error, CorruptAudioError)
    assert f"{decoded.size / 16_000:.2f} s" in str(error)
    assert str(path) in str(error)
    assert 0.5 < decoded.size / 16_000 < 2.0
    assert similarity(decoded, speech()) > 0.95


@pytest.mark.parametrize("suffix", ["flac", "mp3", "mkv", "m4a"])
async def test_damage_in_the_middle_raises_after_all_decodable_audio(tmp_path: Path, suffix: str) -> None:
    codec = {"flac": "flac", "mp3": "libmp3lame", "mkv": "flac", "m4a": "aac"}[suffix]
    path = tmp_path / f"damaged.{suffix}"
    write_speech(path, codec, 16_000)
    data = bytearray(path.read_bytes())
    place, size = len(data) // 3, len(data) // 4
    data[place : place + size] = random.Random(1).randbytes(size)
    path.write_bytes(data)
    async with open_source(path) as source:
        chunks, error = await read_until_error(source)
    assert isinstance(error, CorruptAudioError)
    assert similarity(joined(chunks)[:8_000], speech()) > 0.95


@pytest.mark.parametrize("num_tracks", [1, 2])
async def test_a_hole_in_a_broadcast_raises_after_the_audio_behind_it(num_tracks: int) -> None:
    data = film(*[tone(20.0, rate_hz=48_000)] * num_tracks, container="mpegts", codec="aac", rate_hz=48_000)
    middle = len(data) // 2 // 188 * 188
    holed = data[:middle] + bytes(300_000) + data[middle:]  # FFmpeg searches 64 KiB for the next packet
    async with open_source("-", stdin=io.BytesIO(holed)) as source:
        chunks, error = await read_until_error(source)
    assert joined(chunks).size == pytest.approx(20 * 16_000, abs=2_400)
    assert isinstance(error, CorruptAudioError)
    assert "packets are missing in 1 place" in str(error)


async def test_a_hole_in_a_broadcast_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demuxer, "_MAX_RESYNCS", 16)
    data = encoded(tone(3.0, rate_hz=48_000), "aac", "mpegts", rate_hz=48_000)
    (tmp_path / "zeros.ts").write_bytes(data + bytes(2**21) + data)
    async with open_source(tmp_path / "zeros.ts") as source:
        chunks, error = await read_until_error(source)
    assert joined(chunks).size == pytest.approx(3 * 16_000, abs=2_400)
    assert isinstance(error, CorruptAudioError)
    assert str(error).endswith("s were read: no packet in 1 MiB")


async def test_zeros_after_a_broadcast_are_only_worth_a_notice(tmp_path: Path) -> None:
    data = encoded(tone(3.0, rate_hz=48_000), "aac", "mpegts", rate_hz=48_000)
    (tmp_path / "preallocated.ts").write_bytes(data + bytes(300_000))
    async with open_source(tmp_path / "preallocated.ts") as source:
        assert (await read_all(source)).size == pytest.approx(3 * 16_000, abs=2_400)
        assert [notice.code for notice in source.notices] == ["undecodable_bytes"]
        assert "after its last packet" in source.notices[0].message


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "webm", "m4a", "caf", "wv"])
async def test_a_header_without_data_is_corrupt(tmp_path: Path, suffix: str) -> None:
    codec = {"wav": "pcm_s24le", "mp3": "libmp3lame", "m4a": "aac", "caf": "alac", "wv": "wavpack", "flac": "flac"}
    path = tmp_path / f"header.{suffix}"
    write_speech(path, codec.get(suffix, "libopus"), 48_000)
    path.write_bytes(path.read_bytes()[:80])
    with pytest.raises(CorruptAudioError, match=str(path)):
        await decode_file(path)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_damage_raises_only_audio_errors(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(_fuzzed_files())))
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        noise = data.draw(st.binary(min_size=1, max_size=40))
        content[place : place + len(noise)] = noise
    del content[data.draw(st.integers(0, len(content))) :]
    assert_yields_samples_or_an_audio_error(bytes(content))


@pytest.mark.parametrize(
    "start", [b"RIFF", b"fLaC", b"OggS", b"ID3\x03", b"\x1aE\xdf\xa3", b"\0\0\0\x18ftyp", b"FORM", b""]
)
@settings(max_examples=20)
@given(st.binary(max_size=3_000))
def test_noise_after_a_signature_raises_only_audio_errors(start: bytes, noise: bytes) -> None:
    assert_yields_samples_or_an_audio_error(start + noise)


def assert_yields_samples_or_an_audio_error(content: bytes) -> None:
    reader = MediaReader("fuzz", ByteStream(io.BytesIO(content)))
    try:
        reader.open()
        for samples in reader.read():
            assert samples.dtype == np.float32
            assert np.all(np.abs(samples) <= 1.0)
    except AudioError as error:
        assert str(error).startswith("fuzz ")  # both outcomes are fine
    finally:
        reader.close()


@cache
def _fuzzed_files() -> list[bytes]:
    kinds = (
        ("wav", "pcm_s24le"),
        ("wav", "adpcm_ms"),
        ("flac", "flac"),
        ("mp3", "libmp3lame"),
        ("ogg", "libopus"),
        ("matroska", "flac"),
        ("webm", "libopus"),
        ("ipod", "aac"),
        ("adts", "aac"),
        ("mpegts", "aac"),
        ("aiff", "pcm_s16be"),
        ("caf", "alac"),
        ("wv", "wavpack"),
    )
    return [encoded(tone(0.2, rate_hz=48_000), codec, container, rate_hz=48_000) for container, codec in kinds]


async def test_an_mp4_with_its_index_at_the_end_cannot_be_read_from_a_pipe() -> None:
    data = encoded(tone(20.0), "aac", "mp4", rate_hz=16_000)  # more than FFmpeg probes
    with pytest.raises(AudioError, match="its index seems to be at its end; save it to a file"):
        async with open_source("-", stdin=pipe(data)) as source:
            await read_all(source)


# Behaviour


async def test_ffmpeg_logs_do_not_reach_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for suffix, codec in (("mp3", "libmp3lame"), ("m4a", "aac"), ("flac", "flac")):
        path = tmp_path / f"damaged.{suffix}"
        write_speech(path, codec, 16_000)
        data = bytearray(path.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 2_000] = random.Random(2).randbytes(2_000)
        path.write_bytes(data)
        async with open_source(path) as source:
            await read_until_error(source)
    assert capfd.readouterr() == ("", "")


async def test_memory_does_not_grow_with_the_length_of_a_recording(tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    silence = av.AudioFrame.from_ndarray(np.zeros((1, 80_000), np.int16), "s16", "mono")
    silence.sample_rate = 8_000
    with av.open(str(path), "w") as output:
        stream = output.add_stream("flac", rate=8_000, layout="mono")
        for i in range(360):
            silence.pts = i * silence.samples
            output.mux(stream.encode(silence))
        output.mux(stream.encode(None))
    async with open_source(path, chunk_ms=1_000) as source:
        assert source.duration_s == pytest.approx(3_600)
        await source.read()
        tracemalloc.start()
        try:
            for _ in range(200):
                await source.read()
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak_bytes < 4_000_000  # 200 s are 13 MB, an hour 230 MB


async def test_closing_early_stops_the_decoder(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp3"
    encode(path, tone(60.0, rate_hz=44_100), "libmp3lame", rate_hz=44_100)
    source: AudioSource
    async with open_source(path, chunk_ms=20) as source:
        await source.read()
    assert await source.read() is None
    path.unlink()  # Windows refuses to delete an open file


async def test_a_source_closed_early_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "talk.flac"
    write_speech(path, "flac", 44_100)
    num_files = _num_open_files()
    for _ in range(30):
        async with open_source(path) as source:
            await source.read()
    assert _num_open_files() == num_files


def _num_open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
