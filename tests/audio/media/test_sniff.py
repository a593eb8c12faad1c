"""Containers are distinguished from raw PCM by their first bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.media_files import encoded, speech, tone
from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.audio.media.sniff import is_container, other_kind

FORMATS = [
    ("wav", "pcm_s16le", 16_000),
    ("w64", "pcm_s16le", 16_000),
    ("aiff", "pcm_s16be", 44_100),
    ("au", "pcm_s16be", 44_100),
    ("caf", "alac", 44_100),
    ("flac", "flac", 44_100),
    ("ogg", "libopus", 48_000),
    ("webm", "libopus", 48_000),
    ("matroska", "flac", 44_100),
    ("ipod", "aac", 44_100),
    ("mov", "aac", 44_100),
    ("adts", "aac", 44_100),
    ("mpegts", "aac", 44_100),
    ("mp3", "libmp3lame", 44_100),
    ("mp2", "mp2", 44_100),
    ("wv", "wavpack", 44_100),
    ("flv", "aac", 44_100),
    ("tta", "tta", 44_100),
    ("amr", "libopencore_amrnb", 8_000),
    ("ac3", "ac3", 48_000),
    ("eac3", "eac3", 48_000),
    ("vob", "mp2", 48_000),
    ("voc", "pcm_u8", 8_000),
    ("latm", "aac", 44_100),
]


def is_detected(data: bytes) -> bool:
    return is_container(lambda num_bytes: data[:num_bytes])


@pytest.mark.parametrize(("container", "codec", "rate_hz"), FORMATS, ids=lambda value: str(value))
def test_containers_are_detected(container: str, codec: str, rate_hz: int) -> None:
    assert is_detected(encoded(tone(1.0, rate_hz=rate_hz), codec, container, rate_hz=rate_hz))


@pytest.mark.parametrize("start", ["7ffe8001fc3c", "fe7f01803cfc", "1fffe80007f0", "ff1f00e8f007"])
def test_dts_is_detected(start: str) -> None:
    """Sync words in both byte orders, of 16 and of 14 bits per word (ETSI TS 102 114); FFmpeg cannot write DTS."""
    assert is_detected(bytes.fromhex(start) + bytes(2_000))


def test_camcorder_transport_streams_are_detected() -> None:
    packets = np.frombuffer(encoded(tone(1.0, rate_hz=44_100), "aac", "mpegts", rate_hz=44_100), "u1").reshape(-1, 188)
    assert is_detected(np.pad(packets, ((0, 0), (4, 0))).tobytes())


def test_mp3_without_tags_is_detected() -> None:
    tagged = encoded(tone(1.0, rate_hz=44_100), "libmp3lame", "mp3", rate_hz=44_100)
    assert tagged.startswith(b"ID3")
    assert is_detected(tagged[tagged.index(b"\xff\xfb") :])


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("offset_bytes", [0, 2, 20_000])
def test_raw_speech_is_not_a_container(encoding: Encoding, offset_bytes: int) -> None:
    assert not is_detected(encode_pcm(speech(), encoding)[offset_bytes:])


@given(st.lists(st.integers(-300, 300), max_size=2_000))
def test_raw_quiet_audio_is_not_a_container(values: list[int]) -> None:
    assert not is_detected(np.array(values, "<i2").tobytes())


@given(st.binary(max_size=20))
@example(b"V\xff")  # half a header of LOAS
def test_short_inputs_do_not_fail(data: bytes) -> None:
    is_detected(data)


@pytest.mark.parametrize("data", [b"", bytes(4_000), b"\xff" * 4_000, b"hello, this is a text\n" * 99, b"GGGGGGGG" * 2])
def test_other_data_is_not_a_container(data: bytes) -> None:
    assert not is_detected(data)


def test_live_pcm_is_detected_after_six_samples() -> None:
    requests: list[int] = []

    def peek(num_bytes: int) -> bytes:
        requests.append(num_bytes)
        return (b"\1\0" * num_bytes)[:num_bytes]

    assert not is_container(peek)
    assert other_kind(peek) is None
    assert set(requests) == {12}


@pytest.mark.parametrize("num_zeros", [1, 12, 200, 4_097, 60_000])
def test_zeros_may_precede_a_container(num_zeros: int) -> None:
    mp3 = encoded(tone(1.0, rate_hz=44_100), "libmp3lame", "mp3", rate_hz=44_100)
    assert is_detected(bytes(num_zeros) + mp3[mp3.index(b"\xff\xfb") :]) == (num_zeros >= 12)


@given(st.integers(0, 3_000), st.integers(1, 400))
def test_speech_after_digital_silence_is_not_delayed(num_zeros: int, num_bytes: int) -> None:
    """The longest peek ends at most six samples and a millisecond after the start of the speech."""
    data, needed = bytes(num_zeros) + b"\x10\x20" * 5_000, 0

    def peek(num_bytes: int) -> bytes:
        nonlocal needed
        needed = max(needed, num_bytes)
        return data[:num_bytes]

    assert not is_container(peek)
    assert needed <= num_zeros + 32 + 12


def test_endless_digital_silence_is_pcm_after_two_seconds() -> None:
    longest = 0

    def peek(num_bytes: int) -> bytes:
        nonlocal longest
        longest = max(longest, num_bytes)
        return bytes(num_bytes)

    assert not is_container(peek)
    assert longest <= 64_000 + 2_000


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<!doctype html><title>404</title><p>No such file.</p>\n", "text"),
        (b'{"error": "not found"}', "text"),
        (b"hi", "text"),
        (b"\xef\xbb\xbf# Notes\r\n\tone", "text"),
        ("Привет, мир. Здравствуйте! ".encode() * 40, "text"),
        ("\u6c49".encode() * 300, "text"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (b"PK\x03\x04\x14\0\0\0\x08\0\0\0", "a ZIP archive"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\r", "a PNG picture"),
        (b"text at first, and then" + bytes(range(256)), None),
        (b"", None),
        (b"\0", None),
        (b"\xd0", None),
    ],
    ids=repr,
)
def test_files_that_are_no_audio_are_named(data: bytes, kind: str | None) -> None:
    assert other_kind(lambda num_bytes: data[:num_bytes]) == kind


@pytest.mark.parametrize("offset_bytes", [0, 2, 20_000])
def test_raw_speech_is_no_other_file(offset_bytes: int) -> None:
    data = encode_pcm(speech(), Encoding.PCM_S16LE)[offset_bytes:]
    assert other_kind(lambda num_bytes: data[:num_bytes]) is None
