"""Raw PCM streams. In: bytes of one format in any pieces. Out: mono samples at 16 kHz. Knows no container but WAV."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from voxtide.audio.bytestream import MAX_READ_BYTES, ByteStream
from voxtide.audio.encodings import MAX_CHANNELS, Encoding, PcmDecoder, ScaleCheck, clean
from voxtide.audio.resample import MAX_RATE_HZ, MIN_RATE_HZ, Resampler
from voxtide.errors import CorruptAudioError, NotAudioError
from voxtide.types import SAMPLE_RATE_HZ, Notice, Samples

LENGTH_TOLERANCE_S = 0.1
"""Less missing audio than a syllable counts as a wrong header."""

MAX_WAV_HEADER_BYTES = 64 * 1024
"""Metadata before the samples, such as titles. Longer headers (pictures) are left to FFmpeg."""

UNKNOWN_WAV_BYTES = 0x7FFF_0000
"""Streaming writers state a length near 2**31 or 2**32, or 0, when they do not know it yet."""

_MAX_FORMAT_BYTES = 40
"""The longest format chunk, WAVEFORMATEXTENSIBLE."""

_EXTENSIBLE = 0xFFFE

_WAV_ENCODINGS = {
    (1, 16): Encoding.PCM_S16LE,
    (1, 32): Encoding.PCM_S32LE,
    (3, 32): Encoding.PCM_F32LE,
    (6, 8): Encoding.PCM_ALAW,
    (7, 8): Encoding.PCM_MULAW,
}
"""By format tag (mmreg.h of Windows) and bits per sample."""


@dataclass(frozen=True, slots=True)
class PcmFormat:
    """Format of raw PCM bytes with interleaved `channels`."""

    encoding: Encoding = Encoding.PCM_S16LE
    sample_rate_hz: int = SAMPLE_RATE_HZ
    channels: int = 1

    def __str__(self) -> str:
        channels = "mono" if self.channels == 1 else f"{self.channels} channels"
        return f"raw audio: {self.encoding.value}, {self.sample_rate_hz} Hz, {channels}"

    @property
    def bytes_per_s(self) -> int:
        """Bytes per second."""
        return self.encoding.num_bytes * self.channels * self.sample_rate_hz


class PcmConverter:
    """Converts PCM bytes of any format into float32 mono samples at 16 kHz in [-1, 1]."""

    def __init__(self, pcm: PcmFormat) -> None:
        """Start a stream.

        Raises:
            ConfigError: The sample rate or the number of channels is out of range.
        """
        self._pcm = pcm
        self._decoder = PcmDecoder(pcm.encoding, pcm.channels, sample_rate_hz=pcm.sample_rate_hz)
        self._resampler = _resampler(pcm.sample_rate_hz)

    @property
    def num_left_over_bytes(self) -> int:
        """Bytes of an incomplete sample."""
        return self._decoder.num_left_over_bytes

    @property
    def scale(self) -> ScaleCheck:
        """Whether the samples of a float encoding are on another scale than [-1, 1]."""
        return self._decoder.scale

    def feed(self, data: bytes | bytearray | memoryview) -> Samples:
        """The samples that `data` completes, shape [n]; n may be 0. Independent of how the bytes are split."""
        samples = self._decoder.feed(data)
        if self._resampler is None:
            return samples
        return clean(self._resampler.feed(samples))  # resampling may exceed full scale

    def flush(self) -> Samples:
        """The resampler's delay, as if silence followed: 20 ms at 24 kHz, 66 ms at 8 kHz. `feed` may follow."""
        rest = self.finish()
        self._resampler = _resampler(self._pcm.sample_rate_hz)
        return rest

    def finish(self) -> Samples:
        """The remaining samples. `feed` must not follow."""
        return np.zeros(0, np.float32) if self._resampler is None else clean(self._resampler.finish())


def _resampler(from_hz: int) -> Resampler | None:
    """None at 16 kHz: most live audio has that rate and arrives in many small pieces."""
    return None if from_hz == SAMPLE_RATE_HZ else Resampler(from_hz)


class PcmReader:
    """Reads PCM from a byte stream. A `SampleReader` (see threaded.py) without `interrupt` and `close`."""

    def __init__(self, name: str, stream: ByteStream, pcm: PcmFormat, *, num_bytes: int | None = None) -> None:
        """Read `stream` to its end, or the `num_bytes` that its header states."""
        self.notices: list[Notice] = []
        self._name = name
        self._stream = stream
        self._pcm = pcm
        self._num_bytes = num_bytes
        self._converter = PcmConverter(pcm)

    def open(self) -> float | None:
        """The length in seconds, or None for a pipe."""
        if self._stream.size_bytes is None:
            return None
        num_bytes = self._stream.size_bytes - self._stream.tell()
        if self._num_bytes is not None:
            num_bytes = min(num_bytes, self._num_bytes)
        return num_bytes / self._pcm.bytes_per_s

    def read(self) -> Iterator[Samples]:
        """Yield samples as their bytes arrive.

        Raises:
            CorruptAudioError: The input is shorter than its header states, by more than `LENGTH_TOLERANCE_S`.
            NotAudioError: There is not a single byte.
        """
        num_read_bytes = 0
        has_noticed_scale = False
        while (wanted := self._wanted_bytes(num_read_bytes)) and (data := self._stream.read(wanted)):
            num_read_bytes += len(data)
            samples = self._converter.feed(data)
            if self._converter.scale.is_off_scale and not has_noticed_scale:
                has_noticed_scale = True
                self.notices.append(self._converter.scale.notice(self._name))
            yield samples
        yield self._converter.finish()
        if not self._stream.is_ended:
            self._check(num_read_bytes)

    def _check(self, num_read_bytes: int) -> None:
        """Raise if the input was empty or truncated; add a notice if its length is a little wrong."""
        if self._num_bytes is None and self._stream.tell() == 0:
            raise NotAudioError(f"{self._name} is empty")
        num_missing_bytes = 0 if self._num_bytes is None else self._num_bytes - num_read_bytes
        if num_missing_bytes > LENGTH_TOLERANCE_S * self._pcm.bytes_per_s or (num_missing_bytes and not num_read_bytes):
            read_s = num_read_bytes / self._pcm.bytes_per_s
            stated_s = (num_read_bytes + num_missing_bytes) / self._pcm.bytes_per_s
            raise CorruptAudioError(f"{self._name} ends after {read_s:.2f} s, but its header states {stated_s:.2f} s")
        if num_missing_bytes:
            self.notices.append(wrong_length(self._name, num_missing_bytes))
        elif num_left_over_bytes := self._converter.num_left_over_bytes:
            message = f"{self._name} ends inside a sample: {num_left_over_bytes} bytes are left over"
            self.notices.append(Notice("partial_sample", f"{message}; are the encoding and the channels right?"))

    def _wanted_bytes(self, num_read_bytes: int) -> int:
        return MAX_READ_BYTES if self._num_bytes is None else min(MAX_READ_BYTES, self._num_bytes - num_read_bytes)


@dataclass(frozen=True, slots=True)
class PlainWav:
    """A WAV header: the samples start at `offset_bytes`; `num_bytes` is None if the header does not state it."""

    pcm: PcmFormat
    offset_bytes: int
    num_bytes: int | None


def plain_wav(peek: Callable[[int], bytes]) -> PlainWav | None:
    """Parse a WAV header in one of our encodings, else return None. `peek(n)` returns the first n bytes.

    FFmpeg can read WAV, but it buffers the first 64 KiB of a WAV pipe (to detect S/PDIF), which is two seconds of live
    speech. Unusual headers are still left to FFmpeg.
    """
    start = peek(12)
    if start[:4] != b"RIFF" or start[8:] != b"WAVE":
        return None
    pcm, offset = None, 12
    while offset <= MAX_WAV_HEADER_BYTES and len(head := peek(offset + 8)) == offset + 8:
        tag, num_bytes = struct.unpack_from("<4sI", head, offset)
        offset += 8
        if tag == b"data":
            num_known = None if num_bytes == 0 or num_bytes >= UNKNOWN_WAV_BYTES else num_bytes
            return PlainWav(pcm, offset, num_known) if pcm is not None else None
        if tag == b"fmt ":
            pcm = _wav_format(peek(offset + min(num_bytes, _MAX_FORMAT_BYTES))[offset:])
        offset += num_bytes + num_bytes % 2
    return None


def num_missing_wav_bytes(stream: ByteStream) -> int:
    """Count the bytes that a WAV file of any encoding lacks according to its header, which FFmpeg ignores.

    0 if the length is unknown, and for other formats.
    """
    head = stream.peek(8)
    if head[:4] != b"RIFF" or len(head) < 8 or stream.size_bytes is None:
        return 0
    stated_bytes = int(struct.unpack_from("<I", head, 4)[0]) + len(head)
    missing_bytes = stated_bytes - stream.size_bytes
    return max(0, missing_bytes) if stated_bytes < UNKNOWN_WAV_BYTES else 0


def wrong_length(name: str, num_missing_bytes: int) -> Notice:
    """The notice for a WAV file whose header states a little more than it holds: some writers do."""
    return Notice("wrong_length", f"{name} is {num_missing_bytes} bytes shorter than its header states")


def _wav_format(chunk: bytes) -> PcmFormat | None:
    if len(chunk) < 16:
        return None
    tag, channels, sample_rate_hz, _, block_bytes, num_bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) == _MAX_FORMAT_BYTES:
        tag = struct.unpack_from("<H", chunk, 24)[0]  # the first field of the sub-format
    encoding = _WAV_ENCODINGS.get((tag, num_bits))
    if encoding is None or block_bytes != channels * encoding.num_bytes:
        return None
    if not (1 <= channels <= MAX_CHANNELS and MIN_RATE_HZ <= sample_rate_hz <= MAX_RATE_HZ):
        return None
    return PcmFormat(encoding, sample_rate_hz, channels)
