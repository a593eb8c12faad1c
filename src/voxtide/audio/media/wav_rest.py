"""What follows the samples of a WAV file. In: a file. Out: where its samples end, if its header states too little.

Writers that were killed leave an old length behind. Chunks such as titles may follow the samples and are no audio.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from voxtide.audio.bytestream import ByteStream
from voxtide.audio.pcm import LENGTH_TOLERANCE_S, MAX_WAV_HEADER_BYTES, UNKNOWN_WAV_BYTES
from voxtide.types import Notice

_TAIL_BYTES = 64 * 1024
"""Bytes searched for trailing chunks at the end of a file, and for non-padding after the samples of a pipe."""

_MAX_ZERO_BYTES = 2**24
"""Zeros behind the samples that are searched for another recording: nine minutes of silence, read in a moment."""

_CHUNKS = {b"LIST", b"id3 ", b"ID3 ", b"bext", b"iXML", b"cue ", b"smpl", b"JUNK", b"PAD ", b"_PMX", b"fact", b"afsp"}
"""Chunks that are not audio, even if the file ends inside one."""

_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")

_HEAD_BYTES = 13
"""Enough to recognise a tag, or a file behind a padding byte."""

_MAX_CHUNK_BYTES = 2**24
"""Longest chunk accepted in a pipe: above a title with a picture, below what random bytes usually state."""

PIPE_TIMEOUT_S = 1.0
"""How long to wait for more after the stated end of a pipe; a writer such as cat continues at once."""

PIPE_SEARCH_S = 2.0
"""Longest search in a pipe: a writer that sends silence at the speed of speech must not delay the last text further."""

_UNREAD = "{name} goes on after the audio that its header states, which was not read; pass recordings one by one"


@dataclass(frozen=True, slots=True)
class DataChunk:
    """The header of the samples: the place of its length, that length, and the samples' rate."""

    length_place: int
    num_bytes: int
    bytes_per_s: int

    @property
    def end_bytes(self) -> int:
        """Where the samples end."""
        return self.length_place + 4 + self.num_bytes


@dataclass(frozen=True, slots=True)
class WavRest:
    """What follows the samples that the header states: `num_audio_bytes` of audio, and the notice about it."""

    chunk: DataChunk
    num_audio_bytes: int
    notice: Notice


def wav_rest(name: str, stream: ByteStream) -> WavRest | None:
    """Finds bytes after the samples that are no RIFF chunk; None if there are none. Rewinds the stream.

    Also None for other formats, for an unstated length, and for pipes, whose end is not known.
    """
    size_bytes = stream.size_bytes
    if size_bytes is None or not stream.seekable() or (chunk := _data_chunk(stream)) is None:
        return None
    if size_bytes <= chunk.end_bytes + chunk.num_bytes % 2:
        return None
    stream.seek(chunk.end_bytes)
    start = stream.peek(_HEAD_BYTES)
    num_left = size_bytes - chunk.end_bytes
    is_recording = _is_recording(start) or (chunk.num_bytes % 2 and _is_recording(start[1:]))
    if is_recording or (start[:1] == b"\0" and _is_recording(_after_zeros(stream))):
        stream.seek(0)
        return WavRest(chunk, 0, Notice("unread_audio", _UNREAD.format(name=name)))
    if _is_chunk(start, num_left) or (chunk.num_bytes % 2 and _is_chunk(start[1:], num_left - 1)):
        stream.seek(0)
        return None
    tail_place = max(chunk.end_bytes, size_bytes - _TAIL_BYTES)
    stream.seek(tail_place)
    tail = stream.peek(size_bytes - tail_place)
    stream.seek(0)
    num_bytes = tail_place + _chunks_place(tail) - chunk.end_bytes
    return _classified(name, chunk, num_bytes, is_tag=start.startswith(_TAGS), is_padding=not any(tail[:num_bytes]))


def pipe_rest(name: str, stream: ByteStream) -> Notice | None:
    """A notice of what follows the samples that a pipe's header states, unless it is padding or a chunk.

    What follows is not read as audio, because a writer that keeps the pipe open would delay the last text.
    """
    deadline_s = time.monotonic() + PIPE_SEARCH_S
    start = _after_zeros(stream, lambda: time.monotonic() < deadline_s and stream.has_more(PIPE_TIMEOUT_S))
    if _is_recording(start) or (start and not _is_chunk(start, _MAX_CHUNK_BYTES)):
        return Notice("unread_audio", _UNREAD.format(name=name))
    return None


def _after_zeros(stream: ByteStream, has_more: Callable[[], bool] = lambda: True) -> bytes:
    """What follows zeros, up to `_MAX_ZERO_BYTES` of them; b"" if nothing does."""
    start, end = b"", stream.tell() + _MAX_ZERO_BYTES
    while len(start) < _HEAD_BYTES and stream.tell() < end and has_more() and (data := stream.read()):
        start = (start + data).lstrip(b"\0")
    return start


def _classified(name: str, chunk: DataChunk, num_bytes: int, *, is_tag: bool, is_padding: bool) -> WavRest | None:
    """Tags and a few bytes are no audio, more is; zeros in their place need no notice."""
    if is_tag or num_bytes <= LENGTH_TOLERANCE_S * chunk.bytes_per_s:
        message = f"{name} holds {num_bytes} bytes after the audio that its header states; they were skipped"
        return None if is_padding else WavRest(chunk, 0, Notice("undecodable_bytes", message))
    message = f"{name} holds {num_bytes / chunk.bytes_per_s:.2f} s more than its header states; they were read"
    return WavRest(chunk, num_bytes, Notice("wrong_length", message))


def _data_chunk(stream: ByteStream) -> DataChunk | None:
    """The chunk of the samples, if its length is stated and the header is no longer than usual."""
    head = stream.peek(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    bytes_per_s, offset = 0, 12
    while offset <= MAX_WAV_HEADER_BYTES and len(head := stream.peek(offset + 20)[offset:]) >= 8:
        tag, num_bytes = struct.unpack_from("<4sI", head)
        if tag == b"data":
            is_stated = bytes_per_s > 0 and 0 < num_bytes < UNKNOWN_WAV_BYTES
            return DataChunk(offset + 4, num_bytes, bytes_per_s) if is_stated else None
        if tag == b"fmt " and len(head) == 20:
            (bytes_per_s,) = struct.unpack_from("<I", head, 16)
        offset += 8 + num_bytes + num_bytes % 2
    return None


def _is_recording(start: bytes) -> bool:
    """Whether another WAV file starts here."""
    return start[:4] == b"RIFF" and start[8:12] == b"WAVE"


def _is_chunk(start: bytes, num_left: int) -> bool:
    """Whether `start`, of `num_left` bytes to the end of the file, is the header of a chunk."""
    if start[:4] in _CHUNKS:
        return True
    is_name = len(start) >= 8 and all(0x20 <= byte < 0x7F for byte in start[:4])
    return is_name and 8 + int(struct.unpack_from("<I", start, 4)[0]) <= num_left


def _chunks_place(tail: bytes) -> int:
    """Where the chunks that reach to the end of `tail` start: its length if there are none."""
    end = len(tail)
    if end < 8:
        return end
    data = np.frombuffer(tail, np.uint8).astype(np.int64)
    num = end - 7
    sizes = sum(data[4 + i : 4 + i + num] << 8 * i for i in range(4))
    is_name = np.all([(data[i : i + num] >= 0x20) & (data[i : i + num] < 0x7F) for i in range(4)], axis=0)
    ends = np.arange(num) + 8 + sizes
    while (found := np.flatnonzero(is_name & ((ends == end) | (ends + sizes % 2 == end)))).size:
        end = int(found[0])  # the outermost: chunks contain chunks
    return end


def read_restored(stream: ByteStream, rest: WavRest, max_bytes: int) -> bytes:
    """As `ByteStream.read`, but with a header that states all samples."""
    start = stream.tell()
    data = bytearray(stream.read(max_bytes))
    length = struct.pack("<I", rest.chunk.num_bytes + rest.num_audio_bytes)
    for place, byte in enumerate(length, start=rest.chunk.length_place - start):
        if 0 <= place < len(data):
            data[place] = byte
    return bytes(data)
