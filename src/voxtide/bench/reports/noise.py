"""What differs beyond noise. In: the same number of two runs, with its raw data. Out: whether it changed, and why.

Noise is, by the first that applies:

- exact: a count whose target is 0 has none. Any difference is a change.
- samples: for a percentile with its samples in both documents, the difference of the percentiles of samples that are
  drawn anew with replacement (a bootstrap). A change is outside its 99 % interval, and beyond 5 % because draws from
  one run cannot show what differs from run to run.
- words: for an error rate with its counts, the same of drawn parts, such as utterances: the same parts from both runs
  if their words are the same, as in two runs over one corpus. With few parts, the binomial deviation instead.
- counts: for a number of events, the deviation of counts of independent events (Poisson).
- 5 %: for everything else, the most by which two quiet runs differ.

A difference no larger than `RESOLUTION` is noise in any case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxtide.bench.reports.document import MeasureResult
from voxtide.bench.reports.values import is_number

QUIET_RUNS = 0.05
"""By which share of the larger the medians of two quiet runs may differ."""

CONFIDENCE_PERCENT = 99.0
"""A document has some fifty numbers, so at 95 % two or three of them would be reported without cause."""

DEVIATIONS = 2.576
"""Standard deviations of a normal distribution with that confidence."""

NUM_DRAWS = 4_000
"""Forty draws are outside the interval."""

MIN_PARTS = 20
"""Fewer parts, and their draws repeat a few sums."""

MAX_DATA = 100_000
"""Samples or parts of one number, which bound the time; a standard run has hundreds. With more, other rules apply."""

DRAWS_AT_ONCE = 200
"""Bounds the memory: 160 MB with the most parts."""

COUNTS = frozenset({"words", "runs", "phrases", "flushes", "utterances", "events", "errors"})
"""Units of numbers of events."""

RESOLUTION = {"ms": 1.0, "MB": 1.0, "MB/h": 1.0, "streams": 1.0, "sessions": 1.0}
"""By unit: the scheduler's wake-up, the allocator's blocks, and the step of the search for a limit."""

Draws: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Noise:
    """Whether a difference is beyond noise, and by which rule, in a few words."""

    is_beyond: bool
    rule: str


def compare(before: MeasureResult, after: MeasureResult) -> Noise:
    """Compare a number of two runs, in the same unit. Gives the same answer each time."""
    rules = (_exactly, _by_resolution, _by_samples, _by_words, _by_count)
    return next((noise for rule in rules if (noise := rule(before, after))), None) or _by_share(before, after)


def _exactly(before: MeasureResult, after: MeasureResult) -> Noise | None:
    is_zero_wanted = all(it.target is not None and it.target.limit == 0 for it in (before, after))
    if before.unit in COUNTS and is_zero_wanted:
        return Noise(before.value != after.value, "exact, the target is 0")
    return None


def _by_resolution(before: MeasureResult, after: MeasureResult) -> Noise | None:
    resolution = RESOLUTION.get(before.unit, 0.0)
    if abs(after.value - before.value) <= resolution:
        return Noise(False, f"resolution, {resolution:g} {before.unit}")
    return None


def _by_share(before: MeasureResult, after: MeasureResult) -> Noise:
    limit = QUIET_RUNS * max(abs(before.value), abs(after.value))
    return Noise(abs(after.value - before.value) > limit, f"{100 * QUIET_RUNS:g} %")


def _by_samples(before: MeasureResult, after: MeasureResult) -> Noise | None:
    samples = _samples(before.data), _samples(after.data)
    if samples[0] is None or samples[1] is None or before.percent is None or before.percent != after.percent:
        return None
    generator = np.random.default_rng(0)
    draws = [drawn_percentiles(it, before.percent, generator) for it in samples if it is not None]
    noise = _outside(draws[1] - draws[0], before.unit, "samples")
    return Noise(noise.is_beyond and _by_share(before, after).is_beyond, noise.rule)


def _samples(data: Any) -> list[float] | None:
    """The samples, or None if the data is something else."""
    if isinstance(data, list) and 0 < len(data) <= MAX_DATA and all(map(is_number, data)):
        return data
    return None


def drawn_percentiles(samples: Sequence[float], percent: float, generator: np.random.Generator) -> Draws:
    """The nearest-rank percentile of each of `NUM_DRAWS` sets drawn from `samples` with replacement.

    The k-th smallest of n uniform numbers has the distribution beta(k, n + 1 - k), so its place among the sorted
    samples is drawn directly.
    """
    num = len(samples)
    rank = min(num, max(1, math.ceil(percent / 100 * num)))
    places = np.floor(num * generator.beta(rank, num + 1 - rank, size=NUM_DRAWS)).astype(np.int64)
    drawn: Draws = np.sort(np.asarray(samples, np.float64))[np.minimum(places, num - 1)]
    return drawn


def _outside(differences: Draws, unit: str, rule: str) -> Noise:
    """Whether 0 is outside the interval of the drawn differences."""
    margin = (100 - CONFIDENCE_PERCENT) / 2
    low, high = np.percentile(differences, [margin, 100 - margin])
    interval = f"{low:+.3g} to {high:+.3g} {unit}".rstrip()
    return Noise(bool(low > 0 or high < 0), f"{rule}, {CONFIDENCE_PERCENT:g} % interval {interval}")


def _by_words(before: MeasureResult, after: MeasureResult) -> Noise | None:
    if not all(_has(it.data, "words", "errors") and it.data["words"] > 0 for it in (before, after)):
        return None
    first, second = _parts(before.data), _parts(after.data)
    if min(len(first), len(second)) < MIN_PARTS:
        return _binomial(before, after)
    is_paired = np.array_equal(first[:, 0], second[:, 0])
    rates = drawn_rates(first, seed=0), drawn_rates(second, seed=0 if is_paired else 1)
    return _outside(rates[1] - rates[0], "points", "words of the same parts" if is_paired else "words")


def _has(data: Any, *keys: str) -> bool:
    return isinstance(data, dict) and all(is_number(data.get(key)) for key in keys)


def _parts(data: Any) -> Draws:
    """Words and errors of each part; none if the data has no usable parts."""
    parts = data.get("parts")
    is_usable = (
        isinstance(parts, list)
        and len(parts) <= MAX_DATA
        and all(isinstance(it, list) and len(it) == 2 and all(map(is_number, it)) and it[0] > 0 for it in parts)
    )
    return np.array(parts if is_usable else [], np.float64).reshape(-1, 2)


def drawn_rates(parts: Draws, *, seed: int) -> Draws:
    """The error rate [%] of each of `NUM_DRAWS` sets of parts drawn with replacement; equal seeds draw equally."""
    generator = np.random.default_rng(seed)
    rates = np.empty(NUM_DRAWS)
    for start in range(0, NUM_DRAWS, DRAWS_AT_ONCE):
        places = generator.integers(len(parts), size=(DRAWS_AT_ONCE, len(parts)))
        words, errors = (parts[:, column][places].sum(axis=1) for column in (0, 1))
        rates[start : start + DRAWS_AT_ONCE] = 100 * errors / words
    return rates


def _binomial(before: MeasureResult, after: MeasureResult) -> Noise:
    """By the deviation of a share, taken from both runs together, so that 0 errors have one too."""
    words = before.data["words"], after.data["words"]
    share = abs(before.data["errors"] + after.data["errors"]) / sum(words)
    variance = share * (1 - min(share, 0.5))  # no bound at 100 %: inserted words count, too
    limit = 100 * DEVIATIONS * math.sqrt(variance * (1 / words[0] + 1 / words[1]))
    return Noise(abs(after.value - before.value) > limit, f"words, {limit:.3g} points")


def _by_count(before: MeasureResult, after: MeasureResult) -> Noise | None:
    """By the deviation of two numbers of independent events, each over its hours if it is a rate."""
    hours = [_hours(it) for it in (before, after)]
    if not all(hours) or min(before.value, after.value) < 0:
        return None
    limit = DEVIATIONS * math.sqrt(before.value / hours[0] + after.value / hours[1])
    return Noise(abs(after.value - before.value) > limit, f"counts, {limit:.3g} {before.unit}")


def _hours(measure: MeasureResult) -> float:
    """The hours of a rate of events, 1 for a plain count, 0 for other numbers."""
    if _has(measure.data, "count", "hours"):
        return max(0.0, float(measure.data["hours"]))
    return 1.0 if measure.unit in COUNTS else 0.0
