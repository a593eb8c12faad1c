"""Tokens become pieces. In: timed tokens and their bytes. Out: words and punctuation, whole letters only.

Knows no model. In scripts that write no spaces, every run of tokens that makes whole letters is a word.
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

MAX_LETTER_BYTES = 4
WORD_S, LETTER_S = 0.2, 0.07
"""A word's last token takes at most this, and this more per letter of it; what is left until the next word is a pause,
which the alignment counts to the word."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """The fewest tokens that make whole letters."""

    text: str
    tokens: tuple[Token, ...]

    @property
    def is_mark(self) -> bool:
        """Whether it is punctuation after a word; hyphens and apostrophes belong to theirs."""
        return not any(letter.isalnum() or letter.isspace() for letter in self.text) and self.text not in ("-", "'")

    @property
    def continues_letter(self) -> bool:
        """Whether it is an accent or a vowel sign of the letter before it."""
        return unicodedata.category(self.text[0]).startswith("M")


def pieces_of(tokens: list[Token], bytes_of: Callable[[int], bytes], *, is_continued: bool) -> list[Piece]:
    """The pieces of a window's tokens; times are seconds from the window's start.

    Args:
        tokens: In order. Bytes at the end that make no letter are left out.
        bytes_of: The bytes of a token's number.
        is_continued: Whether there is text before, which the first piece may go on with.
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
        if len(text.encode()) == len(content) or len(content) - len(text.encode()) >= MAX_LETTER_BYTES:
            if text:
                units.append(_Unit(text, tuple(run)))
            run = []
    return units


def _begins_piece(unit: _Unit, before: _Unit) -> bool:
    if unit.continues_letter:
        return False
    is_spaced = writes_spaces(unit.text) and writes_spaces(before.text)
    return unit.text.startswith(" ") or unit.is_mark != before.is_mark or not is_spaced and not unit.is_mark


def _lacks_space(piece: Piece) -> bool:
    return not piece.is_punctuation and not piece.starts_word


def _piece(units: list[_Unit]) -> Piece:
    tokens = [token for unit in units for token in unit.tokens]
    last = tokens[-1]
    end_s = min(last.end_s, last.start_s + WORD_S + LETTER_S * len(units[-1].text))
    logprob = sum(token.logprob for token in tokens) / len(tokens)
    return Piece(
        "".join(unit.text for unit in units),
        tuple(token.id for token in tokens),
        tokens[0].start_s,
        end_s,
        logprob,
    )


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
