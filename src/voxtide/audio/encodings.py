"""Raw PCM encodings. In: bytes in any pieces, or samples. Out: mono samples, or bytes. Knows no files."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxtide.audio.downmix import Downmix
from voxtide.errors import ConfigError
from voxtide.types import SAMPLE_RATE_HZ, Notice, Samples

MAX_CHANNELS = 8
"""7.1 surround: the most that capture cards and conference bridges send in one stream."""

_S16_FULL_SCALE = 2.0**15
_S16_STEP = np.float32(1 / _S16_FULL_SCALE)
_S32_FULL_SCALE = 2.0**31

MAX_FLOAT_LEVEL = 16.0
"""Float samples above it are on an integer's scale: no recording exceeds full scale by 24 dB. Speech in units of 16-bit
samples is almost always above it."""

MIN_OFF_SCALE_SAMPLES = 1_000
"""Fewer samples above `MAX_FLOAT_LEVEL` are clicks or a damaged packet: 63 ms at 16 kHz."""

_MULAW_BIAS = 0x84
"""G.711: added to a mu-law magnitude (in 16-bit units) so that every segment starts at a power of two."""


class Encoding(StrEnum):
    """Encoding of one sample. All are little-endian; `pcm_mulaw` and `pcm_alaw` are ITU-T G.711."""

    PCM_S16LE = "pcm_s16le"
    PCM_S32LE = "pcm_s32le"
    PCM_F16LE = "pcm_f16le"
    PCM_F32LE = "pcm_f32le"
    PCM_MULAW = "pcm_mulaw"
    PCM_ALAW = "pcm_alaw"

    @property
    def num_bytes(self) -> int:
        """Bytes per sample and channel."""
        return _NUM_BYTES[self]

    @classmethod
    def parse(cls, name: str) -> Encoding:
        """The encoding called `name`.

        Raises:
            ConfigError: Unknown; the message lists all encodings.
        """
        try:
            return cls(name)
        except ValueError:
            raise ConfigError(f"unknown encoding {name!r}; choose from {', '.join(cls)}") from None


_NUM_BYTES = {
    Encoding.PCM_S16LE: 2,
    Encoding.PCM_S32LE: 4,
    Encoding.PCM_F16LE: 2,
    Encoding.PCM_F32LE: 4,
    Encoding.PCM_MULAW: 1,
    Encoding.PCM_ALAW: 1,
}


class ScaleCheck:
    """Detects float samples on an integer's scale, not in [-1, 1]. It counts, so it is independent of chunking."""

    def __init__(self) -> None:
        self._num_off_scale = 0

    @property
    def is_off_scale(self) -> bool:
        """Whether at least `MIN_OFF_SCALE_SAMPLES` were above `MAX_FLOAT_LEVEL`. Stays true."""
        return self._num_off_scale >= MIN_OFF_SCALE_SAMPLES

    def add(self, values: NDArray[np.floating[Any]]) -> None:
        """Count the finite values of any shape, before `clean`."""
        if not self.is_off_scale:
            levels = np.abs(values)
            self._num_off_scale += int(np.count_nonzero((levels > MAX_FLOAT_LEVEL) & (levels < np.inf)))

    def notice(self, name: str) -> Notice:
        """The notice for the audio `name`."""
        message = f"{name} has float samples far outside [-1, 1], which were clipped: its text is probably nonsense"
        return Notice("off_scale", f"{message}; scale them (16-bit values: divide by 32768), or correct the encoding")


class PcmDecoder:
    """Decodes PCM bytes, in pieces of any size, into mono samples.

    Interleaved channels are mixed (downmix.py). NaN and infinities become 0; values outside [-1, 1] are clipped.
    """

    def __init__(self, encoding: Encoding, channels: int = 1, *, sample_rate_hz: int = SAMPLE_RATE_HZ) -> None:
        """Decode `encoding` with 1 to `MAX_CHANNELS` interleaved channels. Only mixing depends on `sample_rate_hz`.

        Raises:
            ConfigError: The number of channels is out of range.
        """
        if not 1 <= channels <= MAX_CHANNELS:
            raise ConfigError(f"channels must be 1 to {MAX_CHANNELS}, not {channels}")
        self.scale = ScaleCheck()
        """Checks the samples of float encodings."""
        self._decode = _DECODERS[encoding]
        self._is_float = encoding in _FLOATS
        self._channels = channels
        self._downmix = Downmix(channels, sample_rate_hz)
        self._unit_bytes = encoding.num_bytes * channels
        self._left_over = b""

    @property
    def num_left_over_bytes(self) -> int:
        """Bytes of an incomplete sample. Not 0 at the end of the input means that it was cut inside a sample."""
        return len(self._left_over)

    def feed(self, data: bytes | bytearray | memoryview) -> Samples:
        """The samples that `data` completes, float32 mono, shape [n]; n may be 0."""
        joined = self._left_over + bytes(data)
        usable = len(joined) - len(joined) % self._unit_bytes
        self._left_over = joined[usable:]
        samples = self._decode(joined[:usable])
        if self._is_float:
            self.scale.add(samples)
            samples = clean(samples)
        return samples if self._channels == 1 else self._downmix.feed(samples.reshape(-1, self._channels))


def encode_pcm(samples: Samples, encoding: Encoding) -> bytes:
    """Mono `samples` as bytes in `encoding`: clipped to [-1, 1], NaN and infinities as 0, rounded to nearest."""
    return _ENCODERS[encoding](clean(samples))


def clean(values: NDArray[np.floating[Any]]) -> Samples:
    """`values` as float32 in [-1, 1] of the same shape; NaN and infinities become 0."""
    finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    clipped: Samples = np.clip(finite, -1.0, 1.0).astype(np.float32, copy=False)
    return clipped


def _decode_s16(data: bytes) -> Samples:
    samples = np.frombuffer(data, "<i2").astype(np.float32)
    samples *= _S16_STEP  # astype and an in-place product are faster than one casting product; exact, a power of two
    return samples


def _scaled(samples: Samples, full_scale: float) -> NDArray[np.float64]:
    """Integers from -full_scale to full_scale - 1, as float64: float32 cannot represent 2**31 - 1."""
    scaled: NDArray[np.float64] = np.rint(samples.astype(np.float64) * full_scale)
    return np.minimum(scaled, full_scale - 1)


@cache
def _mulaw_levels() -> Samples:
    """The level of each of the 256 mu-law codes (G.711, table 2): inverted bits, sign, 3-bit segment, 4-bit step."""
    codes = ~np.arange(256, dtype=np.uint8)
    segment, step = (codes >> 4 & 7).astype(np.int32), (codes & 15).astype(np.int32)
    magnitude = ((step << 3) + _MULAW_BIAS << segment) - _MULAW_BIAS
    return _signed(magnitude, is_negative=codes & 0x80 != 0)


@cache
def _alaw_levels() -> Samples:
    """The level of each of the 256 A-law codes (G.711, table 1): even bits inverted, then as in mu-law."""
    codes = np.arange(256, dtype=np.uint8) ^ np.uint8(0x55)
    segment, step = (codes >> 4 & 7).astype(np.int32), (codes & 15).astype(np.int32)
    magnitude = np.where(segment == 0, (step << 4) + 8, (step << 4) + 0x108 << np.maximum(segment - 1, 0))
    return _signed(magnitude, is_negative=codes & 0x80 == 0)


def _signed(magnitude: NDArray[np.int32], is_negative: NDArray[np.bool_]) -> Samples:
    levels = np.where(is_negative, -magnitude, magnitude)
    return (levels / _S16_FULL_SCALE).astype(np.float32)


def _nearest_codes(samples: Samples, levels: Samples) -> bytes:
    """The code of the level nearest to each sample; on a tie, the higher level."""
    order = np.argsort(levels, kind="stable")
    ascending = levels[order]
    borders = (ascending[1:] + ascending[:-1]) / 2
    return order[np.searchsorted(borders, samples, side="right")].astype(np.uint8).tobytes()


_FLOATS = frozenset({Encoding.PCM_F16LE, Encoding.PCM_F32LE})

_DECODERS: dict[Encoding, Callable[[bytes], Samples]] = {
    Encoding.PCM_S16LE: _decode_s16,
    Encoding.PCM_S32LE: lambda data: np.frombuffer(data, "<i4").astype(np.float32) / np.float32(_S32_FULL_SCALE),
    Encoding.PCM_F16LE: lambda data: np.frombuffer(data, "<f2").astype(np.float32),
    Encoding.PCM_F32LE: lambda data: np.frombuffer(data, "<f4"),
    Encoding.PCM_MULAW: lambda data: _mulaw_levels()[np.frombuffer(data, np.uint8)],
    Encoding.PCM_ALAW: lambda data: _alaw_levels()[np.frombuffer(data, np.uint8)],
}

_ENCODERS: dict[Encoding, Callable[[Samples], bytes]] = {
    Encoding.PCM_S16LE: lambda samples: _scaled(samples, _S16_FULL_SCALE).astype("<i2").tobytes(),
    Encoding.PCM_S32LE: lambda samples: _scaled(samples, _S32_FULL_SCALE).astype("<i4").tobytes(),
    Encoding.PCM_F16LE: lambda samples: samples.astype("<f2").tobytes(),
    Encoding.PCM_F32LE: lambda samples: samples.astype("<f4").tobytes(),
    Encoding.PCM_MULAW: lambda samples: _nearest_codes(samples, _mulaw_levels()),
    Encoding.PCM_ALAW: lambda samples: _nearest_codes(samples, _alaw_levels()),
}
