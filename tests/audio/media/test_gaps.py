"""Times follow the container's clock: late starts, gaps and undecodable packets are silence."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.media_files import (
    black_picture,
    encode,
    encoded,
    joined,
    loudest_hz,
    pipe,
    read_all,
    read_until_error,
    tone,
)
from voxtide.audio import open_source
from voxtide.errors import CorruptAudioError
from voxtide.types import Samples

RATE_HZ = 16_000


def tones_at(
    container: str, codec: str, times_s: list[float], *, part_s: float = 2.0, picture_s: float | None = 0.0
) -> bytes:
    """Tones of `part_s` at each of `times_s`, beside a picture that starts at `picture_s`."""
    target = io.BytesIO()
    with av.open(target, "w", format=container) as output:
        picture = output.add_stream("mpeg4", rate=10, width=64, height=48) if picture_s is not None else None
        sound = output.add_stream(codec, rate=RATE_HZ, layout="mono")
        if picture is not None and picture_s is not None:
            black = black_picture()
            black.pts = round(picture_s * 10)
            output.mux([*picture.encode(black), *picture.encode(None)])
        size = sound.codec_context.frame_size or 1_024
        kind = sound.codec_context.format.name
        for time_s in times_s:
            samples = tone(part_s, rate_hz=RATE_HZ)
            for start in range(0, samples.size - size + 1, size):
                values = samples[None, start : start + size]
                frame = av.AudioFrame.from_ndarray(
                    values if kind == "fltp" else (values * 32767).astype(np.int16), kind, "mono"
                )
                frame.sample_rate, frame.pts = RATE_HZ, round(time_s * RATE_HZ) + start
                output.mux(sound.encode(frame))
        output.mux(sound.encode(None))
    return target.getvalue()


def sounding(samples: Samples) -> list[tuple[float, float]]:
    """Start and end of each sounding part, in seconds, to 0.1 s."""
    loud = np.flatnonzero(np.abs(samples) > 0.1)
    breaks = np.flatnonzero(np.diff(loud) > RATE_HZ // 5)
    starts, ends = loud[np.r_[0, breaks + 1]], loud[np.r_[breaks, loud.size - 1]]
    return [
        (round(float(start) / RATE_HZ, 1), round(float(end) / RATE_HZ, 1))
        for start, end in zip(starts, ends, strict=True)
    ]


def near(*expected: tuple[float, float]) -> list[object]:
    return [pytest.approx(span, abs=0.15) for span in expected]


async def decode(content: bytes) -> Samples:
    """Read as from a file: seekable."""
    async with open_source("-", stdin=io.BytesIO(content)) as source:
        return await read_all(source)


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("matroska", "flac"), ("mpegts", "aac")])
async def test_sound_that_starts_after_the_picture_keeps_its_time(container: str, codec: str) -> None:
    decoded = await decode(tones_at(container, codec, [4.0]))
    assert sounding(decoded) == near((4.0, 6.0))


async def test_the_length_of_a_film_counts_from_its_start(tmp_path: Path) -> None:
    (tmp_path / "late.mp4").write_bytes(tones_at("mp4", "aac", [4.0]))
    async with open_source(tmp_path / "late.mp4") as source:
        assert source.duration_s == pytest.approx(6.0, abs=0.1)


@pytest.mark.parametrize(("container", "codec"), [("ipod", "aac"), ("matroska", "flac"), ("mpegts", "aac")])
async def test_a_gap_is_silence_and_no_damage(container: str, codec: str) -> None:
    decoded = await decode(tones_at(container, codec, [0.0, 8.0], picture_s=None))
    assert sounding(decoded) == near((0.0, 2.0), (8.0, 10.0))
    silent = decoded[3 * RATE_HZ : 7 * RATE_HZ]
    assert np.abs(silent).max() < 1e-3


async def test_a_gap_is_silence_from_a_pipe() -> None:
    content = tones_at("matroska", "flac", [0.0, 8.0], picture_s=None)
    async with open_source("-", stdin=pipe(content)) as source:
        assert sounding(await read_all(source)) == near((0.0, 2.0), (8.0, 10.0))


async def test_a_clock_that_starts_late_for_all_tracks_adds_no_silence() -> None:
    hour_s = 20 * 3_600.0
    decoded = await decode(tones_at("mpegts", "aac", [hour_s], picture_s=hour_s))
    assert sounding(decoded) == near((0.0, 2.0))


async def test_a_broadcast_whose_clock_jumps_goes_on() -> None:
    decoded = await decode(tones_at("mpegts", "aac", [0.0, 7_200.0], picture_s=None))
    assert decoded.size == pytest.approx(4 * RATE_HZ, abs=RATE_HZ // 5)


async def test_undecodable_packets_keep_their_duration(tmp_path: Path) -> None:
    content = bytearray(tones_at("ipod", "aac", [0.0], part_s=6.0, picture_s=None))
    packets = sample_places(bytes(content))
    first, last = len(packets) // 3, 2 * len(packets) // 3
    for place, size in packets[first:last]:
        content[place : place + size] = b"\xff" * size
    (tmp_path / "damaged.m4a").write_bytes(content)
    async with open_source(tmp_path / "damaged.m4a") as source:
        chunks, error = await read_until_error(source)
    decoded = joined(chunks)
    assert isinstance(error, CorruptAudioError)
    assert "could not be decoded" in str(error)
    assert decoded.size == pytest.approx(6 * RATE_HZ, abs=RATE_HZ // 5)
    assert loudest_hz(decoded[5 * RATE_HZ :]) == pytest.approx(440, abs=2)


async def test_undecodable_packets_at_the_end_keep_their_duration(tmp_path: Path) -> None:
    content = bytearray(tones_at("ipod", "aac", [0.0], part_s=6.0, picture_s=None))
    packets = sample_places(bytes(content))
    for place, size in packets[len(packets) // 2 :]:
        content[place : place + size] = b"\xff" * size
    (tmp_path / "damaged.m4a").write_bytes(content)
    async with open_source(tmp_path / "damaged.m4a") as source:
        chunks, error = await read_until_error(source)
    assert isinstance(error, CorruptAudioError)
    assert joined(chunks).size == pytest.approx(6 * RATE_HZ, abs=RATE_HZ // 5)


def sample_places(content: bytes) -> list[tuple[int, int]]:
    """Offset and size of each packet of a file."""
    with av.open(io.BytesIO(content)) as container:
        return [(packet.pos, packet.size) for packet in container.demux() if packet.pos is not None and packet.size]


async def test_a_hole_in_a_format_without_gaps_is_damage(tmp_path: Path) -> None:
    content = encoded(tone(6.0), "flac", "flac", rate_hz=RATE_HZ)
    third = len(content) // 3
    (tmp_path / "hole.flac").write_bytes(content[:third] + content[2 * third :])
    async with open_source(tmp_path / "hole.flac") as source:
        _, error = await read_until_error(source)
    assert isinstance(error, CorruptAudioError)


@pytest.mark.parametrize("container", ["amr", "3gp"])
async def test_silence_frames_of_amr_are_decoded(tmp_path: Path, container: str) -> None:
    path = tmp_path / f"call.{container}"
    speech_8k = np.concatenate([tone(1.0, rate_hz=8_000), np.zeros(16_000, np.float32), tone(1.0, rate_hz=8_000)])
    encode(path, speech_8k, "libopencore_amrnb", rate_hz=8_000, options={"dtx": "1"})
    with av.open(str(path)) as file:
        sizes = {packet.size for packet in file.demux(file.streams.audio[0])}
    assert len(sizes) > 2, "no silence frames: the test would prove nothing"
    async with open_source(path) as source:
        decoded = await read_all(source)
    assert decoded.size == pytest.approx(4 * RATE_HZ, abs=RATE_HZ // 10)
    assert sounding(decoded) == near((0.0, 1.0), (3.0, 4.0))


async def test_silence_frames_of_wideband_amr_are_decoded() -> None:
    # No encoder of this FFmpeg writes it. RFC 4867: a header byte with type and quality, then the bits of 20 ms.
    speech, silence, nothing = b"\x04" + bytes(range(17)), b"\x4c" + bytes(5), b"\x7c"
    content = b"#!AMR-WB\n" + speech * 50 + (silence + nothing * 7) * 12 + speech * 50
    async with open_source("-", stdin=io.BytesIO(content)) as source:
        assert (await read_all(source)).size == pytest.approx((50 + 96 + 50) * 0.02 * RATE_HZ, abs=RATE_HZ // 10)
