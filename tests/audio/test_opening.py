"""`open_source` for every kind of source, and low latency from stdin."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.media_files import (
    SPEECH,
    encode,
    encoded,
    joined,
    loudest_hz,
    read_all,
    read_until_error,
    similarity,
    speech,
    tone,
    wav_bytes,
)
from voxtide.audio import Encoding, encode_pcm, open_source
from voxtide.audio.microphone import MicrophoneSource
from voxtide.audio.opening import is_live
from voxtide.errors import ConfigError, CorruptAudioError, NotAudioError, SourceNotFoundError

SHORT_S = 0.2


def test_an_empty_source_is_refused() -> None:
    with pytest.raises(ConfigError, match="the source is empty"):
        open_source("")


class Pipe:
    """A pipe whose reading end serves as stdin."""

    def __init__(self) -> None:
        reading_fd, writing_fd = os.pipe()
        self.stdin = os.fdopen(reading_fd, "rb")
        self._writer = os.fdopen(writing_fd, "wb", buffering=0)

    def write(self, data: bytes) -> None:
        self._writer.write(data)

    def end(self) -> None:
        self._writer.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.end()
    pipe.stdin.close()


class Unseekable(io.RawIOBase):
    """`data` as from a pipe."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def read(self, size: int = -1) -> bytes:
        return self._data.read(size)


def decode_stdin(data: bytes, *codes: str, **options: object) -> np.ndarray:
    """The samples of `data` on stdin, from a pipe and, but for the codec's padding, from a file, with these notices."""

    async def read(stdin: io.RawIOBase | io.BytesIO) -> np.ndarray:
        async with open_source("-", stdin=stdin, **options) as source:
            assert source.name == "stdin"
            if isinstance(stdin, Unseekable):
                assert source.duration_s is None
            samples = await read_all(source)
            assert tuple(notice.code for notice in source.notices) == codes
            return samples

    piped, filed = asyncio.run(read(Unseekable(data))), asyncio.run(read(io.BytesIO(data)))
    np.testing.assert_allclose(piped[: filed.size], filed[: piped.size], atol=1e-4)
    assert filed.size == pytest.approx(piped.size, abs=1_600)
    return piped


# Files


@pytest.mark.parametrize("as_path", [str, Path, lambda path: path.as_uri()], ids=["text", "Path", "file address"])
async def test_a_file_by_its_path(as_path: type) -> None:
    async with open_source(as_path(SPEECH)) as source:
        assert source.name == str(SPEECH)
        np.testing.assert_array_equal(await read_all(source), speech())


async def test_a_file_with_a_special_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mic", "-", "concat:x"):
        (tmp_path / name).write_bytes(wav_bytes(tone(0.5)))
        for spec in (f"./{name}", Path(name)):
            async with open_source(spec) as source:
                assert (await read_all(source)).size == 8_000


async def test_a_file_of_raw_pcm(tmp_path: Path) -> None:
    (tmp_path / "talk.raw").write_bytes(encode_pcm(tone(1.0, rate_hz=8_000), Encoding.PCM_MULAW))
    async with open_source(tmp_path / "talk.raw", encoding="pcm_mulaw", sample_rate_hz=8_000) as source:
        assert source.duration_s == 1.0
        decoded = await read_all(source)
    assert loudest_hz(decoded) == 440


async def test_a_given_encoding_reads_even_a_wav_file_as_raw_pcm() -> None:
    async with open_source(SPEECH, encoding=Encoding.PCM_S16LE) as source:
        assert (await read_all(source)).size == speech().size + 22  # its header is 22 samples of noise


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize(("container", "codec"), [("wav", "pcm_s16le"), ("mp3", "libmp3lame"), ("matroska", "flac")])
async def test_a_named_pipe(tmp_path: Path, container: str, codec: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    data = encoded(tone(1.0, rate_hz=44_100), codec, container, rate_hz=44_100)
    writing = asyncio.create_task(asyncio.to_thread((tmp_path / "pipe").write_bytes, data))
    async with open_source(tmp_path / "pipe") as source:
        assert loudest_hz(await read_all(source)) == pytest.approx(440, abs=1)
    await writing


async def test_a_missing_file() -> None:
    with pytest.raises(SourceNotFoundError):
        async with open_source("nothing.wav"):
            pass


# Stdin


@pytest.mark.parametrize("encoding", Encoding)
def test_raw_pcm_on_stdin(encoding: Encoding) -> None:
    stereo = np.repeat(tone(1.0, rate_hz=24_000), 2)
    decoded = decode_stdin(encode_pcm(stereo, encoding), encoding=encoding, sample_rate_hz=24_000, channels=2)
    assert decoded.size == 16_000
    assert similarity(decoded, tone(1.0)) > 0.99


def test_stdin_without_a_signature_is_16_bit_pcm() -> None:
    np.testing.assert_array_equal(decode_stdin(SPEECH.read_bytes()[44:], "raw_pcm"), speech())


async def test_the_format_of_unknown_data_is_reported_before_its_end(pipe: Pipe) -> None:
    async with open_source("-", stdin=pipe.stdin, chunk_ms=20) as source:
        pipe.write(encode_pcm(tone(0.1), Encoding.PCM_S16LE))
        await source.read()
        (notice,) = source.notices
    assert notice.message.startswith("reading stdin as raw audio: pcm_s16le, 16000 Hz, mono; give its encoding")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<!doctype html><title>404</title><p>No such file.</p>", "text"),
        (b'{"detail": "not found"}\n', "text"),
        (b"#EXTM3U\nhttp://example.com/talk.mp3\n", "text"),
        (b"PK\x03\x04\x14\0\0\0\x08\0" + bytes(range(256)), "a ZIP archive"),
    ],
)
@pytest.mark.parametrize("as_stdin", [io.BytesIO, Unseekable])
async def test_files_without_audio_are_refused_on_stdin(data: bytes, kind: str, as_stdin: type) -> None:
    with pytest.raises(NotAudioError, match=f"stdin is {kind}, not audio"):
        async with open_source("-", stdin=as_stdin(data)) as source:
            await read_all(source)


def test_a_format_that_only_ffmpeg_knows_is_read_from_a_file_on_stdin() -> None:
    junk = b"\x11\x22\x33\x44" * 40
    data = junk + encoded(tone(2.0, rate_hz=44_100), "libmp3lame", "mp3", rate_hz=44_100)

    async def read() -> np.ndarray:
        async with open_source("-", stdin=io.BytesIO(data)) as source:
            return await read_all(source)

    assert loudest_hz(asyncio.run(read())) == pytest.approx(440, abs=1)


def test_the_rate_of_stdin_without_a_signature_can_be_given() -> None:
    decoded = decode_stdin(encode_pcm(tone(1.0, rate_hz=48_000), Encoding.PCM_S16LE), "raw_pcm", sample_rate_hz=48_000)
    assert loudest_hz(decoded) == 440


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("wav", "pcm_s16le"),
        ("wav", "pcm_s24le"),
        ("flac", "flac"),
        ("mp3", "libmp3lame"),
        ("ogg", "libopus"),
        ("webm", "libopus"),
        ("matroska", "flac"),
        ("adts", "aac"),
        ("mpegts", "aac"),
        ("aiff", "pcm_s16be"),
        ("ac3", "ac3"),
        ("vob", "mp2"),
    ],
)
def test_a_file_on_stdin_is_detected(container: str, codec: str) -> None:
    original = soxr.resample(speech(), 16_000, 48_000).astype(np.float32)
    data = encoded(original, codec, container, rate_hz=48_000)
    decoded = decode_stdin(data)
    assert decoded.size == pytest.approx(speech().size, abs=1_600)
    if codec not in {"aac", "ac3", "mp2"}:  # their padding shifts the audio
        assert similarity(decoded, speech()) > 0.95


async def test_a_seekable_file_on_stdin(tmp_path: Path) -> None:
    path = tmp_path / "talk.m4a"  # its index is at the end
    encode(path, tone(1.0, rate_hz=44_100), "aac", rate_hz=44_100)
    with path.open("rb") as stdin:
        async with open_source("-", stdin=stdin) as source:
            assert loudest_hz(await read_all(source)) == pytest.approx(440, abs=1)


def test_mp3_behind_zeros_on_stdin_is_detected() -> None:
    data = encoded(tone(2.0, rate_hz=44_100), "libmp3lame", "mp3", rate_hz=44_100)
    decoded = decode_stdin(bytes(4_096) + data[data.index(b"\xff\xfb") :])
    assert decoded.size == pytest.approx(32_000, abs=1_600)
    assert loudest_hz(decoded) == pytest.approx(440, abs=1)


def test_a_given_encoding_disables_detection_on_stdin() -> None:
    data = b"RIFF" + bytes(3_196)
    assert decode_stdin(data, encoding="pcm_s16le").size == 1_600


def test_a_stdin_of_less_than_a_sample_has_no_audio() -> None:
    assert decode_stdin(b"\0", "raw_pcm", "partial_sample").size == 0


@pytest.mark.parametrize("encoding", [None, "pcm_s16le"])
def test_an_empty_stdin_is_an_error(encoding: str | None) -> None:
    with pytest.raises(NotAudioError, match="^stdin is empty$"):
        decode_stdin(b"", encoding=encoding)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(10, 300), st.lists(st.integers(1, 2_000), max_size=8))
def test_the_audio_is_independent_of_chunking(chunk_ms: int, piece_bytes: list[int]) -> None:
    data = encode_pcm(tone(SHORT_S, rate_hz=24_000), Encoding.PCM_S16LE)

    class Trickle(io.RawIOBase):
        def __init__(self) -> None:
            self._pieces = iter(np.split(np.frombuffer(data, "u1"), np.cumsum(piece_bytes)))

        def read(self, size: int = -1) -> bytes:
            return next((piece.tobytes() for piece in self._pieces if piece.size), b"")

    async def read() -> list[np.ndarray]:
        async with open_source("-", stdin=Trickle(), sample_rate_hz=24_000, chunk_ms=chunk_ms) as source:
            return [chunk async for chunk in source]

    chunks = asyncio.run(read())
    np.testing.assert_array_equal(joined(chunks), decode_stdin(data, "raw_pcm", sample_rate_hz=24_000))
    assert {chunk.size for chunk in chunks[:-1]} <= {chunk_ms * 16}


async def test_live_pcm_is_delivered_without_delay(pipe: Pipe) -> None:
    data = encode_pcm(tone(1.0), Encoding.PCM_S16LE)
    async with open_source("-", stdin=pipe.stdin, chunk_ms=20) as source:  # the pipe is still empty
        for start in range(0, len(data), 640):
            pipe.write(data[start : start + 639])
            reading = asyncio.create_task(source.read())
            await asyncio.sleep(0)
            pipe.write(data[start + 639 : start + 640])
            chunk = await reading  # would block if anything were held back
            assert chunk is not None
            assert chunk.size == 320
        pipe.end()
        assert await source.read() is None


async def test_live_wav_is_delivered_without_delay(pipe: Pipe) -> None:
    header = bytearray(wav_bytes(tone(0.0)))
    header[4:8] = header[40:44] = b"\xff\xff\xff\xff"
    async with open_source("-", stdin=pipe.stdin, chunk_ms=20) as source:
        pipe.write(bytes(header))
        for _ in range(50):
            pipe.write(encode_pcm(tone(0.02), Encoding.PCM_S16LE))
            chunk = await source.read()
            assert chunk is not None
            assert chunk.size == 320


@pytest.mark.parametrize("num_bytes", [0, 1, 3_201])
async def test_an_idle_stdin_can_be_closed(pipe: Pipe, num_bytes: int) -> None:
    pipe.write(bytes(num_bytes))
    async with asyncio.timeout(10):
        async with open_source("-", stdin=pipe.stdin, chunk_ms=20) as source:
            reading = asyncio.create_task(source.read())
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
    assert not pipe.stdin.closed  # the caller owns it


@pytest.mark.parametrize(
    ("codec", "container", "rate_hz"),
    [
        ("pcm_s16le", "wav", 24_000),
        ("adpcm_ms", "wav", 16_000),  # FFmpeg still probes this when it ends
        ("flac", "flac", 16_000),
        ("libmp3lame", "mp3", 44_100),
        ("libopus", "ogg", 48_000),
        ("libopus", "webm", 48_000),
    ],
)
async def test_an_ended_pipe_delivers_all_that_it_holds(pipe: Pipe, codec: str, container: str, rate_hz: int) -> None:
    data = encoded(tone(1.5, rate_hz=rate_hz), codec, container, rate_hz=rate_hz)
    part = data[: len(data) * 2 // 3 | 1]
    pipe.write(part)
    async with open_source("-", stdin=pipe.stdin) as source:
        assert source.end()
        samples = await read_all(source)
    async with open_source("-", stdin=Unseekable(part)) as source_that_ends:
        chunks, _ = await read_until_error(source_that_ends)
    np.testing.assert_array_equal(samples, joined(chunks))
    assert samples.size > 8_000
    assert source.notices == []


@pytest.mark.parametrize("start", [b"", b"OggS", b"fLaC\0\0\0\x22", b"RIFF\xff\xff\xff\xffWAVEfmt "])
async def test_a_pipe_that_is_ended_in_its_header_has_no_audio(pipe: Pipe, start: bytes) -> None:
    pipe.write(start)
    async with open_source("-", stdin=pipe.stdin) as source:
        assert source.end()
        assert await source.read() is None


async def test_a_truncated_file_on_stdin_raises() -> None:
    data = SPEECH.read_bytes()
    async with open_source("-", stdin=io.BytesIO(data[:30_044])) as source:
        chunks, error = await read_until_error(source)
    assert isinstance(error, CorruptAudioError)
    assert "stdin ends after 0.94 s" in str(error)
    np.testing.assert_array_equal(joined(chunks), speech()[:15_000])


async def test_a_picture_on_stdin_raises() -> None:
    with pytest.raises((NotAudioError, CorruptAudioError)):
        async with open_source("-", stdin=io.BytesIO(b"RIFF\x24\0\0\0WEBPVP8 " + bytes(100))) as source:
            await read_all(source)


PROGRAM = """
import asyncio
from voxtide.audio import open_source

async def main():
    async with open_source("-", chunk_ms=20) as source:
        async for chunk in source:
            print(chunk.size, flush=True)
            if {is_stopping}:
                break

asyncio.run(main())
"""


def start(*, is_stopping: bool) -> subprocess.Popen[bytes]:
    program = PROGRAM.format(is_stopping=is_stopping)
    command = [sys.executable, "-W", "error", "-c", program]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_the_process_reads_its_own_stdin() -> None:
    with start(is_stopping=False) as process:
        output, errors = process.communicate(bytes(1_600), timeout=60)
    assert (output.split(), errors, process.returncode) == ([b"320", b"320", b"160"], b"", 0)


def test_a_process_that_stops_reading_an_idle_stdin_exits_at_once_without_output() -> None:
    with start(is_stopping=True) as process:
        assert process.stdin is not None
        process.stdin.write(b"\1\0" * 320)
        process.stdin.flush()
        assert process.wait(timeout=60) == 0  # stdin is still open: the thread must not block the exit
        assert process.stderr is not None
        assert process.stderr.read() == b""


# Live sources


@pytest.mark.parametrize(
    ("spec", "before", "after"),
    [
        ("mic", True, True),
        ("pipe", True, True),
        ("talk.wav", False, False),
        ("missing.wav", False, False),
        ("http://h/x.mp3", False, True),
        ("rtsp://h/x", True, True),
        ("gopher://h/x", False, False),
    ],
)
def test_live_sources_cannot_be_transcribed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, *, before: bool, after: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("talk.wav").touch()
    os.mkfifo("pipe")
    assert (is_live(spec), is_live(spec, is_endless=True)) == (before, after)


@pytest.mark.parametrize(("command", "live"), [("cat x | {}", True), ("{} < x", False)])
def test_stdin_is_live_unless_it_is_a_file(tmp_path: Path, command: str, *, live: bool) -> None:
    (tmp_path / "x").touch()
    program = f"{sys.executable} -c 'from voxtide.audio.opening import is_live; print(is_live(\"-\"))'"
    done = subprocess.run(command.format(program), shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (f"{live}\n", "")


# Refused arguments


async def test_mic_opens_a_microphone() -> None:
    assert isinstance(open_source("mic", device=3), MicrophoneSource)


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("talk.wav", {"chunk_ms": 9}, "chunk_ms must be 10 to 10000, not 9"),
        ("-", {"chunk_ms": 10_001}, "chunk_ms must be 10 to 10000, not 10001"),
        ("mic", {"chunk_ms": 0}, "chunk_ms must be 10 to 10000, not 0"),
        ("http://h/x", {"chunk_ms": -80}, "chunk_ms must be 10 to 10000, not -80"),
        ("-", {"encoding": "mp3"}, "unknown encoding 'mp3'"),
        ("-", {"sample_rate_hz": 16}, "sample rate must be 4000 to 384000 Hz, not 16 Hz"),
        ("-", {"channels": 9}, "channels must be 1 to 8, not 9"),
        ("mic", {"sample_rate_hz": 16_000}, "a microphone has its own format"),
        ("http://h/x", {"encoding": "pcm_s16le"}, "an address has its own format"),
        ("talk.raw", {"channels": 2}, "to read talk.raw as raw PCM, give its encoding"),
        ("talk.wav", {"device": 1}, "device 1 does not apply to 'talk.wav'"),
        ("concat:a|b", {}, "begin with concat:"),
        pytest.param("-", {"stdin": io.StringIO()}, "must be a binary stream", id="text stdin"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_invalid_arguments_are_refused_before_opening(spec: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_source(spec, **options)
    assert message in str(caught.value)
