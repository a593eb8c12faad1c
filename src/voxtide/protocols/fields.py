"""Values inside messages. In: whatever JSON holds. Out: numbers, switches, strings within bounds, or refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from voxtide.protocols.messages import Message, RequestRefusedError

MAX_STRING_CHARS = 200
"""Of a phrase to expect. Nobody says a longer one as a term."""

MAX_STRINGS_CHARS = 20_000
"""Of all phrases together: they are told back, and in JSON, at 12 bytes a character at worst, must fit into a frame."""


def number(value: Any, name: str, low: float, high: float, *, default: float | None = None) -> float:
    """A number from `low` to `high`; null is the default, where there is one.

    Raises:
        Refusal: It is none, or outside.
    """
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise RequestRefusedError(f"{name} must be a number from {low:g} to {high:g}", param=name)
    return float(value)


def whole_number(value: Any, name: str, low: int, high: int, *, default: int | None = None) -> int:
    """A whole number from `low` to `high`; null is the default, where there is one.

    Raises:
        Refusal: It is none, or outside.
    """
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise RequestRefusedError(f"{name} must be a whole number from {low} to {high}", param=name)
    return value


def switch(value: Any, name: str) -> bool:
    """true or false; null is false.

    Raises:
        Refusal: It is neither.
    """
    if value is None:
        return False
    if not isinstance(value, bool):
        raise RequestRefusedError(f"{name} must be true or false", param=name)
    return value


def strings(value: Any, name: str, max_items: int) -> tuple[str, ...]:
    """A list of strings; null is an empty one.

    Raises:
        Refusal: It is none, or too long, or a string in it is.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RequestRefusedError(f"{name} must be a list of strings", param=name)
    lengths = [len(item) for item in value]
    if len(lengths) > max_items or max(lengths, default=0) > MAX_STRING_CHARS or sum(lengths) > MAX_STRINGS_CHARS:
        raise RequestRefusedError(
            f"{name} may hold {max_items} strings of {MAX_STRING_CHARS} characters each, {MAX_STRINGS_CHARS} in all",
            param=name,
        )
    return tuple(value)


def object_of(value: Any, name: str) -> Message:
    """An object; null is an empty one.

    Raises:
        Refusal: It is none.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RequestRefusedError(f"{name} must be an object", param=name)
    return value


def read_settings(wishes: Iterable[tuple[str, Callable[[], Any]]]) -> tuple[dict[str, Any], list[RequestRefusedError]]:
    """What can be had of a client's wishes, by attribute, and why the rest cannot. Each reads its own value.

    A wish for the attribute "" is only checked. One for "pcm" that is refused gives None: audio in a format that we do
    not know would be read as what it is not.
    """
    changes: dict[str, Any] = {}
    refusals = []
    for attribute, read in wishes:
        try:
            changes[attribute] = read()
        except RequestRefusedError as refusal:
            refusals.append(refusal)
            if attribute == "pcm":
                changes["pcm"] = None
    changes.pop("", None)
    return changes, refusals
