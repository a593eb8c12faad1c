"""Truncated Ogg files. In: a file's last bytes. Out: the number of missing bytes. Knows only the page framing."""

from __future__ import annotations

import io

from voxtide.audio.bytestream import ByteStream

_CAPTURE = b"OggS"

_PAGE_START = _CAPTURE + b"\0"
"""Start of a page: the capture pattern and the version, 0 (RFC 3533, section 6)."""

_HEADER_BYTES = 27
"""Page header before the segment table; its last byte is the number of segments (RFC 3533, section 6)."""

_MAX_PAGE_BYTES = 65_307
"""The longest page: the header, 255 segment lengths, and 255 segments of 255 bytes."""

_END_BYTES = 2 * _MAX_PAGE_BYTES
"""Bytes inspected at the end of the file: two pages, so that a page start found by chance in the first page's payload
gives a page that ends inside them and is not followed by another."""


def num_missing_ogg_bytes(stream: ByteStream) -> int:
    """Count the bytes missing from the last page of an Ogg file, which FFmpeg ignores. Rewinds the stream.

    0 if nothing is missing, if the stream is not seekable, and for other formats. A file cut between two pages looks
    complete.
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
    """Walk the pages. If no page follows one, its start was a chance match or the file is damaged: find the next."""
    page = 0 if _may_start_page(end, 0) else end.find(_PAGE_START)
    while 0 <= page < len(end):
        next_page = page + _page_bytes(end, page)
        if next_page > len(end):
            return next_page - len(end)
        page = next_page if _may_start_page(end, next_page) else end.find(_PAGE_START, page + 1)
    return 0


def _may_start_page(data: bytes, place: int) -> bool:
    """Whether the bytes at `place`, possibly too few or none, match a page start."""
    return _PAGE_START.startswith(data[place : place + len(_PAGE_START)])


def _page_bytes(data: bytes, page: int) -> int:
    """A page's length; for a truncated header, a lower bound that exceeds the available bytes."""
    table = page + _HEADER_BYTES
    if table > len(data):
        return _HEADER_BYTES
    num_segments = data[table - 1]
    return _HEADER_BYTES + num_segments + sum(data[table : table + num_segments])
