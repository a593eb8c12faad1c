"""Timeouts and limits of a connection. In: plain values. Out: a frozen, validated `ClientConfig`."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from voxtide.errors import ConfigError

_MINIMA = {"replay_s": 1.0, "max_events": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """The timeouts and limits of one connection.

    Attributes:
        open_timeout_s: Timeout of one attempt to open a connection.
        flush_timeout_s: Timeout of a flush. When it expires, the client ends that connection to get the final text.
            It starts at the request or the last message, and is extended when audio was sent faster than real time.
            The default is well above the response time of hosted services.
        end_timeout_s: Timeout of the answer to the end of the audio, counted in the same way.
        standby_after_s: A flush unanswered for this long makes the client open a standby connection. After a flush
            timeout, a standby is open whenever audio is being sent.
        reconnect_s: How long to try to reconnect before the connection fails.
        replay_s: Size of the replay buffer: audio without a final text. `send_audio` waits while it is full. Audio that
            reaches half of it without a flush is flushed at the next pause, without a `Flushed` event.
        max_events: Size of the event queue. No audio is sent while it is full.
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
            value, minimum = getattr(self, field.name), _MINIMA.get(field.name, 0)
            if not (isinstance(value, int | float) and minimum <= value < math.inf):
                raise ConfigError(f"{field.name} is {value!r}; it must be a number, {minimum:g} or more")
