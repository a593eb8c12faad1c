"""What a decoder could not decode. In: decoded and undecodable packets. Out: how much audio was lost.

An undecodable packet is not always lost audio: recordings joined into one file have tags between them, and some writers
append a tag, padding or other bytes. Knows no decoder.
"""

from __future__ import annotations

from dataclasses import dataclass

from voxtide.audio.pcm import LENGTH_TOLERANCE_S

_SELF_FRAMING = {"aac", "ac3", "amr", "dts", "dtshd", "eac3", "loas", "mp3"}
"""FFmpeg's names of the formats without any index, where undecodable bytes at the end are no frames."""

_FORMATS_WITHOUT_GAPS = {"aiff", "au", "caf", "flac", "mp3", "w64", "wv"}
"""Formats whose header states the length, and whose packets have no times of their own: a gap is damage."""

_FORMATS_WITH_LENGTH = _FORMATS_WITHOUT_GAPS | {"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2"}
"""FFmpeg's names of the formats whose header states the length. For others FFmpeg reads the end or estimates."""

_MISSING_TOLERANCE_S = 0.3
"""Audio shorter than stated by more than this counts as truncated. Covers the longest codec frame (Vorbis, 186 ms at
44.1 kHz) plus encoder delay."""

_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")
"""Starts of tags with an unknown or no length, which extend to the packet's end."""

_ID3 = b"ID3"
_ID3_HEADER_BYTES = 10

_INFO_MARKS = (b"Xing", b"Info", b"VBRI")
_MAX_INFO_OFFSET_BYTES = 64
"""Marks of an MP3's first frame, which states the length, and where they are: after the header and, for `Xing` and
`Info`, up to 32 bytes of side information."""


class Damage:
    """Counts the undecodable packets of one stream, and the audio lost in them."""

    def __init__(self) -> None:
        self.num_packets = 0
        self._decoded_bytes = 0
        self._decoded_s = 0.0
        self._num_tag_bytes = 0  # of a tag that continues in the next undecodable packet
        self._lost_s = 0.0  # before the last decodable packet
        self._end_s = 0.0  # after it

    def add_decoded(self, num_bytes: int, decoded_s: float) -> None:
        """A packet of `num_bytes` gave `decoded_s` of audio."""
        if decoded_s > 0:
            self._lost_s, self._end_s = self._lost_s + self._end_s, 0.0
        self._decoded_bytes += num_bytes
        self._decoded_s += decoded_s

    def add_undecodable(self, packet: bytes, stated_s: float) -> None:
        """A packet that lasts `stated_s` by its header gave an error."""
        self.num_packets += 1
        if packet.startswith(_ID3) and len(packet) >= _ID3_HEADER_BYTES:
            self._num_tag_bytes = _ID3_HEADER_BYTES + _id3_size(packet)
        is_tag = packet.startswith(_TAGS) or self._num_tag_bytes > 0
        rest = b"" if packet.startswith(_TAGS) else packet[self._num_tag_bytes :]
        self._num_tag_bytes = max(0, self._num_tag_bytes - len(packet))
        if is_tag and any(mark in rest[:_MAX_INFO_OFFSET_BYTES] for mark in _INFO_MARKS):
            return  # the frame after the tag describes the recording and holds no audio
        if rest:
            self._end_s += self._length_s(len(rest), 0.0 if is_tag else stated_s)

    def lost_s(self, format_name: str, *, is_complete: bool) -> float:
        """The length of the audio that was lost, in seconds, from a container of that format, by FFmpeg's name.

        With `is_complete`, the header's length was decoded: undecodable bytes after it are no audio.
        """
        is_end_free = is_complete or format_name in _SELF_FRAMING
        return self._lost_s + (0.0 if is_end_free else self._end_s)

    def _length_s(self, num_bytes: int, stated_s: float) -> float:
        """The stated length, or the length at the average bit rate if larger: a packet may hold many damaged frames."""
        if not self._decoded_bytes:
            return stated_s
        return max(stated_s, num_bytes * self._decoded_s / self._decoded_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackEnd:
    """A track that was read to its end. All lengths are in seconds.

    Attributes:
        damage: Its undecodable packets.
        stated_s: Its length by the header; None if not stated.
        decoded_s: Where its last decodable packet ends.
        position_s: The length of the output: `decoded_s`, and silence for undecodable packets after it.
        silence_s: Silence in the output.
    """

    damage: Damage
    stated_s: float | None
    decoded_s: float
    position_s: float
    silence_s: float

    @property
    def is_complete(self) -> bool:
        """Whether the header states the length, and all of it was decoded."""
        return self.stated_s is not None and self.stated_s - self.decoded_s <= _MISSING_TOLERANCE_S

    def problem(self, format_name: str) -> str | None:
        """How much audio is missing; None if none is. `format_name` is FFmpeg's name of the container."""
        if self.stated_s is not None and self.stated_s - self.position_s > _MISSING_TOLERANCE_S:
            return f"its header states {self.stated_s:.2f} s"
        if format_name in _FORMATS_WITHOUT_GAPS and self.silence_s > _MISSING_TOLERANCE_S:
            return f"{self.silence_s:.2f} s of it are missing"
        num_packets = self.damage.num_packets
        lost_s = self.damage.lost_s(format_name, is_complete=self.is_complete)
        if num_packets and (lost_s > LENGTH_TOLERANCE_S or not self.decoded_s):
            return f"{num_packets} of its packets could not be decoded"
        return None


def stated_s(format_name: str, duration_s: float | None, num_bytes: int | None, bit_rate: int | None) -> float | None:
    """FFmpeg's `duration_s` if the header states it; None if FFmpeg estimated it from the size and the bit rate."""
    if duration_s is None or format_name not in _FORMATS_WITH_LENGTH:
        return None
    if format_name == "mp3" and num_bytes is not None and bit_rate:
        estimate_s = num_bytes * 8 / bit_rate
        return None if abs(duration_s - estimate_s) < 0.02 * estimate_s else duration_s
    return duration_s


def _id3_size(packet: bytes) -> int:
    """The length that an ID3v2 header states: four bytes of seven bits (id3.org, ID3v2.4.0, section 3.1)."""
    size = 0
    for byte in packet[6:_ID3_HEADER_BYTES]:
        size = size << 7 | byte & 0x7F
    return size
