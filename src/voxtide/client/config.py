"""How patient a connection is and how much it keeps. In: plain values. Out: a frozen, checked `ClientConfig`."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from voxtide.errors import ConfigError

_LEAST = {"replay_s": 1.0, "max_events": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """The bounds of one connection.

    Attributes:
        open_timeout_s: How long one attempt to open a connection may take.
        flush_timeout_s: How long a flush waits for its answer before the connection is ended to get it. Audio that
            was sent faster than it is spoken adds its head start. Well over what a hosted service takes.
        end_timeout_s: How long the answer to the end of the audio may take, counted in the same way.
        standby_after_s: An unanswered flush makes the client open its next connection after this time. Once a flush
            had no answer at all, a standby is open whenever audio is on its way.
        reconnect_s: How long a lost server is looked for before the connection fails.
        replay_s: Audio kept until a final text has come for it; sending waits where it is full. Speech that goes on
            for half of it without a flush is flushed at its next quiet place, without an event of its own.
        max_events: Events not yet read; no more audio is sent where it is full.
    """

    open_timeout_s: float = 10.0
    flush_timeout_s: float = 5.0
    end_timeout_s: float = 10.0
    standby_after_s: float = 1.5
    reconnect_s: float = 60.0
    replay_s: float = 120.0
    max_events: int = 256

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), _LEAST.get(field.name, 0)
            if not (isinstance(value, int | float) and least <= value < math.inf):
                raise ConfigError(f"{field.name} is {value!r}; it must be a number, {least:g} or more")
