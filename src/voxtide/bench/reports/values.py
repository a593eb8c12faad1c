"""Checks values of a document. In: parsed JSON, the entry that it is. Out: the value, or an error that names the entry.

Everything has a limit, and text is cleared of control characters: a document may come from another machine. Knows no
entry by name.
"""

from __future__ import annotations

from typing import Any, TypeGuard
from unicodedata import category

from voxtide.errors import ConfigError

MAX_ENTRIES = 100
"""Figures, facts of the machine, failures and so on; numbers, notes and plots of a figure. The largest run has 18."""

MAX_NAME_CHARS = 500
"""Of names, units and labels. Some have the name of a user's corpus, and a file system allows 255."""

MAX_TEXT_CHARS = 10_000
"""Of other text but errors, which a page cuts. The longest definition has 1,400."""

MAX_NUMBER = 1e15
"""Larger numbers are mistakes, and would be printed with hundreds of digits."""

HARMFUL = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories of control codes, of marks that are invisible or reorder text, of surrogates and line ends."""

HARMLESS = frozenset(
    "\n\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Characters of those categories that text may have: line feed, the joiners that Persian and emoji need, and signs that
are visible."""

BLANK = frozenset("\u034f\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs that show nothing, so that two different names look alike."""


def within(number: int, limit: int | None, where: str, what: str) -> None:
    """Check a count of `what` in `where`; None sets no limit.

    Raises:
        ConfigError: It is larger than the limit.
    """
    if limit is not None and number > limit:
        raise ConfigError(f"{where} has {number} {what}, and at most {limit} can be read")


def as_object(value: Any, where: str, *, limit: int | None = MAX_ENTRIES) -> dict[str, Any]:
    """A JSON object of at most `limit` entries.

    Raises:
        ConfigError: The value is something else.
    """
    if not isinstance(value, dict):
        raise ConfigError(f"{where} is not a JSON object")
    within(len(value), limit, where, "entries")
    return value


def as_list(value: Any, where: str, *, limit: int = MAX_ENTRIES) -> list[Any]:
    """A list of at most `limit` entries.

    Raises:
        ConfigError: The value is something else.
    """
    if not isinstance(value, list):
        raise ConfigError(f"{where} is not a list")
    within(len(value), limit, where, "entries")
    return value


def as_number(value: Any, where: str) -> float:
    """A number of usable size.

    Raises:
        ConfigError: The value is something else.
    """
    if not is_number(value):
        raise ConfigError(f"{where} is not a number below {MAX_NUMBER:.0e}")
    return float(value)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a JSON value is a number of usable size."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_NUMBER


def as_numbers(value: Any, where: str, *, limit: int) -> tuple[float, ...]:
    """A list of at most `limit` numbers.

    Raises:
        ConfigError: The value is something else.
    """
    return tuple(as_number(it, f"{where}[{i}]") for i, it in enumerate(as_list(value, where, limit=limit)))


def as_name(name: str, where: str) -> str:
    """The clean name of an entry of `where`.

    Raises:
        ConfigError: It is too long.
    """
    within(len(name), MAX_NAME_CHARS, f"a name in {where}", "characters")
    return clean(name)


def as_text(value: Any, where: str, max_chars: int | None = MAX_TEXT_CHARS) -> str:
    """Clean text of at most `max_chars`.

    Raises:
        ConfigError: The value is something else.
    """
    if not isinstance(value, str):
        raise ConfigError(f"{where} is not text")
    within(len(value), max_chars, where, "characters")
    return clean(value)


def as_texts(
    value: Any, where: str, *, limit: int = MAX_ENTRIES, max_chars: int | None = MAX_TEXT_CHARS
) -> tuple[str, ...]:
    """A list of at most `limit` clean texts.

    Raises:
        ConfigError: The value is something else.
    """
    texts = as_list(value, where, limit=limit)
    return tuple(as_text(it, f"{where}[{i}]", max_chars) for i, it in enumerate(texts))


def clean(text: str) -> str:
    """The text without what a reader cannot see or what changes how the rest is shown, which becomes U+FFFD.

    These are control characters but the line feed, line and paragraph separators, marks of direction, other invisible
    characters, lone surrogates and code points that are no characters.
    """
    return "".join(char if _is_harmless(char) else "\ufffd" for char in text)


def _is_harmless(char: str) -> bool:
    if char in HARMLESS:
        return True
    is_noncharacter = ord(char) & 0xFFFE == 0xFFFE or "\ufdd0" <= char <= "\ufdef"
    return category(char) not in HARMFUL and char not in BLANK and not is_noncharacter


def cleaned(value: Any) -> Any:
    """A JSON value with clean text."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): cleaned(inner) for key, inner in value.items()}
    return [cleaned(inner) for inner in value] if isinstance(value, list) else value
