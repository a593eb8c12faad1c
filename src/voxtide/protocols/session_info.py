"""A session's ids and times, and language tags. In: plain values. Out: `SessionInfo`, ISO 639 codes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]+)*")
"""ISO 639, optionally followed by region or script, such as en-US or zh_Hans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """One session as its dialect shows it.

    Attributes:
        session_id: Unique, of letters, digits, - and _. Item and event ids are derived from it.
        opened_at_s: Opening time in whole seconds since 1970.
        expires_at_s: Latest end in whole seconds since 1970; None for no limit.
    """

    session_id: str
    opened_at_s: int
    expires_at_s: int | None = None


def language_code(tag: object) -> str | None:
    """The language of a tag ("en-US" gives "en"), or None if it is not a language tag."""
    matched = _LANGUAGE.fullmatch(tag.strip()) if isinstance(tag, str) else None
    return matched[1].lower() if matched else None
