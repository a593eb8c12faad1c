"""HTTP, HLS and RTSP from local servers: every wait ends, no local file is read, no secret is shown."""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import av
import numpy as np
import pytest

from tests.support.certificates import make_certificate
from tests.support.media_files import (
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
from tests.support.media_servers import CREDENTIALS, POLL_S, Site, rtsp_camera, serving
from voxtide.audio import open_source
from voxtide.audio.addresses import Address, Limits, parse
from voxtide.audio.media.inputs import AddressReader
from voxtide.audio.threaded import ThreadedSource
from voxtide.errors import AudioError, CorruptAudioError, NotAudioError, SourceNotFoundError, VoxtideError
from voxtide.types import Samples

SHORT_LIMITS = Limits(open_s=0.3, read_s=0.3)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


async def refusal(url: str) -> VoxtideError:
    with pytest.raises(VoxtideError) as caught:
        async with open_source(url) as source:
            await read_all(source)
    assert caught.value.__cause__ is None  # FFmpeg's own error quotes the address
    return caught.value


def open_with_limits(url: str, limits: Limits = SHORT_LIMITS) -> ThreadedSource:
    address = parse(url)
    assert isinstance(address, Address)
    return ThreadedSource(address.name, AddressReader(address.name, address, limits), chunk_ms=100)


def hls(folder: Path, samples: Samples) -> dict[str, bytes]:
    """A playlist of one-second segments."""
    with av.open(
        str(folder / "live.m3u8"), "w", format="hls", options={"hls_time": "1", "hls_list_size": "0"}
    ) as output:
        stream = output.add_stream("aac", rate=16_000, layout="mono")
        for start in range(0, samples.size, 1_024):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1_024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16_000, start
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return {f"/{file.name}": file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize(("container", "codec"), [("wav", "pcm_s16le"), ("mp3", "libmp3lame"), ("ogg", "libopus")])
async def test_a_file_is_read_over_http(site: Site, container: str, codec: str) -> None:
    site.files["/talk"] = encoded(tone(2.0, rate_hz=48_000), codec, container, rate_hz=48_000)
    async with open_source(f"{site.root}/talk") as source:
        decoded = await read_all(source)
        # Ogg states its length at its end only, and this server has no range requests.
        assert source.duration_s == (None if container == "ogg" else pytest.approx(2.0, abs=0.05))
        assert source.name == f"{site.root}/talk"
    assert decoded.size == pytest.approx(32_000, abs=800)
    assert loudest_hz(decoded) == pytest.approx(440, abs=1)


def wma_bytes(samples: Samples) -> bytes:
    """WMA in WAV: the decoder returns the last frames only when flushed."""
    target = io.BytesIO()
    encode(target, samples, "wmav2", rate_hz=44_100, container="wav", options={"b": "64000"})
    return target.getvalue()


@pytest.mark.parametrize(
    "content",
    [wav_bytes(tone(2.0)), encoded(tone(2.0), "libopus", "ogg", rate_hz=16_000), wma_bytes(tone(2.0, rate_hz=44_100))],
    ids=["wav", "ogg", "wma"],
)
async def test_without_a_stated_length_the_file_ends_with_the_connection(site: Site, content: bytes) -> None:
    site.files = {"/sized": content, "/unsized": content}
    site.unsized.add("/unsized")
    async with open_source(f"{site.root}/sized") as sized, open_source(f"{site.root}/unsized") as unsized:
        assert np.array_equal(await read_all(unsized), await read_all(sized))


async def test_redirects_are_followed(site: Site) -> None:
    site.files["/new.wav"] = wav_bytes(tone(1.0))
    site.moved["/old.wav"] = "/new.wav"
    async with open_source(f"{site.root}/old.wav") as source:
        assert (await read_all(source)).size == 16_000


@pytest.mark.parametrize("scheme", ["http", "hls"])
async def test_an_hls_playlist_is_read_to_its_end(site: Site, tmp_path: Path, scheme: str) -> None:
    site.files = hls(tmp_path, np.tile(speech(), 2))
    async with open_source(f"{scheme}{site.root[4:]}/live.m3u8") as source:
        decoded = await read_all(source)
    assert decoded.size == pytest.approx(2 * speech().size, abs=2_400)
    assert similarity(decoded[1_024:], np.tile(speech(), 2)) > 0.95  # AAC starts with a priming frame
    assert len(site.requests) > 5


async def test_a_playlist_cannot_read_local_files(site: Site, tmp_path: Path) -> None:
    hls(tmp_path, tone(1.0))
    secret = tmp_path / "live0.ts"  # a valid segment
    assert secret.exists()
    for entry in (
        secret.as_uri(),
        f"file:{secret}",
        str(secret),
        f"concat:{secret}",
        f"subfile,,start,0,end,0,,:{secret}",
    ):
        playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{entry}\n#EXT-X-ENDLIST\n"
        site.files["/evil.m3u8"] = playlist.encode()
        assert isinstance(await refusal(f"{site.root}/evil.m3u8"), AudioError)


async def test_a_redirect_cannot_lead_to_local_files(site: Site, tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(wav_bytes(tone(1.0)))
    site.moved["/x.wav"] = (tmp_path / "secret.wav").as_uri()
    assert isinstance(await refusal(f"{site.root}/x.wav"), AudioError)


async def test_a_local_playlist_opens_nothing(site: Site, tmp_path: Path) -> None:
    site.files["/talk.wav"] = wav_bytes(tone(1.0))
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{site.root}/talk.wav\n#EXT-X-ENDLIST\n")
    error = await refusal(str(tmp_path / "list.m3u8"))
    assert isinstance(error, NotAudioError)
    assert "is a playlist" in str(error)
    assert site.requests == []


async def test_a_camera_is_read_over_rtsp() -> None:
    with rtsp_camera(tone(3.0, rate_hz=8_000)) as url:
        async with open_source(url) as source:
            decoded = await read_all(source)
            assert source.duration_s is None
    assert decoded.size == 48_000
    assert loudest_hz(decoded) == 440


# Failures


async def test_a_missing_file_is_not_found(site: Site) -> None:
    error = await refusal(f"{site.root}/nothing.wav")
    assert isinstance(error, SourceNotFoundError)
    assert str(error) == f"there is nothing at {site.root}/nothing.wav"


async def test_a_closed_port_is_not_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = await refusal(f"http://127.0.0.1:{port}/x.wav")
    assert isinstance(error, SourceNotFoundError)
    assert "refused" in str(error)


async def test_a_web_page_is_not_audio(site: Site) -> None:
    site.files["/"] = b"<!doctype html><html><body>Welcome</body></html>" * 20
    assert isinstance(await refusal(f"{site.root}/"), NotAudioError)


async def test_an_unsupported_protocol_is_named() -> None:
    error = await refusal("srt://127.0.0.1:9")
    assert "srt://127.0.0.1:9 cannot be opened: this build of FFmpeg lacks" in str(error)


async def test_credentials_are_used_and_never_shown(
    site: Site, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    site.files["/talk.wav"] = wav_bytes(tone(1.0))
    site.private.add("/talk.wav")
    host = site.root.removeprefix("http://")
    async with open_source(f"http://{CREDENTIALS}@{host}/talk.wav?token=t0ken") as source:
        assert (await read_all(source)).size == 16_000
        assert source.name == f"http://{host}/talk.wav"
    refused = await refusal(f"http://anna:wr0ng@{host}/talk.wav?token=t0ken")
    missing = await refusal(f"http://{CREDENTIALS}@{host}/nothing.wav?token=t0ken")
    assert "was denied" in str(refused)
    shown = f"{refused!r} {missing!r} {caplog.text} {capfd.readouterr()}"
    for secret in ("s3cret", "wr0ng", "t0ken", "anna"):
        assert secret not in shown


async def test_a_server_that_never_responds_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = open_with_limits(f"http://127.0.0.1:{silent.getsockname()[1]}/x.wav")
        with pytest.raises(AudioError, match="did not respond within 0.3 s"):
            await source.open()
        await source.close()


async def test_a_server_that_stops_sending_times_out_after_its_last_sample(site: Site) -> None:
    site.files["/talk.wav"] = wav_bytes(tone(8.0))
    site.silent.add("/talk.wav")
    async with open_with_limits(f"{site.root}/talk.wav") as source:
        chunks, error = await read_until_error(source)
    assert isinstance(error, CorruptAudioError)
    assert "it sent nothing before the timeout" in str(error)
    assert joined(chunks).size > 6 * 16_000


async def test_a_broken_connection_raises_after_its_last_sample(site: Site) -> None:
    site.files["/talk.mp3"] = encoded(tone(4.0, rate_hz=44_100), "libmp3lame", "mp3", rate_hz=44_100)
    site.short.add("/talk.mp3")
    async with open_source(f"{site.root}/talk.mp3") as source:
        chunks, error = await read_until_error(source)
    assert isinstance(error, CorruptAudioError)
    assert f"{joined(chunks).size / 16_000:.2f} s were read" in str(error)
    assert joined(chunks).size > 3.5 * 16_000


async def test_without_a_stated_length_the_audio_header_reveals_truncation(site: Site) -> None:
    whole = encoded(tone(4.0), "flac", "flac", rate_hz=16_000)
    content = encoded(tone(4.0), "pcm_s16be", "au", rate_hz=16_000)
    site.files = {"/whole": whole, "/talk.au": content[: len(content) // 2]}
    site.unsized |= site.files.keys()
    async with open_source(f"{site.root}/whole") as source:
        assert (await read_all(source)).size == 4 * 16_000
    async with open_source(f"{site.root}/talk.au") as source:
        chunks, error = await read_until_error(source)
    assert isinstance(error, CorruptAudioError)
    assert "its header states 4.00 s" in str(error)
    assert joined(chunks).size == pytest.approx(2 * 16_000, abs=100)


async def test_without_a_stated_length_a_stalled_connection_times_out(site: Site) -> None:
    site.files["/talk.wav"] = wav_bytes(tone(8.0))
    site.silent.add("/talk.wav")
    site.unsized.add("/talk.wav")
    async with open_with_limits(f"{site.root}/talk.wav") as source:
        _, error = await read_until_error(source)
    assert "it sent nothing before the timeout" in str(error)


async def test_a_source_on_a_stalled_server_can_be_closed(site: Site) -> None:
    site.files["/talk.wav"] = wav_bytes(tone(8.0))
    site.silent.add("/talk.wav")
    limits = Limits(open_s=5.0, read_s=2.0)
    before = set(threading.enumerate())
    async with asyncio.timeout(5.0):  # closing waits for 1 s, not for the server
        async with open_with_limits(f"{site.root}/talk.wav", limits) as source:
            await source.read()
    for thread in set(threading.enumerate()) - before:
        if thread.name == "voxtide-audio":
            await asyncio.to_thread(thread.join, 10.0)  # its read timeout ends it
            assert not thread.is_alive()


# Certificates


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """The certificate and its key."""
    return make_certificate(tmp_path, "IP:127.0.0.1")


@pytest.fixture
def secure_root(certificate: tuple[Path, Path], tmp_path: Path) -> Iterator[str]:
    """A server with a self-signed certificate that serves a recording."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "talk.wav").write_bytes(wav_bytes(tone(1.0)))

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(HTTPServer):
        def handle_error(self, *arguments: object) -> None:
            pass  # a client that rejects the certificate disconnects

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_an_untrusted_certificate_is_refused(secure_root: str) -> None:
    error = await refusal(f"{secure_root}/talk.wav")
    assert isinstance(error, SourceNotFoundError)
    assert "an untrusted certificate" in str(error)


async def test_a_trusted_certificate_is_accepted(
    secure_root: str, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    async with open_source(f"{secure_root}/talk.wav") as source:
        assert (await read_all(source)).size == 16_000
