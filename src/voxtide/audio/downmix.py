"""Many channels to one. In: samples of all channels. Out: mono samples. Knows no encodings and no I/O.

The rule: the output is the mean of the channels, unless they cancel out, as in stereo with one channel inverted. Then
it is the loudest channel. The power of the mean is compared with what the mean of unrelated channels would have:

    coherence = num_channels**2 * power(mean) / sum of power(channel)     1: unrelated, num_channels: equal, 0: inverted

Below `_CANCELLED` over the last 0.1 s of sound the loudest channel is taken; above `_RESTORED` over the last 2 s the
mean is taken again. Silence changes nothing. The change takes a block of 20 ms, without a click. Decisions depend only
on positions and samples, so the output is independent of chunking; it is never delayed.
"""

from __future__ import annotations

import math

import numpy as np

from voxtide.types import Samples

_BLOCK_S = 0.02
"""Interval of decisions, and length of a cross-fade. At most this much of a cancelled onset is lost."""

_LEAVE_S = 0.1
_RETURN_S = 2.0
"""Time constants of the leaky sums of power: fast to leave the mean, slow to return, so that they do not alternate."""

_FAST_DECAY = math.exp(-_BLOCK_S / _LEAVE_S)
_SLOW_DECAY = math.exp(-_BLOCK_S / _RETURN_S)

_CANCELLED = 0.1
"""The mean is 10 dB weaker than that of unrelated channels: with two inverted channels, of gains up to 5 dB apart."""

_RESTORED = 1 / 3


class Downmix:
    """Mixes a stream of `num_channels` channels."""

    def __init__(self, num_channels: int, rate_hz: int) -> None:
        self._num_channels = num_channels
        self._block = max(1, round(_BLOCK_S * rate_hz))
        self._unfinished = np.zeros((0, num_channels), np.float32)
        """The last samples, less than a block, which were emitted."""
        self._choice: int | None = None  # a channel; None: the mean
        self._previous: int | None = None  # before the current block
        self._fast = [0.0] * (1 + num_channels)
        self._slow = [0.0] * (1 + num_channels)
        """Leaky sums of the power of the mean and of each channel."""

    def feed(self, channels: Samples) -> Samples:
        """Mix `channels`, shape [n, num_channels], to n samples."""
        if self._num_channels == 1:
            return channels[:, 0]
        num_emitted = len(self._unfinished)
        joined = np.concatenate([self._unfinished, channels])
        mono = mix_down(joined)
        num_whole = len(joined) - len(joined) % self._block
        for number, powers in enumerate(self._powers(joined[:num_whole], mono[:num_whole])):
            start = number * self._block
            self._render(mono[start : start + self._block], joined[start : start + self._block])
            self._decide(powers)
        self._render(mono[num_whole:], joined[num_whole:])
        self._unfinished = joined[num_whole:].copy()
        return mono[num_emitted:]

    def _powers(self, channels: Samples, mean: Samples) -> list[list[float]]:
        """The power of the mean and of each channel, per block."""
        rows = [np.ascontiguousarray(row).reshape(-1, self._block) for row in (mean, *channels.T)]
        powers: list[list[float]] = np.stack([np.einsum("kb,kb->k", row, row) for row in rows], axis=1).tolist()
        return powers

    def _render(self, mono: Samples, channels: Samples) -> None:
        """Turn the mean of a block, or of its beginning, into the output."""
        if self._choice is None and self._previous is None:
            return
        old = mono if self._previous is None else channels[:, self._previous]
        new = mono if self._choice is None else channels[:, self._choice]
        progress = np.arange(1, len(mono) + 1, dtype=np.float32) / np.float32(self._block)
        mono[:] = old + (new - old) * progress if self._choice != self._previous else new

    def _decide(self, powers: list[float]) -> None:
        """Update the sums with a block's powers, and choose for the next block."""
        self._previous = self._choice
        self._fast = [old * _FAST_DECAY + new for old, new in zip(self._fast, powers, strict=True)]
        self._slow = [old * _SLOW_DECAY + new for old, new in zip(self._slow, powers, strict=True)]
        if self._choice is None and self._coherence(self._fast) < _CANCELLED:
            loudest = max(self._fast[1:])
            self._choice = self._fast.index(loudest, 1) - 1
            self._slow = [power * (_RETURN_S / _LEAVE_S) for power in self._fast]  # start in the steady state
        elif self._choice is not None and self._coherence(self._slow) > _RESTORED:
            self._choice = None

    def _coherence(self, powers: list[float]) -> float:
        total = sum(powers) - powers[0]
        return self._num_channels**2 * powers[0] / total if total > 0 else 1.0


def mix_down(channels: Samples) -> Samples:
    """The mean of interleaved `channels`, shape [n, num_channels], as mono samples of shape [n]."""
    if channels.shape[1] == 1:
        return channels[:, 0]
    total = channels[:, 0].astype(np.float32)
    for number in range(1, channels.shape[1]):  # much faster than `mean` over a short axis
        total += channels[:, number]
    total /= np.float32(channels.shape[1])
    return total
