"""Cuts a prompt to a model's room for words to expect. In: a text, what fits. Out: its end."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable

MAX_PROMPT_CHARS = 20_000
"""Nothing before these is used: they are more than any model has room for, and a longer text takes long to tokenise."""

_REST_OF_WORD = re.compile(r"\S{0,40}\s+")
"""In a script without spaces a prompt is cut between any two characters."""


def end_that_fits(text: str, fits: Callable[[str], bool]) -> str:
    """The longest end of `text` that `fits`, from the start of a word on; "" if none does.

    `fits` should accept the ends of whatever it accepts, and is never asked for more than `MAX_PROMPT_CHARS` at once.
    """
    if not fits(""):  # what goes with the text is too long already
        return ""
    if len(text) <= MAX_PROMPT_CHARS and fits(text):
        return text
    first = max(0, len(text) - MAX_PROMPT_CHARS)
    start = bisect_left(range(len(text)), True, lo=first, key=lambda at: fits(text[at:]))
    if start == len(text):
        return ""
    end = text[start:].rstrip()
    if not text[start - 1].isspace() and (rest := _REST_OF_WORD.match(end)):
        end = end[rest.end() :]
    end = end.lstrip()
    while end and not fits(end):  # a word can have more tokens at the start of a text
        end = "".join(end.split(maxsplit=1)[1:])
    return end
