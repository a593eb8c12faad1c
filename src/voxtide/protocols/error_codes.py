"""Failures as clients meet them. In: an exception of ours. Out: a status and a close code. Knows no wire's messages."""

from __future__ import annotations

from dataclasses import dataclass

from voxtide.errors import (
    AudioAheadError,
    AudioError,
    CapacityError,
    ConfigError,
    ConnectionFailedError,
    MessageTooBigError,
    SessionExpiredError,
    SessionIdleError,
    VoxtideError,
)

NORMAL, GOING_AWAY, POLICY, TOO_BIG, INTERNAL, TRY_LATER = 1000, 1001, 1008, 1009, 1011, 1013
"""Close codes (RFC 6455 and its registry). All but the first two are exceptions in clients, which is what they are for:
a failure closed with those would look like an empty result."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a session's end is told.

    Attributes:
        status: An HTTP status. Clients retry at 408, 429 and from 500 on, and give up at the other 4xx.
        close_code: The WebSocket close code.
        code: Our stable name of the failure.
        message: For people.
    """

    status: int
    close_code: int
    code: str
    message: str


def failure_of(error: VoxtideError) -> Failure:
    """What to tell of `error`: whether it is the client's, a matter of time, or ours."""
    for kind, status, close_code in _KINDS:
        if isinstance(error, kind):
            return Failure(status, close_code, error.code, str(error))
    if isinstance(error, ConnectionFailedError):
        return Failure(502, INTERNAL, error.code, FAR_SIDE_FAILED)
    return Failure(500, INTERNAL, error.code, "the server failed, and this session cannot go on; open another")


_KINDS: tuple[tuple[type[VoxtideError], int, int], ...] = (
    (CapacityError, 503, TRY_LATER),
    (SessionExpiredError, 408, TRY_LATER),
    (SessionIdleError, 408, TRY_LATER),
    (AudioAheadError, 429, POLICY),
    (MessageTooBigError, 413, TOO_BIG),
    (ConfigError, 400, POLICY),
    (AudioError, 400, POLICY),
)
"""The first that fits counts. What is in none of them is ours: 500, and its details are for our log alone."""

FAR_SIDE_FAILED = (
    "this server lets another one transcribe, which cannot be reached, refuses it or has gone away; try again later "
    "(its log says which, and of what server)"
)
"""Where the other one is, and what key it was shown, is no client's business."""
