"""What alignment makes of doubtful words. In: pieces as they were aligned. Out: those that were said, in sane places.

Knows no model. Attention that finds no place for words puts them all into one. At the end these are words that the
model said twice; elsewhere, the words before them were given too much time.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

import numpy as np

from voxtide.engines.hypothesis import Piece

SAME_PLACE_S = 0.05
"""Words do not begin so soon after each other."""
LOOP_WORDS = 3
"""So many words in one place at the end are a loop; two may be short words at the edge of the window."""
STEP_S = 0.07
"""Least time from word to word, a third of that in fast speech: so no word is doubted again because of its place."""


def well_timed(pieces: list[Piece]) -> list[Piece]:
    """The pieces without a loop at the end, each with a time of its own."""
    return _spread(_without_loop(pieces))


def _without_loop(pieces: list[Piece]) -> list[Piece]:
    words = _words(pieces)
    starts_s = [pieces[i].start_s for i in words]
    num_looped = 1
    while num_looped < len(words) and starts_s[-num_looped] - starts_s[-num_looped - 1] < SAME_PLACE_S:
        num_looped += 1
    return pieces[: words[-num_looped]] if LOOP_WORDS <= num_looped <= len(words) else pieces


def _spread(pieces: list[Piece]) -> list[Piece]:
    words = _words(pieces)
    starts_s = [piece.start_s for piece in pieces]
    for i, start_s in zip(words, _spread_starts([starts_s[i] for i in words]), strict=True):
        starts_s[i] = start_s
    for i in range(1, len(pieces)):  # punctuation keeps between its words
        starts_s[i] = max(starts_s[i], starts_s[i - 1])
    return [_moved(piece, start_s, next_s) for piece, start_s, next_s in zip_longest(pieces, starts_s, starts_s[1:])]


def _spread_starts(starts_s: list[float]) -> list[float]:
    """Runs of words in one place share, evenly, the time from the word before them to the one behind."""
    spread_s = list(starts_s)
    first = 0
    while first < len(starts_s):
        last = first
        while last + 1 < len(starts_s) and starts_s[last + 1] - starts_s[last] < SAME_PLACE_S:
            last += 1
        if first < last < len(starts_s) - 1:
            before = max(first - 1, 0)
            spread_s[before : last + 1] = np.linspace(
                spread_s[before], starts_s[last + 1], last - before + 1, endpoint=False
            ).tolist()
        first = last + 1
    return _in_steps(spread_s)


def _in_steps(starts_s: list[float]) -> list[float]:
    """The same at least `STEP_S` apart, as far as there is room from the first to the last."""
    steps_s = list(starts_s)
    for i in range(1, len(steps_s)):
        steps_s[i] = max(steps_s[i], steps_s[i - 1] + STEP_S)
    latest_s = starts_s[-1] if starts_s else 0.0
    for i in reversed(range(1, len(steps_s))):
        steps_s[i] = max(starts_s[0], min(steps_s[i], latest_s))
        latest_s = steps_s[i] - STEP_S
    return steps_s


def _words(pieces: list[Piece]) -> list[int]:
    """Where among the pieces the words are."""
    return [i for i, piece in enumerate(pieces) if not piece.is_punctuation]


def _moved(piece: Piece, start_s: float, next_s: float | None) -> Piece:
    if next_s is None:
        return replace(piece, start_s=start_s, end_s=max(start_s, piece.end_s))
    end_s = piece.end_s if start_s == piece.start_s else next_s
    return replace(piece, start_s=start_s, end_s=max(start_s, min(end_s, next_s)))
