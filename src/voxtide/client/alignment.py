"""Two tellings of the same speech. In: what was told before, what is told now. Out: the words that are new.

Final text cannot be taken back. Where audio is transcribed again, or a final text differs from the deltas before it,
what was told stands and only what goes beyond it is added.
"""

from __future__ import annotations

import re

_MARGIN_WORDS = 3
"""Where the tellings differ, so many words past the told ones must be there before a border is drawn between them."""

_PIECE = re.compile(r"\s*\S+")


def beyond(told: str, heard: str, *, is_complete: bool) -> str | None:
    """The part of `heard` that continues `told`, with the white space before it.

    None where that cannot be known yet; never None where `heard` `is_complete`.
    """
    place = _place_after(told, heard)
    if place is not None:
        return heard[place:]
    if _letters(told).startswith(_letters(heard)):
        return "" if is_complete else None
    pieces = _PIECE.findall(heard)
    told_words = told.split()
    if not is_complete and len(pieces) < len(told_words) + _MARGIN_WORDS:
        return None
    num_same = _num_told(told_words, [piece.strip() for piece in pieces])
    return _rest_of_word(told, pieces[:num_same]) + "".join(pieces[num_same:])


def missing_from(heard: str, text: str) -> str:
    """What a final `text` says beyond the deltas `heard` of it. One that also repeats older text says nothing more."""
    if heard.strip() and _letters(text).endswith(_letters(heard)):
        return ""
    return beyond(heard, text, is_complete=True) or ""


def is_text_of(heard: str, text: str) -> bool:
    """Whether a final `text` can be that of the deltas `heard`: it begins or ends with them."""
    return _letters(text).startswith(_letters(heard)) or _letters(text).endswith(_letters(heard))


def begins_with(text: str, head: str) -> int | None:
    """The place in `text` right after `head`, white space aside; None where it begins otherwise."""
    return _place_after(head, text)


def _place_after(head: str, text: str) -> int | None:
    place = 0
    for letter in _letters(head):
        while place < len(text) and text[place].isspace():
            place += 1
        if place == len(text) or text[place] != letter:
            return None
        place += 1
    return place


def _num_told(told: list[str], heard: list[str]) -> int:
    """How many of the `heard` words tell what the `told` words told: the cut with the fewest differences."""
    told, heard = [_plain(word) for word in told], [_plain(word) for word in heard]
    row = list(range(len(heard) + 1))  # differences between the told words so far and each beginning of `heard`
    for i, word in enumerate(told, 1):
        above, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            is_same = word == other or (i == len(told) and bool(word) and other.startswith(word))
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (not is_same))
    return min(range(len(row)), key=lambda j: (row[j], abs(j - len(told)), -j))


def _rest_of_word(told: str, same: list[str]) -> str:
    """What is left to tell of the last told word, if it broke off in the middle."""
    if not (told.split() and same) or told[-1].isspace():
        return ""
    begun, whole = told.split()[-1], same[-1].strip()
    return whole[len(begun) :] if whole.lower().startswith(begun.lower()) else ""


def _letters(text: str) -> str:
    return "".join(text.split())


def _plain(word: str) -> str:
    """A word as it sounds: no case, no punctuation."""
    return re.sub(r"[^\w']", "", word).lower()
