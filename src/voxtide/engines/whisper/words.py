"""Groups tokens to pieces. In: timed tokens and their bytes. Out: words and punctuation, whole characters only.

Knows no model. In scripts without spaces, every shortest run of tokens that decodes to whole characters is a word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from voxtide.engines.whisper.model import Token
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.transcript.spacing import writes_spaces

MAX_CHARACTER_BYTES = 4
WORD_S, CHARACTER_S = 0.2, 0.07
"""Longest duration of a word's last token: the first plus the second per character. The alignment extends a word over
the pause after it; any time beyond this is that pause."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """A shortest run of tokens that decodes to whole characters."""

    text: str
    tokens: tuple[Token, ...]

    @property
    def is_mark(self) -> bool:
        """Whether it is punctuation after a word; hyphens and apostrophes are part of the word."""
        return not any(c.isalnum() or c.isspace() for c in self.text) and self.text not in ("-", "'")

    @property
    def continues_character(self) -> bool:
        """Whether it is an accent or a vowel sign of the character before it."""
        return unicodedata.category(self.text[0]).startswith("M")


def pieces_of(tokens: list[Token], bytes_of: Callable[[int], bytes], *, is_continued: bool) -> list[Piece]:
    """The pieces of a window's tokens; times are seconds from the window's start.

    Args:
        tokens: In order. An incomplete character at the end is left out.
        bytes_of: Token id -> bytes.
        is_continued: Whether text precedes the window's tokens; then the first piece may continue its last word.
    """
    groups: list[list[_Unit]] = []
    for unit in _units(tokens, bytes_of):
        if groups and not _begins_piece(unit, groups[-1][-1]):
            groups[-1].append(unit)
        else:
            groups.append([unit])
    pieces = [_piece(group) for group in groups]
    if pieces and not is_continued and _lacks_space(pieces[0]):
        pieces[0] = replace(pieces[0], text=f" {pieces[0].text}")
    return pieces


def _units(tokens: list[Token], bytes_of: Callable[[int], bytes]) -> list[_Unit]:
    units: list[_Unit] = []
    run: list[Token] = []
    for token in tokens:
        run.append(token)
        content = b"".join(bytes_of(token.id) for token in run)
        text = content.decode("utf-8", errors="ignore")
        if len(text.encode()) == len(content) or len(content) - len(text.encode()) >= MAX_CHARACTER_BYTES:
            if text:
                units.append(_Unit(text, tuple(run)))
            run = []
    return units


def _begins_piece(unit: _Unit, before: _Unit) -> bool:
    if unit.continues_character:
        return False
    is_spaced = writes_spaces(unit.text) and writes_spaces(before.text)
    return unit.text.startswith(" ") or unit.is_mark != before.is_mark or not is_spaced and not unit.is_mark


def _lacks_space(piece: Piece) -> bool:
    return not piece.is_punctuation and not piece.starts_word


def _piece(units: list[_Unit]) -> Piece:
    tokens = [token for unit in units for token in unit.tokens]
    last = tokens[-1]
    end_s = min(last.end_s, last.start_s + WORD_S + CHARACTER_S * len(units[-1].text))
    logprob = sum(token.logprob for token in tokens) / len(tokens)
    return Piece(
        "".join(unit.text for unit in units),
        tuple(token.id for token in tokens),
        tokens[0].start_s,
        end_s,
        logprob,
    )


SAME_PLACE_S = 0.05
"""Words that begin closer together than this are in one place."""
LOOP_WORDS = 3
"""This many words in one place at the end are a repetition loop; two may be short words at the window's edge."""
STEP_S = 0.07
"""Least time from word to word, a third of that in fast speech: keeps `drop_hallucinations` from dropping them."""


def well_timed(pieces: list[Piece]) -> list[Piece]:
    """Drop a repetition loop at the end, and give every word a time of its own."""
    return _spread(_without_loop(pieces))


def _without_loop(pieces: list[Piece]) -> list[Piece]:
    words = _word_indices(pieces)
    starts_s = [pieces[i].start_s for i in words]
    num_looped = 1
    while num_looped < len(words) and starts_s[-num_looped] - starts_s[-num_looped - 1] < SAME_PLACE_S:
        num_looped += 1
    return pieces[: words[-num_looped]] if LOOP_WORDS <= num_looped <= len(words) else pieces


def _spread(pieces: list[Piece]) -> list[Piece]:
    words = _word_indices(pieces)
    starts_s = [piece.start_s for piece in pieces]
    for i, start_s in zip(words, _spread_starts([starts_s[i] for i in words]), strict=True):
        starts_s[i] = start_s
    for i in range(1, len(pieces)):  # punctuation stays between its words
        starts_s[i] = max(starts_s[i], starts_s[i - 1])
    return [_moved(piece, start_s, next_s) for piece, start_s, next_s in zip_longest(pieces, starts_s, starts_s[1:])]


def _spread_starts(starts_s: list[float]) -> list[float]:
    """Spread words in one place evenly between the word before them and the word after."""
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
    return _at_least_a_step_apart(spread_s)


def _at_least_a_step_apart(starts_s: list[float]) -> list[float]:
    """Move starts at least `STEP_S` apart, as far as the span from the first to the last allows."""
    steps_s = list(starts_s)
    for i in range(1, len(steps_s)):
        steps_s[i] = max(steps_s[i], steps_s[i - 1] + STEP_S)
    latest_s = starts_s[-1] if starts_s else 0.0
    for i in reversed(range(1, len(steps_s))):
        steps_s[i] = max(starts_s[0], min(steps_s[i], latest_s))
        latest_s = steps_s[i] - STEP_S
    return steps_s


def _word_indices(pieces: list[Piece]) -> list[int]:
    """The indices of the words."""
    return [i for i, piece in enumerate(pieces) if not piece.is_punctuation]


def _moved(piece: Piece, start_s: float, next_s: float | None) -> Piece:
    if next_s is None:
        return replace(piece, start_s=start_s, end_s=max(start_s, piece.end_s))
    end_s = piece.end_s if start_s == piece.start_s else next_s
    return replace(piece, start_s=start_s, end_s=max(start_s, min(end_s, next_s)))
