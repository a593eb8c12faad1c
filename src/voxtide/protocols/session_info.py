"""A session's ids and times. In: plain values. Out: `SessionInfo`."""

from __future__ import annotations

from dataclasses import dataclass


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
