"""Matroska files with several tracks: whole, truncated and without a stated length."""

from __future__ import annotations

import io

import pytest

from tests.support.media_files import film, joined, pipe, read_until_error, tone
from voxtide.audio import open_source
from voxtide.audio.bytestream import ByteStream
from voxtide.audio.media.matroska import stated_matroska_bytes
from voxtide.errors import AudioError, CorruptAudioError

RATE_HZ = 16_000
EBML = b"\x1a\x45\xdf\xa3\x84abcd"
SEGMENT = b"\x18\x53\x80\x67"


def two_tracks(container: str, lengths_s: tuple[float, float]) -> bytes:
    tracks = [tone(length_s, rate_hz=48_000) for length_s in lengths_s]
    return film(*tracks, container=container, codec="libopus", rate_hz=48_000)


async def read(content: bytes, *, is_pipe: bool) -> tuple[float, AudioError | None]:
    stdin = pipe(content) if is_pipe else io.BytesIO(content)
    async with open_source("-", stdin=stdin, track=1) as source:
        chunks, error = await read_until_error(source)
    return joined(chunks).size / RATE_HZ, error


PIPE = pytest.mark.parametrize("is_pipe", [False, True], ids=["file", "pipe"])


@PIPE
@pytest.mark.parametrize("container", ["matroska", "webm"])
async def test_a_truncated_file_with_several_tracks_raises_after_its_audio(container: str, *, is_pipe: bool) -> None:
    content = two_tracks(container, (8.0, 8.0))
    length_s, error = await read(content[: len(content) // 2], is_pipe=is_pipe)
    assert 2.0 < length_s < 6.0
    assert isinstance(error, CorruptAudioError)
    assert "is damaged or truncated" in str(error)
    assert str(error).endswith("bytes are missing")


@PIPE
@pytest.mark.parametrize("lengths_s", [(8.0, 8.0), (3.0, 8.0), (8.0, 3.0)])
async def test_a_track_shorter_than_another_is_whole(lengths_s: tuple[float, float], *, is_pipe: bool) -> None:
    length_s, error = await read(two_tracks("matroska", lengths_s), is_pipe=is_pipe)
    assert error is None
    assert length_s == pytest.approx(lengths_s[0], abs=0.1)


@pytest.mark.parametrize(
    ("content", "num_bytes"),
    [
        (EBML + SEGMENT + b"\x8a" + bytes(5), 24),
        (EBML + SEGMENT + b"\x01\0\0\0\0\0\x01\0", 21 + 256),
        (EBML + SEGMENT + b"\x01" + b"\xff" * 7, None),  # as live writers leave it
        (EBML + SEGMENT + b"\xff", None),
        (EBML + SEGMENT + b"\x01\0\0", None),
        (EBML + SEGMENT, None),
        (EBML + b"\x18\x53\x80\x68\x8a", None),
        (EBML[:5] + b"ab", None),
        (b"\x1a\x45\xdf\xa3\0abcd", None),
        (b"OggS\x84abcd" + SEGMENT + b"\x8a", None),
        (b"", None),
    ],
)
def test_the_stated_length(content: bytes, num_bytes: int | None) -> None:
    assert stated_matroska_bytes(ByteStream(io.BytesIO(content))) == num_bytes
