"""What a decoder could not decode. In: decoded and undecodable packets. Out: lost audio, or bytes that were none.

An undecodable packet is not always lost audio: recordings joined into one file have tags between them, and some writers
append a tag, padding or other bytes. Knows no decoder.
"""

from __future__ import annotations

_SELF_FRAMING = {"aac", "ac3", "amr", "dts", "dtshd", "eac3", "loas", "mp3"}
"""FFmpeg's names of the formats without any index, where undecodable bytes at the end are no frames."""

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
        """The larger of the stated length and that of as many decoded bytes: a packet may hold many damaged frames."""
        if not self._decoded_bytes:
            return stated_s
        return max(stated_s, num_bytes * self._decoded_s / self._decoded_bytes)


def _id3_size(packet: bytes) -> int:
    """The length that an ID3v2 header states: four bytes of seven bits (id3.org, ID3v2.4.0, section 3.1)."""
    size = 0
    for byte in packet[6:_ID3_HEADER_BYTES]:
        size = size << 7 | byte & 0x7F
    return size
