"""Format detection. In: the first bytes of an input. Out: container, other file or raw PCM. Knows no decoder."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from typing import TypeAlias

Peek: TypeAlias = Callable[[int], bytes]
"""Returns the first n bytes of an input, fewer at its end."""

_SIGNATURE_BYTES = 12
"""Enough for the signatures below, and only six samples of raw PCM, so live input is not delayed."""

_SIGNATURES = {
    0: (
        b"RIFF",  # wav, avi
        b"RF64",  # wav beyond 4 GB
        b"riff\x2e\x91\xcf\x11",  # w64
        b"FORM",  # aiff
        b"FRM8",  # dsdiff
        b"DSD ",
        b"fLaC",
        b"OggS",  # opus, vorbis, flac in ogg
        b"ID3",  # mp3, aac with tags
        b"\x1aE\xdf\xa3",  # EBML: webm, mkv
        b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",  # asf: wma
        b"caff",
        b".snd",  # au
        b"#!AMR",
        b"wvpk",
        b"FLV\x01",
        b"MAC ",
        b"TTA1",
        b"MPCK",
        b"MP+",  # musepack
        b".RMF",  # real media
        b".ra\xfd",
        b"Creative Voi",  # voc
        b"NIST_1A",
        b".SoX",
        b"XoS.",
        b"ajkg",  # shorten
        b"nut/multimed",
        b"\x06\x0e\x2b\x34",  # mxf
        b"\x00\x00\x01\xba",  # MPEG program stream: vob, mpg
        b"\x7f\xfe\x80\x01",  # dts, in four byte orders
        b"\xfe\x7f\x01\x80",
        b"\x1f\xff\xe8\x00",
        b"\xff\x1f\x00\xe8",
    ),
    4: (b"ftyp", b"moov", b"moof", b"styp", b"mdat", b"free", b"skip", b"wide"),  # mp4, m4a, mov, 3gp, their fragments
}

_OTHER_SIGNATURES = {
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b\x08": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ\x00": "an xz archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "a zstd archive",
    b"\x89PNG\r\n\x1a\n": "a PNG picture",
    b"\xff\xd8\xff\xe0": "a JPEG picture",
    b"\xff\xd8\xff\xe1": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"\x7fELF": "a program",
    b"MThd": "a MIDI file: notes",
}

_MAX_MPEG_FRAME_BYTES = 2_881
"""The longest MPEG audio frame (layer II, 384 kbit/s at 32 kHz, padded, rounded up): maximum distance of the next."""

_TRANSPORT_PACKET_BYTES = 188
_TIMED_PACKET_BYTES = 192
"""MPEG transport stream packets; those of camcorders and Blu-ray (m2ts) follow four bytes of time."""

_MAX_AC3_FRAME_BYTES = 4_096
"""E-AC-3's longest frame; AC-3's is 3840 (ETSI TS 102 366)."""

_LOAS_HEADER_BYTES = 3

_PADDING_STEP_BYTES = 32
"""One millisecond of PCM at 16 kHz: zeros are read in pieces of this size, so that speech after them is not delayed."""

_MAX_PADDING_BYTES = 64 * 1024
"""Zeros in a pipe that may precede a container; 2 s of PCM at 16 kHz. Digital silence is delayed by that, no speech."""

_TEXT_BYTES = 256
"""Bytes that must all be text; 8 ms of PCM."""


def is_container(peek: Peek) -> bool:
    """Whether an input is a container and not raw PCM. Zeros may precede it, up to `_MAX_PADDING_BYTES`.

    Peeks beyond `_SIGNATURE_BYTES` only if the start is rare in PCM, so live PCM is not delayed.
    """
    num_zeros = _num_zeros(peek)
    return _starts_container(lambda num_bytes: peek(num_zeros + num_bytes)[num_zeros:])


def other_kind(peek: Peek) -> str | None:
    """What an input is if it is a file without audio, with its article; None if it is not such a file."""
    start = peek(_SIGNATURE_BYTES)
    kinds = (kind for signature, kind in _OTHER_SIGNATURES.items() if start.startswith(signature))
    is_text = _is_text(start) and _is_text(peek(_TEXT_BYTES))
    return next(kinds, "text" if is_text else None)


def _num_zeros(peek: Peek) -> int:
    """The number of leading zeros, if there are at least `_SIGNATURE_BYTES` of them."""
    num_peeked = _SIGNATURE_BYTES
    while num_peeked <= _MAX_PADDING_BYTES and len(start := peek(num_peeked)) == num_peeked:
        num_zeros = num_peeked - len(start.lstrip(b"\0"))
        if num_zeros < num_peeked:
            return num_zeros if num_zeros >= _SIGNATURE_BYTES else 0
        num_peeked += _PADDING_STEP_BYTES
    return 0


def _starts_container(peek: Peek) -> bool:
    start = peek(_SIGNATURE_BYTES)
    if any(start.startswith(known, offset) for offset, signatures in _SIGNATURES.items() for known in signatures):
        return True
    return any(_is_framed(peek, start))


def _is_framed(peek: Peek, start: bytes) -> Iterator[bool]:
    """Whether the input starts with two frames or packets of a format without a signature, by format."""
    if start[:1] == b"G":
        yield _is_transport_stream(peek(3 * _TRANSPORT_PACKET_BYTES), _TRANSPORT_PACKET_BYTES)
    if start[4:5] == b"G":
        yield _is_transport_stream(peek(3 * _TIMED_PACKET_BYTES)[4:], _TIMED_PACKET_BYTES)
    if _has_mpeg_header(start):
        yield _has_next_mpeg_header(peek(_MAX_MPEG_FRAME_BYTES + 3))
    if start.startswith(b"\x0b\x77"):
        yield _has_next_ac3_header(peek(_MAX_AC3_FRAME_BYTES + 6))
    if len(start) >= _LOAS_HEADER_BYTES and start[0] == 0x56 and start[1] >= 0xE0:
        next_frame = _LOAS_HEADER_BYTES + ((start[1] & 0x1F) << 8 | start[2])
        following = peek(next_frame + 2)[next_frame:]
        yield following[:1] == b"\x56" and following[1:2] >= b"\xe0"


def _is_transport_stream(start: bytes, packet_bytes: int) -> bool:
    syncs = start[::packet_bytes]
    return len(syncs) > 1 and set(syncs) == {ord("G")}


def _has_mpeg_header(data: bytes) -> bool:
    """Whether `data` starts with an mp3, mp2 or ADTS AAC frame header: 11 set bits, no field with a reserved value."""
    if len(data) < 3 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return False
    if data[1] & 0xF6 == 0xF0:  # ADTS: 12 set bits, layer 0
        return data[2] >> 2 & 0xF < 13  # 13 sample rates are defined
    is_version_known, is_layer_known = data[1] & 0x18 != 0x08, data[1] & 0x06 != 0
    is_bit_rate_known, is_sample_rate_known = data[2] & 0xF0 != 0xF0, data[2] & 0x0C != 0x0C
    return is_version_known and is_layer_known and is_bit_rate_known and is_sample_rate_known


def _has_next_mpeg_header(data: bytes) -> bool:
    """Whether a second header of the same kind follows within the longest frame."""
    offset = data.find(data[:2], 4)
    while offset > 0:
        if _has_mpeg_header(data[offset:]) and (data[offset + 2] ^ data[2]) & 0x0C == 0:
            return True
        offset = data.find(data[:2], offset + 1)
    return False


def _has_next_ac3_header(data: bytes) -> bool:
    """Whether a second AC-3 or E-AC-3 header of the same version follows within the longest frame."""
    offset = data.find(data[:2], 6)
    while 0 < offset < len(data) - 5:
        if data[offset + 5] >> 3 == data[5] >> 3 <= 16:  # versions to 10 are AC-3, to 16 E-AC-3
            return True
        offset = data.find(data[:2], offset + 1)
    return False


def _is_text(data: bytes) -> bool:
    """Whether `data`, possibly cut within a character, is UTF-8 without control codes. Raw PCM is almost never."""
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(data)
    except UnicodeDecodeError:
        return False
    return bool(text) and all(char.isprintable() or char.isspace() for char in text)
