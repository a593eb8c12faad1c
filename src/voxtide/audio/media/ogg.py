"""Whether an Ogg file was cut short. In: its last bytes. Out: how many are missing. Knows the framing of pages only."""

from __future__ import annotations

import io

from voxtide.audio.bytestream import ByteStream

_CAPTURE = b"OggS"

_PAGE_START = _CAPTURE + b"\0"
"""What a page begins with: the capture pattern and the version, which is 0 (RFC 3533, section 6)."""

_HEADER_BYTES = 27
"""A page's header before its table of segments; the last of these bytes counts the segments (RFC 3533, section 6)."""

_MAX_PAGE_BYTES = 65_307
"""The longest page: the header, 255 segment lengths, and 255 segments of 255 bytes."""

_END_BYTES = 2 * _MAX_PAGE_BYTES
"""What is looked at. It begins inside a page, which may hold a page's start by chance: taken for one, that page would
end before the file does, and none would follow."""


def num_missing_ogg_bytes(stream: ByteStream) -> int:
    """How many bytes the last page of an Ogg file lacks, which FFmpeg passes over; the stream goes back to its start.

    0 where nothing is missing, where nobody can know, and for other formats. A file cut between two pages looks whole.
    """
    if stream.size_bytes is None or not stream.seekable() or stream.peek(len(_CAPTURE)) != _CAPTURE:
        return 0
    stream.seek(max(0, stream.size_bytes - _END_BYTES))
    end = b""
    while data := stream.read():
        end += data
    stream.seek(0, io.SEEK_SET)
    return _num_missing(end)


def _num_missing(end: bytes) -> int:
    """Go from page to page. Where no page follows, the last start was there by chance, or something is amiss."""
    page = 0 if _may_start_page(end, 0) else end.find(_PAGE_START)
    while 0 <= page < len(end):
        next_page = page + _page_bytes(end, page)
        if next_page > len(end):
            return next_page - len(end)
        page = next_page if _may_start_page(end, next_page) else end.find(_PAGE_START, page + 1)
    return 0


def _may_start_page(data: bytes, place: int) -> bool:
    """Whether what is there, which may be cut short or nothing, fits a page's start."""
    return _PAGE_START.startswith(data[place : place + len(_PAGE_START)])


def _page_bytes(data: bytes, page: int) -> int:
    """A page's length; of one whose header is cut short, what is known of it: more than is there."""
    table = page + _HEADER_BYTES
    if table > len(data):
        return _HEADER_BYTES
    num_segments = data[table - 1]
    return _HEADER_BYTES + num_segments + sum(data[table : table + num_segments])
