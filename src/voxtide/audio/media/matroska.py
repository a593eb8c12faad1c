"""Truncated Matroska and WebM files. In: a file's first bytes. Out: the length that it states. Knows only the framing.

FFmpeg takes the end of a truncated file for the end of its tracks, and of several tracks none states its length.
"""

from __future__ import annotations

from voxtide.audio.bytestream import ByteStream

_EBML = b"\x1a\x45\xdf\xa3"
_SEGMENT = b"\x18\x53\x80\x67"
"""Identifiers of the two elements of a file: the header, and all the rest (RFC 9559, section 5.1)."""

_MAX_HEADER_BYTES = 4_096
_MAX_SIZE_BYTES = 8


def stated_matroska_bytes(stream: ByteStream) -> int | None:
    """The length of the file by its header; None if it does not state it, and for other formats."""
    if stream.peek(len(_EBML)) != _EBML:
        return None
    segment = _element_end(stream, 0)
    if segment is None or segment > _MAX_HEADER_BYTES:
        return None
    if stream.peek(segment + len(_SEGMENT))[segment:] != _SEGMENT:
        return None
    return _element_end(stream, segment)


def _element_end(stream: ByteStream, place: int) -> int | None:
    """Where the element at `place`, with an identifier of four bytes, ends; None if unknown (RFC 8794, section 4)."""
    start = place + len(_SEGMENT)
    data = stream.peek(start + _MAX_SIZE_BYTES)[start:]
    if not data or not data[0]:
        return None
    num_bytes = _MAX_SIZE_BYTES + 1 - data[0].bit_length()
    unknown = (1 << 7 * num_bytes) - 1
    size = int.from_bytes(data[:num_bytes], "big") & unknown
    return None if size == unknown or len(data) < num_bytes else start + num_bytes + size
