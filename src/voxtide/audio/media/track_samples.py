"""Decoded frames to samples. In: frames' bytes, rates and times. Out: mono at 16 kHz, on the clock; a mix of tracks.

frame -> downmix -> clock: silence for gaps -> pieces -> resampler -> mix with other tracks. Calls no FFmpeg.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import DTypeLike

from voxtide.audio.downmix import Downmix
from voxtide.audio.encodings import ScaleCheck, clean
from voxtide.audio.media.clock import ContainerClock, TimedSamples
from voxtide.audio.resample import RateConverter
from voxtide.types import SAMPLE_RATE_HZ, Samples

_MAX_LAG_SAMPLES = 10 * SAMPLE_RATE_HZ
"""A track may be this much behind another: containers interleave within a second or two. Beyond it, it counts as silent
until it continues, so memory is bounded and live input goes on."""

_VALUES: dict[str, tuple[DTypeLike, float, float]] = {
    "u8": (np.uint8, 2.0**7, 2.0**7),
    "s16": (np.int16, 0.0, 2.0**15),
    "s32": (np.int32, 0.0, 2.0**31),
    "s64": (np.int64, 0.0, 2.0**63),
    "flt": (np.float32, 0.0, 1.0),
    "dbl": (np.float64, 0.0, 1.0),
}
"""FFmpeg's sample formats: dtype, zero, full scale. The suffix "p" means planar."""


def to_samples(
    sample_format: str, planes: Sequence[bytes], *, num_samples: int, num_channels: int, scale: ScaleCheck | None = None
) -> Samples:
    """A frame's samples, shape [num_samples, num_channels], in [-1, 1]. `planes` may be longer than that (padding).

    `scale` checks the samples of float formats.
    """
    kind, zero, full_scale = _VALUES[sample_format.removesuffix("p")]
    if sample_format.endswith("p"):  # one plane per channel
        values = np.stack([np.frombuffer(plane, kind, num_samples) for plane in planes], axis=1)
    else:
        values = np.frombuffer(planes[0], kind, num_samples * num_channels).reshape(-1, num_channels)
    if full_scale == 1.0:
        if scale is not None:
            scale.add(values)
        return clean(values)
    return (values.astype(np.float32) - np.float32(zero)) / np.float32(full_scale)


class TrackSamples:
    """Converts the frames of one track. Their rate and their number of channels may change, as in joined files."""

    def __init__(self, clock: ContainerClock, *, piece_s: float) -> None:
        """Frames are resampled in pieces of at least `piece_s`, for speed; 0 for live input."""
        self.decoded_s = 0.0
        """Set by `finish`: where the last frame ends, on the clock."""
        self._clock = clock
        self._piece_s = piece_s
        self._format = (1, SAMPLE_RATE_HZ)
        self._downmix = Downmix(*self._format)
        self._waiting: list[Samples] = []
        self._waiting_s = 0.0
        self._rate_hz = 0
        self._converter = RateConverter()

    def add(self, channels: Samples, rate_hz: int, start_s: float | None) -> Iterator[Samples]:
        """Yield the samples that a frame completes.

        Args:
            channels: The frame's samples, shape [n, num_channels].
            rate_hz: Its sample rate.
            start_s: Its time on the container's clock; None: directly after the previous one.

        Raises:
            ConfigError: The rate is outside the resampler's range.
        """
        if (channels.shape[1], rate_hz) != self._format:
            self._format = (channels.shape[1], rate_hz)
            self._downmix = Downmix(*self._format)
        for piece in self._clock.add(TimedSamples(rate_hz, self._downmix.feed(channels), start_s)):
            yield from self._join(*piece)

    def finish(self, end_s: float | None) -> Iterator[Samples]:
        """Yield the remaining samples, then silence up to `end_s`, the end of packets that could not be decoded."""
        for piece in self._clock.finish():
            yield from self._join(*piece)
        self.decoded_s = self._clock.position_s
        if end_s is not None:
            for piece in self._clock.add(TimedSamples(SAMPLE_RATE_HZ, np.zeros(0, np.float32), end_s)):
                yield from self._join(*piece)
            for piece in self._clock.finish():
                yield from self._join(*piece)
        yield from self._convert()
        yield clean(self._converter.finish())

    def _join(self, rate_hz: int, samples: Samples) -> Iterator[Samples]:
        if rate_hz != self._rate_hz:
            yield from self._convert()
            self._rate_hz = rate_hz
        self._waiting.append(samples)
        self._waiting_s += samples.size / rate_hz
        if self._waiting_s >= self._piece_s:
            yield from self._convert()

    def _convert(self) -> Iterator[Samples]:
        if self._waiting:
            joined = np.concatenate(self._waiting)
            self._waiting, self._waiting_s = [], 0.0
            yield clean(self._converter.feed(self._rate_hz, joined))


class TrackMix:
    """Mixes mono tracks at 16 kHz as channels are mixed (downmix.py): the mean, unless they cancel out."""

    def __init__(self, num_tracks: int) -> None:
        self._downmix = Downmix(num_tracks, SAMPLE_RATE_HZ)
        self._waiting = [np.zeros(0, np.float32)] * num_tracks
        self._num_owed = [0] * num_tracks
        """Samples of silence emitted for a track that was behind: left out of the silence that it delivers later."""

    def add(self, index: int, samples: Samples) -> Samples:
        """The mix, as far as it is complete, after track `index` continues with `samples`."""
        if self._num_owed[index] and not samples.any():
            num_left_out = min(samples.size, self._num_owed[index])
            self._num_owed[index] -= num_left_out
            samples = samples[num_left_out:]
        self._waiting[index] = np.concatenate([self._waiting[index], samples])
        longest = max(track.size for track in self._waiting)
        return self._take(max(min(track.size for track in self._waiting), longest - _MAX_LAG_SAMPLES))

    def finish(self) -> Samples:
        """The rest; shorter tracks end with silence."""
        return self._take(max(track.size for track in self._waiting))

    def _take(self, num_samples: int) -> Samples:
        rows = np.zeros((num_samples, len(self._waiting)), np.float32)
        for index, track in enumerate(self._waiting):
            available = track[:num_samples]
            rows[: available.size, index] = available
            self._num_owed[index] += num_samples - available.size
            self._waiting[index] = track[available.size :]
        return self._downmix.feed(rows)
