"""Tokens become pieces. In: timed tokens and their bytes. Out: words and punctuation, whole letters only.

Knows no model. In scripts that write no spaces, every run of tokens that makes whole letters is a word.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace

from voxtide.engines.hypothesis import Piece
from voxtide.engines.whisper.model import Token
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
        content = b"".join(bytes_of(token.number) for token in run)
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
        tuple(token.number for token in tokens),
        tokens[0].start_s,
        end_s,
        logprob,
    )
