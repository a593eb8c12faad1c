"""Undecodable packets: lost audio, or tags, padding and other bytes."""

from __future__ import annotations

import pytest

from voxtide.audio.media.damage import Damage

FRAME = b"\xff\xfb" + bytes(198)
FRAME_S = 0.025
SECOND = 40


def id3(num_bytes: int) -> bytes:
    size = bytes(num_bytes >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\0\0" + size + b"x" * num_bytes


def damage(*packets: bytes, before: int = SECOND, after: int = SECOND) -> Damage:
    """Undecodable packets after `before` decodable frames and before `after` more."""
    counted = Damage()
    for _ in range(before):
        counted.add_decoded(len(FRAME), FRAME_S)
    for packet in packets:
        counted.add_undecodable(packet, FRAME_S)
    for _ in range(after):
        counted.add_decoded(len(FRAME), FRAME_S)
    return counted


@pytest.mark.parametrize(
    ("packets", "lost_s"),
    [
        ([], 0.0),
        ([b"\xaa" * 200], 0.025),
        ([b"\xaa" * 3], 0.025),  # as long as its packet states
        ([b"\xaa" * 2_000], 0.25),  # ten frames in one packet
        ([b"\xaa" * 200] * 10, 0.25),
        ([id3(35)], 0.0),
        ([id3(50_000)], 0.0),
        ([id3(50_000)[:20_000], id3(50_000)[20_000:]], 0.0),  # cut by a chance sync word in the tag's picture
        ([id3(35) + b"\xff\xfb\x90\xc4" + bytes(32) + b"Xing" + bytes(140)], 0.0),
        ([id3(35) + b"\xaa" * 200], 0.025),
        ([id3(35)[:4]], 0.025),
        ([b"TAG" + bytes(125)], 0.0),
        ([b"APETAGEX" + bytes(3_000)], 0.0),
    ],
)
def test_undecodable_bytes_between_frames_are_lost_unless_they_are_tags(packets: list[bytes], lost_s: float) -> None:
    counted = damage(*packets)
    assert counted.num_packets == len(packets)
    assert counted.lost_s("mp3", is_complete=True) == pytest.approx(lost_s)


def test_a_tag_does_not_excuse_the_damage_after_it() -> None:
    assert damage(id3(35), b"\xaa" * 2_000).lost_s("mp3", is_complete=False) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("format_name", "is_complete", "lost_s"),
    [("mp3", False, 0.0), ("mp3", True, 0.0), ("wav", False, 0.25), ("wav", True, 0.0), ("mpegts", False, 0.25)],
)
def test_undecodable_bytes_at_the_end_may_be_no_audio(format_name: str, is_complete: bool, lost_s: float) -> None:
    counted = damage(b"\xaa" * 2_000, after=0)
    assert counted.lost_s(format_name, is_complete=is_complete) == pytest.approx(lost_s)


def test_without_any_decoded_audio_a_packet_is_as_long_as_it_states() -> None:
    assert damage(b"\xaa" * 9_000, before=0).lost_s("mp3", is_complete=False) == FRAME_S
