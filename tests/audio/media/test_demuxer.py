"""Inputs that are refused: not audio, or not to be opened."""

from __future__ import annotations

import os
import random
from pathlib import Path

import av
import pytest

from tests.support.media_files import black_picture, read_all, tone, wav_bytes
from voxtide.audio import open_source
from voxtide.errors import AudioError, CorruptAudioError, NotAudioError, SourceNotFoundError


async def refusal(path: Path) -> AudioError:
    with pytest.raises(AudioError) as caught:
        async with open_source(path) as source:
            await read_all(source)
    return caught.value


async def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    assert isinstance(await refusal(tmp_path / "nothing.wav"), SourceNotFoundError)


async def test_files_without_audio_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a playlist entry would resolve here
    contents = {
        "empty.wav": b"",
        "text.txt": b"This is a text about audio.\n" * 50,
        "text.mp3": b"This is a text about audio.\n" * 50,
        "talk.srt": b"1\n00:00:01,000 --> 00:00:02,000\nHello.\n",
        "page.html": b"<!doctype html><html><body>Hello</body></html>",
        "noise.bin": random.Random(7).randbytes(50_000),
        "zeros.bin": bytes(50_000),
        "list.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\n/etc/passwd\n",
        "list.ffconcat": b"ffconcat version 1.0\nfile talk.wav\n",
        "session.sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=audio 4000 RTP/AVP 0\n",
    }
    (tmp_path / "talk.wav").write_bytes(wav_bytes(tone(1.0)))
    for name, content in contents.items():
        path = tmp_path / name
        path.write_bytes(content)
        error = await refusal(path)
        assert isinstance(error, NotAudioError), name
        assert str(error).startswith(str(path)), name


@pytest.mark.parametrize(
    ("suffix", "codec", "pixels"),
    [("png", "png", "rgb24"), ("jpg", "mjpeg", "yuvj420p"), ("gif", "gif", "rgb8"), ("mp4", "mpeg4", "yuv420p")],
)
async def test_pictures_and_silent_films_are_refused(tmp_path: Path, suffix: str, codec: str, pixels: str) -> None:
    path = tmp_path / f"a.{suffix}"
    container = "image2" if suffix in {"png", "jpg"} else None
    with av.open(str(path), "w", format=container) as output:
        picture = output.add_stream(codec, rate=10, width=64, height=48, pix_fmt=pixels)
        output.mux([*picture.encode(black_picture().reformat(format=pixels)), *picture.encode(None)])
    error = await refusal(path)
    assert isinstance(error, NotAudioError)
    assert "contains no audio, only video" in str(error)


async def test_a_header_without_a_codec_is_corrupt(tmp_path: Path) -> None:
    data = bytearray(wav_bytes(tone(0.1)))
    data[22:24] = bytes(2)  # no channels
    (tmp_path / "talk.wav").write_bytes(data)
    error = await refusal(tmp_path / "talk.wav")
    assert isinstance(error, CorruptAudioError)
    assert "does not state the audio codec" in str(error)


async def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert isinstance(await refusal(tmp_path), NotAudioError)


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="this system has no /dev/zero")
async def test_an_endless_device_is_refused() -> None:
    assert isinstance(await refusal(Path("/dev/zero")), NotAudioError)
