"""Container detection. In: the first bytes of an input. Out: container or raw PCM. Knows no decoder; reads nothing."""

from __future__ import annotations

from collections.abc import Callable

_SIGNATURE_BYTES = 12
"""Enough for the signatures below, and only six samples of raw PCM, so live input is not delayed."""

_SIGNATURES = {
    0: (
        b"RIFF",  # wav, avi
        b"RF64",  # wav beyond 4 GB
        b"riff\x2e\x91\xcf\x11",  # w64
        b"FORM",  # aiff
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
    ),
    4: (b"ftyp", b"moov", b"moof", b"styp"),  # mp4, m4a, mov, 3gp and their fragments
}

_MAX_MPEG_FRAME_BYTES = 2_881
"""The longest MPEG audio frame (layer II, 384 kbit/s at 32 kHz, padded, rounded up): maximum distance of the next."""

_TRANSPORT_PACKET_BYTES = 188


def is_container(peek: Callable[[int], bytes]) -> bool:
    """Whether an input is a container and not raw PCM. `peek(n)` returns its first n bytes, fewer at the end.

    Peeks beyond `_SIGNATURE_BYTES` only if the start is rare in PCM, so live PCM is not delayed.
    """
    start = peek(_SIGNATURE_BYTES)
    if any(start.startswith(known, offset) for offset, signatures in _SIGNATURES.items() for known in signatures):
        return True
    if start[:1] == b"G":
        return _is_transport_stream(peek(3 * _TRANSPORT_PACKET_BYTES))
    return _has_mpeg_header(start) and _has_next_mpeg_header(peek(_MAX_MPEG_FRAME_BYTES + 3))


def _is_transport_stream(start: bytes) -> bool:
    syncs = start[::_TRANSPORT_PACKET_BYTES]
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
