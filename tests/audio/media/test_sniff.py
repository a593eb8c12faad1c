"""Containers are distinguished from raw PCM by their first bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.media_files import encoded, speech, tone
from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.audio.media.sniff import is_container

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
]


def is_detected(data: bytes) -> bool:
    return is_container(lambda num_bytes: data[:num_bytes])


@pytest.mark.parametrize(("container", "codec", "rate_hz"), FORMATS, ids=lambda value: str(value))
def test_containers_are_detected(container: str, codec: str, rate_hz: int) -> None:
    assert is_detected(encoded(tone(1.0, rate_hz=rate_hz), codec, container, rate_hz=rate_hz))


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
def test_short_inputs_do_not_fail(data: bytes) -> None:
    is_detected(data)


@pytest.mark.parametrize("data", [b"", bytes(4_000), b"\xff" * 4_000, b"hello, this is a text\n" * 99, b"GGGGGGGG" * 2])
def test_other_data_is_not_a_container(data: bytes) -> None:
    assert not is_detected(data)


def test_live_pcm_is_detected_after_six_samples() -> None:
    requests: list[int] = []

    def peek(num_bytes: int) -> bytes:
        requests.append(num_bytes)
        return bytes(num_bytes)

    assert not is_container(peek)
    assert requests == [12]
