"""Finds repetition loops. In: timed tokens and their bytes. Out: whether they loop, and the tokens without the loop.

Knows no model. Speech that is repeated is no loop, and its text stays.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

MAX_COMPRESSION = 2.4
"""compression_ratio_threshold of openai-whisper: text that zlib compresses further is repetitive."""
SPOKEN_LOGPROB = -1.0
"""A repeated phrase counts as spoken if its first occurrence has at least this mean logprob [nat]; later ones are
always likely. Phrases spoken 5 to 12 times have -0.25 to -0.91; of 16 loops, 15 have -1.15 to -2.94."""
MIN_OCCURRENCES = 3


class TimedToken(Protocol):
    """The part of a token that is used."""

    @property
    def id(self) -> int:
        """The token's id."""

    @property
    def logprob(self) -> float:
        """Its natural log probability."""


AnyToken = TypeVar("AnyToken", bound=TimedToken)


@dataclass(frozen=True, slots=True)
class _Run:
    """Successive occurrences of the same `period` tokens; the last may be incomplete."""

    start: int
    period: int
    end: int


def is_loop(tokens: list[AnyToken], bytes_of: Callable[[int], bytes]) -> bool:
    """Whether the text repeats a phrase that was probably not spoken."""
    return _loop_in(tokens, bytes_of) is not None


def without_loops(tokens: list[AnyToken], bytes_of: Callable[[int], bytes]) -> list[AnyToken]:
    """The tokens with one occurrence of each looping phrase."""
    while (run := _loop_in(tokens, bytes_of)) is not None:
        tokens = tokens[: run.start + run.period] + tokens[run.end :]
    return tokens


def _loop_in(tokens: list[AnyToken], bytes_of: Callable[[int], bytes]) -> _Run | None:
    text = b"".join(bytes_of(token.id) for token in tokens)
    if len(text) <= MAX_COMPRESSION * len(zlib.compress(text)):
        return None
    run = _longest_run([token.id for token in tokens])
    if run is None:
        return None
    first = tokens[run.start : run.start + run.period]
    return run if sum(token.logprob for token in first) / len(first) < SPOKEN_LOGPROB else None


def _longest_run(ids: list[int]) -> _Run | None:
    """The longest run, and of several the one with the shortest phrase."""
    longest: _Run | None = None
    for period in range(1, len(ids) // MIN_OCCURRENCES + 1):
        start = 0
        for end in range(period, len(ids) + 1):
            if end < len(ids) and ids[end] == ids[end - period]:
                continue
            is_run = end - start >= MIN_OCCURRENCES * period
            if is_run and (longest is None or end - start > longest.end - longest.start):
                longest = _Run(start, period, end)
            start = end - period + 1
    return longest
