"""Sample rate conversion. In: mono samples at any rate, in pieces. Out: the same audio at 16 kHz. Knows no bytes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import soxr

from voxtide.errors import ConfigError, StreamClosedError
from voxtide.types import SAMPLE_RATE_HZ, Samples

MIN_RATE_HZ = 4_000
"""Below this, speech is unintelligible (bandwidth is half the rate); telephones use 8 kHz."""

MAX_RATE_HZ = 384_000
"""The highest rate of studio files; a larger value is a mistake."""


class Resampler:
    """Converts a stream of mono samples from `from_hz` to 16 kHz, without a time shift.

    The output is independent of chunking. 16 kHz audio passes through unchanged.
    """

    def __init__(self, from_hz: int) -> None:
        """Start a stream at `from_hz`.

        Raises:
            ConfigError: The rate is outside `MIN_RATE_HZ` to `MAX_RATE_HZ`.
        """
        if not MIN_RATE_HZ <= from_hz <= MAX_RATE_HZ:
            raise ConfigError(f"sample rate must be {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz, not {from_hz} Hz")
        self._from_hz = from_hz
        self._is_finished = False
        self._num_in = 0
        self._num_out = 0
        self._filter: soxr.ResampleStream | None = None
        if from_hz != SAMPLE_RATE_HZ:
            # HQ: 20-bit precision, more than any speech model needs, at half the cost of VHQ.
            self._filter = soxr.ResampleStream(from_hz, SAMPLE_RATE_HZ, 1, dtype="float32", quality="HQ")

    def feed(self, samples: Samples) -> Samples:
        """Convert `samples`, shape [n] at `from_hz`. The output lags a little and may be empty.

        Raises:
            StreamClosedError: `finish` was called.
        """
        return self._convert(samples, is_last=False)

    def finish(self) -> Samples:
        """The remaining samples: n input samples give round(n * 16000 / from_hz) output samples in total.

        Raises:
            StreamClosedError: `finish` was called before.
        """
        rest = self._convert(np.zeros(0, np.float32), is_last=True)
        num_due = round(Fraction(self._num_in * SAMPLE_RATE_HZ, self._from_hz)) - (self._num_out - rest.size)
        whole = np.zeros(num_due, np.float32)
        whole[: rest.size] = rest[:num_due]
        return whole

    def _convert(self, samples: Samples, *, is_last: bool) -> Samples:
        if self._is_finished:
            raise StreamClosedError("the resampler was finished; create a new one for more audio")
        self._is_finished = is_last
        self._num_in += samples.size
        if self._filter is None:
            self._num_out += samples.size
            return samples
        converted: Samples = self._filter.resample_chunk(np.ascontiguousarray(samples, dtype=np.float32), last=is_last)
        self._num_out += converted.size
        return converted


class RateConverter:
    """Converts pieces, each with its rate in Hz, to 16 kHz. The rate may change, as in concatenated files."""

    def __init__(self) -> None:
        self._resampler: Resampler | None = None
        self._rate_hz = 0

    def feed(self, rate_hz: int, samples: Samples) -> Samples:
        """Convert `samples` at `rate_hz`; after a change of the rate also what is left of the previous ones.

        Raises:
            ConfigError: The rate is outside `MIN_RATE_HZ` to `MAX_RATE_HZ`.
        """
        if self._resampler is not None and rate_hz == self._rate_hz:
            return self._resampler.feed(samples)
        rest = self.finish()
        self._resampler, self._rate_hz = Resampler(rate_hz), rate_hz
        return np.concatenate([rest, self._resampler.feed(samples)])

    def finish(self) -> Samples:
        """The remaining samples. `feed` may follow."""
        resampler, self._resampler = self._resampler, None
        return np.zeros(0, np.float32) if resampler is None else resampler.finish()
