"""One session as its client sees it, and language tags. In: plain values. Out: `SessionInfo`, ISO 639 codes."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]+)*")
"""ISO 639 with any region or script behind it, such as en-US or zh_Hans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """One session as its wire shows it.

    Attributes:
        session_id: Unique, of letters, digits, - and _; item and event ids are made from it.
        opened_at_s: When it was opened, in whole seconds since 1970.
        expires_at_s: When it ends at the latest, in the same count; None for never.
    """

    session_id: str
    opened_at_s: int
    expires_at_s: int | None = None


def language_code(text: str) -> str | None:
    """The language of a tag ("en-US" gives "en"), or None where there is none in it."""
    matched = _LANGUAGE.fullmatch(text.strip())
    return matched[1].lower() if matched else None
