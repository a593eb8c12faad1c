"""Whether an Ogg file was cut short. In: its last bytes. Out: how many are missing. Knows the framing of pages only."""

from __future__ import annotations

import io

from voxtide.audio.bytestream import ByteStream

_CAPTURE = b"OggS"

_HEADER_BYTES = 27
"""A page's header before its table of segments; the last of these bytes counts the segments (RFC 3533, section 6)."""

_MAX_PAGE_BYTES = 65_307
"""The longest page: the header, 255 segment lengths, and 255 segments of 255 bytes."""


def num_missing_ogg_bytes(stream: ByteStream) -> int:
    """How many bytes the last page of an Ogg file lacks, which FFmpeg passes over; the stream goes back to its start.

    0 where nothing is missing, where nobody can know, and for other formats. A file cut between two pages looks whole.
    """
    if stream.size_bytes is None or not stream.seekable() or stream.peek(len(_CAPTURE)) != _CAPTURE:
        return 0
    stream.seek(max(0, stream.size_bytes - _MAX_PAGE_BYTES))
    end = b""
    while data := stream.read():
        end += data
    stream.seek(0, io.SEEK_SET)
    page = end[max(0, end.rfind(_CAPTURE)) :]
    if len(page) < _HEADER_BYTES:
        return _HEADER_BYTES - len(page)
    lengths = page[_HEADER_BYTES : _HEADER_BYTES + page[_HEADER_BYTES - 1]]
    whole_bytes = _HEADER_BYTES + page[_HEADER_BYTES - 1] + sum(lengths)
    return max(0, whole_bytes - len(page))
