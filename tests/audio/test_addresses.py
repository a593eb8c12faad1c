"""Allowed addresses, and their names without credentials."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.audio.addresses import SCHEMES, Address, parse, shown_name
from voxtide.errors import ConfigError


@pytest.mark.parametrize(
    "spec", ["talk.wav", "./mic", "/data/talk.wav", "a b:c.wav", "C:\\talk.wav", "D:talk.wav", "10:30.wav", "tälk.wav"]
)
def test_paths(spec: str) -> None:
    assert parse(spec) == Path(spec)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ("file:///data/a%20talk.wav", "/data/a talk.wav"),
        ("file://localhost/x.wav", "/x.wav"),
        ("FILE:/x.wav", "/x.wav"),
    ],
)
def test_file_addresses_are_paths(spec: str, path: str) -> None:
    assert parse(spec) == Path(path)


@pytest.mark.parametrize(
    ("spec", "url", "name"),
    [
        ("https://radio.example/live.mp3", "https://radio.example/live.mp3", "https://radio.example/live.mp3"),
        ("HTTP://Radio.example/x", "http://Radio.example/x", "http://radio.example/x"),
        ("hls://cdn.example/live.m3u8", "http://cdn.example/live.m3u8", "hls://cdn.example/live.m3u8"),
        ("rtsp://[::1]:8554/cam", "rtsp://[::1]:8554/cam", "rtsp://[::1]:8554/cam"),
        ("udp://@239.0.0.1:1234", "udp://@239.0.0.1:1234", "udp://239.0.0.1:1234"),
    ],
)
def test_network_addresses(spec: str, url: str, name: str) -> None:
    assert parse(spec) == Address(url, name)


def test_a_name_contains_no_credentials() -> None:
    address = parse("rtsp://anna:pass%40word@cam.example:554/stream?token=t0ken&x=1#frag")
    assert isinstance(address, Address)
    assert address.name == "rtsp://cam.example:554/stream"
    assert "anna:pass%40word@" in address.url


@pytest.mark.parametrize(
    "spec", ["concat:a.wav|b.wav", "subfile:,,start,0,end,9,,:/etc/passwd", "pipe:0", "data:audio/wav;base64,AAAA",
             "crypto:x", "async:x", "cache:http://x", "ftp://x/y", "unix:/run/s", "gopher://x", "ffrtmphttp://x/y"],
)  # fmt: skip  # a list of short addresses
def test_other_schemes_are_refused_by_name(spec: str) -> None:
    scheme = spec.partition(":")[0]
    with pytest.raises(ConfigError, match=f"begin with {scheme}: .*http, https.*put ./ before it"):
        parse(spec)


@pytest.mark.parametrize(
    "spec",
    ["http:", "http:///x", "https:x", "http://u:pw@host:99999/", "http://u:pw@host:port/", "http://u:pw@[::1/",
     "http://u:pw@h/a\r\nb", "http://u:pw@h/a b", "rtsp:cam"],
)  # fmt: skip  # a list of short addresses
def test_malformed_addresses_are_refused_without_quoting_them(spec: str) -> None:
    with pytest.raises(ConfigError, match="malformed") as caught:
        parse(spec)
    assert "pw" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_files_on_other_machines_are_refused() -> None:
    with pytest.raises(ConfigError, match="local files"):
        parse("file://server/share/x.wav")


@given(st.text(max_size=50), st.sampled_from(["", "http://", "rtsp://u:p@", "file://", "x:"]))
def test_any_text_is_a_path_an_address_or_refused(text: str, start: str) -> None:
    try:
        target = parse(start + text)
    except ConfigError:
        return
    assert isinstance(target, Path) or target.url.partition(":")[0] in SCHEMES


@given(st.text("abcXYZ0189._~!$&'()*+,;=%-", min_size=5))
def test_no_password_appears_in_a_name(password: str) -> None:
    address = parse(f"http://user:{password}@h.example/x?key={password}")
    assert isinstance(address, Address)
    assert address.name == "http://h.example/x"


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("talk.wav", "talk.wav"),
        ("why?.wav", "why?.wav"),
        ("wss://h.example:8000/v1/realtime?key=s", "wss://h.example:8000/v1/realtime"),
        ("wss://u:s@h.example/x", "wss://h.example/x"),
        ("wss://h.example?key=s@t", "wss://h.example"),
        ("wss://h.example/x#s@t", "wss://h.example/x"),
        ("wss://h.example/a@b", "wss://h.example/a@b"),
        ("http://u:s/t@h.example/x", "http://..."),
        ("http://[::1/x?key=s", "http://..."),
    ],
)
def test_a_shown_name_has_no_secret(spec: str, name: str) -> None:
    assert shown_name(spec) == name
