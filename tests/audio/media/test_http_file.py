"""Files over HTTP resume after a lost connection: the same file, a bounded number of times, from where they were."""

from __future__ import annotations

import base64
import io
import re
import threading
from collections import deque
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest

from tests.support.file_server import FileServer, serving
from tests.support.media_files import encode, encoded, joined, loudest_hz, read_all, read_until_error, tone, wav_bytes
from voxtide.audio import open_source
from voxtide.audio.addresses import Address, Limits, parse
from voxtide.audio.bytestream import ReadInterruptedError
from voxtide.audio.media import inputs
from voxtide.audio.media.http_file import HttpFile, open_http_file
from voxtide.audio.media.inputs import AddressReader
from voxtide.audio.threaded import ThreadedSource
from voxtide.errors import AudioError, CorruptAudioError
from voxtide.types import Samples

AUDIO = tone(20.0)
WAV = wav_bytes(AUDIO)
AT_ONCE = (0.0,) * 3
"""Three attempts without pauses."""


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer(files={"/talk.wav": WAV})) as server:
        yield server


def source(server: FileServer, path: str = "/talk.wav") -> ThreadedSource:
    address = parse(server.url + path)
    assert isinstance(address, Address)
    return ThreadedSource(address.name, AddressReader(address.name, address, pauses_s=AT_ONCE), chunk_ms=100)


def starts(server: FileServer, path: str = "/talk.wav") -> list[int]:
    """The offsets that were requested."""
    return [int(headers["range"].removeprefix("bytes=").rstrip("-")) for headers in server.requested(path)]


def opened(server: FileServer, *, limits: Limits | None = None, pauses_s: tuple[float, ...] = AT_ONCE) -> HttpFile:
    address = parse(f"{server.url}/talk.wav")
    assert isinstance(address, Address)
    file = open_http_file(address, limits or Limits(), pauses_s=pauses_s)
    assert file is not None
    return file


def pieces(file: HttpFile) -> Iterator[bytes]:
    """All reads of a file up to its end."""
    while data := file.read(50_000):
        yield data


async def decoded(server: FileServer, path: str = "/talk.wav") -> Samples:
    async with source(server, path) as opened_source:
        return await read_all(opened_source)


@pytest.mark.parametrize("cuts", [[], [200_000], [200_000, 200_000, 200_000], [70_000] * 8, [100_000, 0, 0, 300_000]])
def test_a_lost_connection_is_resumed_where_it_was(server: FileServer, cuts: list[int]) -> None:
    server.cuts.extend(cuts)
    with opened(server) as file:
        assert b"".join(pieces(file)) == WAV
    assert starts(server) == list(accumulate(cuts, initial=0))


async def test_a_source_resumes_without_a_trace(server: FileServer) -> None:
    server.cuts.extend([200_000] * 3)
    async with source(server) as opened_source:
        assert opened_source.duration_s == 20.0
        samples = await read_all(opened_source)
        assert opened_source.notices == []
    assert samples.size == AUDIO.size
    np.testing.assert_allclose(samples, AUDIO, atol=2**-14)


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("ogg", "libopus"), ("matroska", "flac")])
async def test_every_container_resumes(server: FileServer, container: str, codec: str) -> None:
    server.files["/talk"] = encoded(tone(20.0, rate_hz=48_000), codec, container, rate_hz=48_000)
    whole = await decoded(server, "/talk")
    server.cuts.extend([len(server.files["/talk"]) // 3] * 2)
    np.testing.assert_array_equal(await decoded(server, "/talk"), whole)
    assert loudest_hz(whole) == pytest.approx(440, abs=1)


async def test_an_index_at_the_end_is_read_first(server: FileServer) -> None:
    target = io.BytesIO()
    encode(target, tone(20.0, rate_hz=44_100), "aac", rate_hz=44_100, container="ipod")
    server.files["/talk.m4a"] = target.getvalue()
    server.cuts.extend([100_000] * 3)
    assert (await decoded(server, "/talk.m4a")).size == pytest.approx(320_000, abs=3_200)


def test_a_server_that_stops_sending_is_resumed(server: FileServer) -> None:
    server.hold_at = 300_000
    with opened(server, limits=Limits(open_s=1_000.0, read_s=1.0)) as file:
        assert server.held.wait(60)
        server.hold_at = None
        assert b"".join(pieces(file)) == WAV
    assert starts(server) == [0, 300_000]


def test_a_server_may_pause_for_longer_than_it_takes_to_answer(server: FileServer) -> None:
    server.hold_at = 300_000
    with opened(server, limits=Limits(open_s=1.0, read_s=1_000.0)) as file:
        threading.Timer(1.2, server.release.set).start()
        assert b"".join(pieces(file)) == WAV
    assert starts(server) == [0]


@pytest.mark.parametrize(
    ("fault", "value", "reason"),
    [
        ("etags", ['"b"'], "the file there has changed"),
        ("files", {"/talk.wav": WAV + b"more"}, "the file there has changed"),
        ("is_range_ignored", True, "the server does not resume it any more"),
        ("wrong_start", 1, "the server does not resume it any more"),
        ("files", {}, "the server answered 404"),
        ("statuses", [403], "the server answered 403"),
        ("statuses", [503] * 3, "the server answered 503; gave up after 3 attempts to resume"),
        ("cuts", [0] * 3, "it was closed early; gave up after 3 attempts to resume"),
    ],
    ids=[str(number) for number in range(8)],
)
def test_what_cannot_be_resumed_is_said(server: FileServer, fault: str, value: object, reason: str) -> None:
    server.cuts.append(300_000)
    server.etags.append('"a"')
    with opened(server) as file:
        server.etags.append('"a"')
        setattr(server, fault, deque(value) if isinstance(value, list) else value)
        received = 0
        with pytest.raises(AudioError) as caught:
            while data := file.read(50_000):
                received += len(data)
    assert received == 300_000
    assert str(caught.value) == f"the connection was lost at 300000 of {len(WAV)} bytes: {reason}"


MONDAY, TUESDAY = "Mon, 01 Jan 2024 00:00:00 GMT", "Tue, 02 Jan 2024 00:00:00 GMT"


@pytest.mark.parametrize("etags", [[], ['"a"']])
def test_a_file_of_another_date_is_another_file(server: FileServer, etags: list[str]) -> None:
    server.cuts.append(300_000)
    server.dates.extend([MONDAY, TUESDAY])
    server.etags.extend(etags)
    with opened(server) as file, pytest.raises(AudioError, match="at 300000 of .* the file there has changed"):
        list(pieces(file))


@pytest.mark.parametrize(
    ("etags", "dates"), [([], [MONDAY, MONDAY]), ([], [MONDAY]), (['"a"', '"a"'], [MONDAY, TUESDAY])]
)
def test_the_same_file_is_resumed(server: FileServer, etags: list[str], dates: list[str]) -> None:
    server.cuts.append(300_000)
    server.dates.extend(dates)
    server.etags.extend(etags)
    with opened(server) as file:
        assert b"".join(pieces(file)) == WAV


async def test_the_audio_before_a_lost_connection_is_kept(server: FileServer) -> None:
    server.cuts.extend([300_000, 300_000, *[0] * 10])  # FFmpeg returns to the start once
    async with source(server) as opened_source:
        chunks, error = await read_until_error(opened_source)
    assert isinstance(error, CorruptAudioError)
    assert re.search(rf"the connection was lost at \d+ of {len(WAV)} bytes: it was closed early; gave up", str(error))
    assert f"{joined(chunks).size / 16_000:.2f} s were read" in str(error)
    assert joined(chunks).size > 8 * 16_000


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("flac", "flac")])
async def test_all_audio_before_a_lost_connection_is_decoded(
    server: FileServer, tmp_path: Path, container: str, codec: str
) -> None:
    data = encoded(AUDIO, codec, container, rate_hz=16_000)
    received = tmp_path / f"talk.{container}"
    received.write_bytes(data[: len(data) // 2])
    server.files["/talk"] = data
    server.cuts.extend([len(data) // 2, *[0] * 10])
    async with source(server, "/talk") as opened_source:
        chunks, error = await read_until_error(opened_source)
    assert isinstance(error, CorruptAudioError)
    assert "the connection was lost" in str(error)
    async with open_source(received, chunk_ms=100) as file:
        expected, _ = await read_until_error(file)
    np.testing.assert_array_equal(joined(chunks), joined(expected))


async def test_a_lost_connection_prints_nothing(server: FileServer, capfd: pytest.CaptureFixture[str]) -> None:
    """PyAV prints a traceback if FFmpeg reads again after an exception."""
    server.files["/talk"] = encoded(AUDIO, "flac", "matroska", rate_hz=16_000)
    server.cuts.extend([len(server.files["/talk"]) // 2, *[0] * 10])
    async with source(server, "/talk") as opened_source:
        _, error = await read_until_error(opened_source)
    assert isinstance(error, CorruptAudioError)
    assert "the connection was lost" in str(error)
    assert capfd.readouterr().err == ""


def test_a_server_that_is_busy_for_a_moment_is_resumed(server: FileServer) -> None:
    server.cuts.append(200_000)
    with opened(server) as file:
        server.statuses.extend([503, 502])
        assert b"".join(pieces(file)) == WAV


def test_a_server_that_always_sends_a_little_is_left_in_the_end(server: FileServer) -> None:
    server.cuts.extend([100] * 10)
    with opened(server) as file, pytest.raises(AudioError, match="gave up after 3 attempts"):
        while file.read(1_000):
            pass
    assert len(starts(server)) == 4


def test_an_interrupted_file_stops_waiting(server: FileServer) -> None:
    server.cuts.extend([0, 0])
    with opened(server, pauses_s=(1_000.0,)) as file:
        threading.Timer(0.01, file.interrupt).start()
        with pytest.raises(ReadInterruptedError):
            file.read(10)


def test_an_interrupted_file_is_not_read_from_its_open_connection(server: FileServer) -> None:
    with opened(server) as file:
        assert file.read(4) == b"RIFF"
        file.interrupt()
        for _ in range(2):
            with pytest.raises(ReadInterruptedError):
                file.read(4)


def test_an_interrupt_between_two_steps_of_opening_is_not_lost(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = parse(f"{server.url}/talk.wav")
    assert isinstance(address, Address)
    reader = AddressReader(address.name, address, pauses_s=AT_ONCE)

    def interrupted_kind(_: object) -> str:
        reader.interrupt()
        return "text"

    monkeypatch.setattr(inputs, "other_kind", interrupted_kind)
    with pytest.raises(ReadInterruptedError):
        reader.open()
    reader.close()


def test_a_short_way_ahead_is_read_and_a_long_one_requested(server: FileServer) -> None:
    with opened(server) as file:
        assert file.read(4) == b"RIFF"
        file.seek(0)
        assert file.read(4) == b"RIFF"
        file.seek(1_000)
        assert WAV[1_000:].startswith(file.read(10))
        file.seek(500_000)
        assert WAV[500_000:].startswith(file.read(10))
        file.seek(-4, io.SEEK_END)
        assert file.read(10) == WAV[-4:]
        assert file.read(10) == b""
        file.seek(0)
        assert file.read(4) == b"RIFF"
    assert starts(server) == [0, 500_000, len(WAV) - 4, 0]


@pytest.mark.parametrize("fault", ["is_range_ignored", "missing"])
def test_servers_that_cannot_resume_are_left_to_ffmpeg(server: FileServer, fault: str) -> None:
    if fault == "missing":
        server.files.clear()
    else:
        server.is_range_ignored = True
    address = parse(f"{server.url}/talk.wav")
    assert isinstance(address, Address)
    assert open_http_file(address, Limits()) is None


async def test_a_redirect_is_followed_at_every_attempt(server: FileServer) -> None:
    server.redirects["/old"] = "/talk.wav"
    server.cuts.append(100_000)
    assert (await decoded(server, "/old")).size == AUDIO.size
    assert len(server.requested("/old")) == 2


async def test_a_playlist_is_left_to_ffmpeg(server: FileServer) -> None:
    server.files["/talk.aac"] = encoded(tone(2.0, rate_hz=44_100), "aac", "adts", rate_hz=44_100)
    playlist = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\ntalk.aac\n#EXT-X-ENDLIST\n"
    server.files["/talk.m3u8"] = playlist.encode()
    assert loudest_hz(await decoded(server, "/talk.m3u8")) == pytest.approx(440, abs=1)
    assert server.requested("/talk.aac")


def test_credentials_are_sent_and_never_shown(server: FileServer) -> None:
    login = base64.b64encode(b"anna:s3 cret").decode()
    server.basic_auth = f"Basic {login}"
    server.files["/talk.wav?token=t0ken"] = WAV
    server.cuts.append(100_000)
    address = parse(server.url.replace("http://", "http://anna:s3%20cret@") + "/talk.wav?token=t0ken")
    assert isinstance(address, Address)
    file = open_http_file(address, Limits(), pauses_s=AT_ONCE)
    assert file is not None
    server.basic_auth = "Basic other"
    with file, pytest.raises(AudioError, match="the server answered 401") as caught:
        list(pieces(file))
    assert not any(secret in repr(caught.value) for secret in ("anna", "s3", "t0ken", login))
