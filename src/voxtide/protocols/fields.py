"""Values inside messages. In: any JSON value. Out: numbers, booleans, bounded strings, or refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from voxtide.protocols.messages import Message, RequestRefusedError
from voxtide.types import EngineInfo

MAX_PHRASES = 1_000
"""Phrases to expect. More than any recogniser can use, in a message of reasonable size."""

MAX_STRING_CHARS = 200
"""One phrase. Real terms are shorter."""

MAX_STRINGS_CHARS = 20_000
"""All phrases together. In a session they are sent back, and must fit into a frame at up to 12 bytes of JSON per
character."""

MAX_SESSION_PROMPT_CHARS = 1_000
"""The prompt of a session, which is sent back beside its phrases: both must fit into one frame."""


def number(value: Any, name: str, low: float, high: float, *, default: float | None = None) -> float:
    """A number from `low` to `high`; null is the default, if there is one.

    Raises:
        RequestRefusedError: It is not a number, or out of range.
    """
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise RequestRefusedError(f"{name} must be a number from {low:g} to {high:g}", param=name)
    return float(value)


def whole_number(value: Any, name: str, low: int, high: int, *, default: int | None = None) -> int:
    """An integer from `low` to `high`; null is the default, if there is one.

    Raises:
        RequestRefusedError: It is not an integer, or out of range.
    """
    if value is None and default is not None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise RequestRefusedError(f"{name} must be a whole number from {low} to {high}", param=name)
    return value


def switch(value: Any, name: str) -> bool:
    """A boolean; null is false.

    Raises:
        RequestRefusedError: It is not a boolean.
    """
    if value is None:
        return False
    if not isinstance(value, bool):
        raise RequestRefusedError(f"{name} must be true or false", param=name)
    return value


def strings(value: Any, name: str, max_items: int) -> tuple[str, ...]:
    """A list of strings; null is an empty list.

    Raises:
        RequestRefusedError: It is not a list of strings, or it or one of them is too long.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RequestRefusedError(f"{name} must be a list of strings", param=name)
    check_strings(value, name, max_items)
    return tuple(value)


def check_strings(values: Sequence[str], name: str, max_items: int, *, num_chars: int = 0) -> None:
    """Check the lengths of strings. `num_chars` is how many characters other fields have that count with them.

    Raises:
        RequestRefusedError: They are too many, or one or all of them are too long.
    """
    lengths = [len(value) for value in values]
    is_long = max(lengths, default=0) > MAX_STRING_CHARS or num_chars + sum(lengths) > MAX_STRINGS_CHARS
    if len(lengths) > max_items or is_long:
        raise RequestRefusedError(
            f"{name} may hold {max_items} strings of {MAX_STRING_CHARS} characters each, {MAX_STRINGS_CHARS} in all",
            param=name,
        )


def prompt(value: Any, name: str, engine: EngineInfo) -> str | None:
    """Text with words to expect; null and "" are none.

    Raises:
        RequestRefusedError: It is not a string, or too long, or the engine cannot use it.
    """
    if not value:
        return None
    if not isinstance(value, str) or len(value) > MAX_SESSION_PROMPT_CHARS:
        raise RequestRefusedError(
            f"{name} must be a string of at most {MAX_SESSION_PROMPT_CHARS} characters", param=name
        )
    if reason := engine.vocabulary_refusal():
        raise RequestRefusedError(reason, code="unsupported_option", param=name)
    return value


def object_of(value: Any, name: str) -> Message:
    """An object; null is an empty one.

    Raises:
        RequestRefusedError: It is not an object.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RequestRefusedError(f"{name} must be an object", param=name)
    return value


def check_model(model: str, name: str, engine: EngineInfo) -> None:
    """Refuse a model that this server does not have.

    Raises:
        RequestRefusedError: There is no such model; its `param` is `name`.
    """
    if reason := engine.model_refusal(model):
        raise RequestRefusedError(reason, code="model_not_found", param=name, status=404)


def read_settings(
    requested: Iterable[tuple[str, Callable[[], Any]]],
) -> tuple[dict[str, Any], list[RequestRefusedError]]:
    """Read each requested setting with its own reader. Returns the accepted values by attribute, and the refusals.

    A setting for the attribute "" is only checked. A refused "pcm" becomes None: audio must not be decoded in a format
    it does not have.
    """
    changes: dict[str, Any] = {}
    refusals = []
    for attribute, read in requested:
        try:
            changes[attribute] = read()
        except RequestRefusedError as refusal:
            refusals.append(refusal)
            if attribute == "pcm":
                changes["pcm"] = None
    changes.pop("", None)
    return changes, refusals
