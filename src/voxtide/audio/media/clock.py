"""The container's clock. In: decoded pieces with their times. Out: the same pieces, with silence for gaps.

Positions in the output are times on the container's clock, which starts with its first track, often the picture. Knows
no FFmpeg.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from voxtide.types import SAMPLE_RATE_HZ, Samples

MAX_SILENCE_S = 12 * 3600.0
"""Silence inserted into one recording, at most: a day's meeting with pauses. More is a broken timestamp."""

MAX_JUMP_S = 10.0
"""Longest gap of live input, and of formats whose clock may restart (MPEG-TS). A longer one is a restart, which inserts
nothing: a clock may restart anywhere. FFmpeg's own limit (`-dts_delta_threshold`)."""

_TOLERANCE_S = 0.1
"""Shorter gaps are rounding or jitter, and are left alone. FFmpeg's own limit (`min_hard_comp` of its resampler)."""

_MAX_OVERLAP_S = 1.0
"""Pieces that start earlier than the end of the previous one by more than this restart the clock."""

_PIECE_SAMPLES = SAMPLE_RATE_HZ
"""Silence is emitted in pieces of 1 s, so that a long gap takes no memory."""


@dataclass(frozen=True, slots=True)
class TimedSamples:
    """Decoded audio: mono `samples` at `rate_hz`.

    `start_s` is its time on the container's clock; None: directly after the previous piece.
    """

    rate_hz: int
    samples: Samples
    start_s: float | None

    @property
    def end_s(self) -> float | None:
        """Its end on the container's clock."""
        return None if self.start_s is None else self.start_s + self.samples.size / self.rate_hz


class ContainerClock:
    """Inserts silence where a track has none, from the container's start on.

    A gap counts if the second piece after it continues from the first, so a single wrong timestamp has no effect. No
    audio is ever dropped: pieces that overlap follow each other, and the next gap is shorter by that much.
    """

    def __init__(self, zero_s: float | None, *, max_gap_s: float = MAX_SILENCE_S) -> None:
        """Start at `zero_s` of the container's clock, None for the start of the first piece.

        `max_gap_s` limits a single gap; `MAX_SILENCE_S` limits all of them together.
        """
        self.position_s = 0.0
        """Length of the output so far."""
        self._zero_s = zero_s
        self._max_gap_s = max_gap_s
        self._num_silent_samples = 0
        self._held: TimedSamples | None = None  # comes after a gap, which the next piece must confirm
        self._restart_s: float | None = None  # the zero that the previous piece, which overlapped, implied

    @property
    def silence_s(self) -> float:
        """Length of the silence inserted so far."""
        return self._num_silent_samples / SAMPLE_RATE_HZ

    def add(self, piece: TimedSamples) -> Iterator[tuple[int, Samples]]:
        """Yield rate and samples of what is due. A piece after a gap is held until the next one."""
        if self._held is not None:
            held, self._held = self._held, None
            yield from self._emit(held, is_confirmed=_is_after(piece, held))
        if self._gap_s(piece) > _TOLERANCE_S:
            self._held = piece
        else:
            yield from self._emit(piece, is_confirmed=False)

    def finish(self) -> Iterator[tuple[int, Samples]]:
        """Yield the rest."""
        if self._held is not None:
            held, self._held = self._held, None
            yield from self._emit(held, is_confirmed=True)

    def _gap_s(self, piece: TimedSamples) -> float:
        """How much later than the end of the output `piece` starts; negative if it overlaps."""
        if piece.start_s is None:
            return 0.0
        if self._zero_s is None:
            self._zero_s = piece.start_s
        return piece.start_s - self._zero_s - self.position_s

    def _emit(self, piece: TimedSamples, *, is_confirmed: bool) -> Iterator[tuple[int, Samples]]:
        gap_s = self._gap_s(piece)
        if gap_s > _TOLERANCE_S and is_confirmed:
            if self._is_credible(gap_s):
                yield from self._silence(gap_s)
            else:
                self._restart_at(piece)
        elif gap_s < -_MAX_OVERLAP_S:
            self._restart_if_repeated(piece)
        else:
            self._restart_s = None
        self.position_s += piece.samples.size / piece.rate_hz
        yield piece.rate_hz, piece.samples

    def _is_credible(self, gap_s: float) -> bool:
        return gap_s <= self._max_gap_s and self.silence_s + gap_s <= MAX_SILENCE_S

    def _silence(self, gap_s: float) -> Iterator[tuple[int, Samples]]:
        """At 16 kHz, whatever the track's rate: the resampler need not run over it."""
        num_left = round(gap_s * SAMPLE_RATE_HZ)
        self._num_silent_samples += num_left
        self.position_s += num_left / SAMPLE_RATE_HZ
        while num_left > 0:
            size = min(num_left, _PIECE_SAMPLES)
            num_left -= size
            yield SAMPLE_RATE_HZ, np.zeros(size, np.float32)

    def _restart_at(self, piece: TimedSamples) -> None:
        if piece.start_s is not None:
            self._zero_s = piece.start_s - self.position_s
        self._restart_s = None

    def _restart_if_repeated(self, piece: TimedSamples) -> None:
        """Restart the clock at the second consecutive equal offset; a single wrong timestamp has no effect."""
        if piece.start_s is None:
            return
        zero_s = piece.start_s - self.position_s
        if self._restart_s is not None and abs(zero_s - self._restart_s) <= _TOLERANCE_S:
            self._restart_at(piece)
        else:
            self._restart_s = zero_s


def _is_after(piece: TimedSamples, previous: TimedSamples) -> bool:
    """Whether `piece` starts no earlier than the end of `previous`."""
    return piece.start_s is None or previous.end_s is None or piece.start_s >= previous.end_s - _TOLERANCE_S
