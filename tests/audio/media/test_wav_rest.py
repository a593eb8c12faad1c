"""WAV files whose header states fewer samples than they hold, and other bytes after the samples."""

from __future__ import annotations

import io
import os
import random
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.support.media_files import encode, encoded, pipe, read_all, tone
from voxtide.audio import open_source
from voxtide.audio.bytestream import ByteStream
from voxtide.audio.media.wav_rest import wav_rest

RATE_HZ = 16_000
CODECS = pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le"], ids=["plain", "through FFmpeg"])
CHUNK = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf61.0.100\0\0"


def write_wav(path: Path, codec: str, *, num_unstated: int, after: bytes = b"") -> int:
    """Write two seconds, of whose bytes the header omits `num_unstated`; returns the number of samples."""
    encode(path, tone(2.0), codec, rate_hz=RATE_HZ)
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    (num_bytes,) = struct.unpack_from("<I", data, place)
    assert len(data) == place + 4 + num_bytes, "FFmpeg writes the samples last"
    data[place : place + 4] = struct.pack("<I", num_bytes - num_unstated)
    path.write_bytes(bytes(data) + after)
    return 2 * RATE_HZ


async def read(path: Path) -> tuple[int, float | None, list[tuple[str, str]]]:
    """The number of samples, the length, and the notices."""
    async with open_source(path) as source:
        samples = await read_all(source)
        return samples.size, source.duration_s, [(notice.code, notice.message) for notice in source.notices]


@CODECS
@pytest.mark.parametrize("num_unstated", [20_000, 20_001, 60_000])
@pytest.mark.parametrize("after", [b"", CHUNK, CHUNK + b"id3 \5\0\0\0abcde\0"], ids=["last", "chunk", "chunks"])
async def test_audio_that_the_header_does_not_state_is_read(
    tmp_path: Path, codec: str, num_unstated: int, after: bytes
) -> None:
    path = tmp_path / "talk.wav"
    num_samples = write_wav(path, codec, num_unstated=num_unstated, after=after)
    num_read, duration_s, notices = await read(path)
    assert num_read == num_samples
    assert duration_s == pytest.approx(2.0)
    ((code, message),) = notices
    assert code == "wrong_length"
    unstated_s = num_unstated / RATE_HZ / (3 if codec == "pcm_s24le" else 2)
    assert message == f"{path} holds {unstated_s:.2f} s more than its header states; they were read"


@CODECS
@pytest.mark.parametrize(
    ("after", "codes"),
    [
        (CHUNK, []),
        (CHUNK * 1_000, []),
        (b"abcd" + struct.pack("<I", 9_000) + b"\1" * 9_000, []),  # an unknown chunk
        (b"LIST" + struct.pack("<I", 90_000) + b"\1" * 30_000, []),  # truncated
        (b"\0" * 500, []),  # padding
        (random.Random(7).randbytes(500), ["undecodable_bytes"]),
        (b"ID3\4\0\0\0\0\x70\0" + b"\xff" * 30_000, ["undecodable_bytes"]),
    ],
    ids=["chunk", "chunks", "unknown chunk", "truncated chunk", "padding", "a few bytes", "tag"],
)
async def test_what_is_no_audio_is_not_read(tmp_path: Path, codec: str, after: bytes, codes: list[str]) -> None:
    num_samples = write_wav(tmp_path / "talk.wav", codec, num_unstated=0, after=after)
    num_read, duration_s, notices = await read(tmp_path / "talk.wav")
    assert num_read == num_samples
    assert duration_s == pytest.approx(2.0)
    assert [code for code, _ in notices] == codes


@CODECS
async def test_a_part_too_short_for_a_syllable_is_named_and_skipped(tmp_path: Path, codec: str) -> None:
    path = tmp_path / "talk.wav"
    num_samples = write_wav(path, codec, num_unstated=3_000)
    num_read, _, notices = await read(path)
    assert num_read == num_samples - 3_000 // (3 if codec == "pcm_s24le" else 2)
    assert notices == [
        ("undecodable_bytes", f"{path} holds 3000 bytes after the audio that its header states; they were skipped")
    ]


@CODECS
async def test_a_recording_behind_the_first_is_named(tmp_path: Path, codec: str) -> None:
    write_wav(tmp_path / "second.wav", codec, num_unstated=0)
    path = tmp_path / "joined.wav"
    num_samples = write_wav(path, codec, num_unstated=0, after=(tmp_path / "second.wav").read_bytes())
    num_read, _, notices = await read(path)
    assert num_read == num_samples
    message = f"{path} goes on after the audio that its header states, which was not read; pass recordings one by one"
    assert notices == [("unread_audio", message)]


@CODECS
@pytest.mark.parametrize("num_zeros", [1_000, 70_000, 200_001])
@pytest.mark.parametrize("rate_hz", [RATE_HZ, 44_100])
async def test_a_recording_behind_zeros_is_named(tmp_path: Path, codec: str, num_zeros: int, rate_hz: int) -> None:
    second = encoded(tone(1.0, rate_hz=rate_hz), "pcm_s16le", "wav", rate_hz=rate_hz)
    num_samples = write_wav(tmp_path / "joined.wav", codec, num_unstated=0, after=bytes(num_zeros) + second)
    num_read, _, notices = await read(tmp_path / "joined.wav")
    assert num_read == num_samples
    assert [code for code, _ in notices] == ["unread_audio"]


@CODECS
async def test_zeros_before_unstated_samples_are_read_with_them(tmp_path: Path, codec: str) -> None:
    audio = bytes(100_000) + random.Random(3).randbytes(200_000)
    num_samples = write_wav(tmp_path / "killed.wav", codec, num_unstated=0, after=audio)
    num_read, _, notices = await read(tmp_path / "killed.wav")
    assert num_read == num_samples + len(audio) // (3 if codec == "pcm_s24le" else 2)
    assert [code for code, _ in notices] == ["wrong_length"]


@pytest.mark.parametrize(
    ("after", "is_named"),
    [
        (b"", False),
        (CHUNK, False),
        (b"\0" + CHUNK, False),  # behind a padding byte
        (b"\0" * 500, False),
        (b"\0" * 200_000, False),
        (random.Random(7).randbytes(500), True),
        (b"RIFF\x24\0\0\0WAVEfmt ", True),
        (b"\0" * 200_000 + b"RIFF\x24\0\0\0WAVEfmt ", True),
        (b"R", True),
    ],
    ids=["nothing", "chunk", "padded chunk", "padding", "much padding", "bytes", "another", "behind padding", "a byte"],
)
@pytest.mark.parametrize("ends", [True, False])
async def test_what_follows_the_samples_in_a_pipe_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: bytes, is_named: bool, ends: bool
) -> None:
    """Whether or not the writer keeps the pipe open."""
    if not is_named:  # what is named must arrive before the timeout, also on a busy machine
        monkeypatch.setattr("voxtide.audio.media.wav_rest.PIPE_TIMEOUT_S", 0.01)
    num_samples = write_wav(tmp_path / "talk.wav", "pcm_s16le", num_unstated=0, after=after)
    reading_fd, writing_fd = os.pipe()
    with os.fdopen(writing_fd, "wb", buffering=0) as writer, os.fdopen(reading_fd, "rb") as reader:
        threading.Thread(target=_write, args=(writer, (tmp_path / "talk.wav").read_bytes(), ends)).start()
        async with open_source("-", stdin=reader) as source:
            assert (await read_all(source)).size == num_samples
            assert [notice.code for notice in source.notices] == ["unread_audio"] * is_named


async def test_the_search_behind_a_pipes_samples_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes, and in time: a writer may send silence for ever."""
    num_samples = write_wav(tmp_path / "talk.wav", "pcm_s16le", num_unstated=0, after=bytes(300_000) + b"RIFF")
    for limit, value in (("_MAX_ZERO_BYTES", 100_000), ("PIPE_SEARCH_S", 0.0)):
        with monkeypatch.context() as patched:
            patched.setattr(f"voxtide.audio.media.wav_rest.{limit}", value)
            async with open_source("-", stdin=pipe((tmp_path / "talk.wav").read_bytes())) as source:
                assert (await read_all(source)).size == num_samples
                assert source.notices == []


def _write(writer: BinaryIO, data: bytes, ends: bool) -> None:
    with suppress(BrokenPipeError):  # the reader needs no more
        writer.write(data)
        if ends:
            writer.close()


@pytest.mark.parametrize("num_bytes", [0, 20_000])
def test_other_formats_and_short_headers_have_no_rest(num_bytes: int) -> None:
    for start in (b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEdata", b"OggS\0\0\0\0WAVEdata\1\0\0\0"):
        stream = ByteStream(io.BytesIO(start + bytes(num_bytes)))
        assert wav_rest("talk.wav", stream) is None
        assert stream.tell() == 0
