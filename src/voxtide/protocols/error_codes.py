"""Failures as clients see them. In: a `VoxtideError`. Out: an HTTP status and a close code. Knows no dialect."""

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
"""Close codes (RFC 6455 and its registry). Clients raise an exception for all but the first two. No failure uses those
two: it would look like an empty result."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a failure is reported to a client.

    Attributes:
        status: The HTTP status. Clients retry on 408, 429 and 5xx, and give up on the other 4xx.
        close_code: The WebSocket close code.
        code: The failure's stable name.
        message: For people.
    """

    status: int
    close_code: int
    code: str
    message: str


def failure_of(error: VoxtideError) -> Failure:
    """Classify `error`: the client's fault, temporary, or the server's."""
    for kind, status, close_code in _KINDS:
        if isinstance(error, kind):
            return Failure(status, close_code, error.code, str(error))
    if isinstance(error, ConnectionFailedError):
        return Failure(502, INTERNAL, error.code, UPSTREAM_FAILED)
    return Failure(500, INTERNAL, error.code, "the server failed and this session cannot continue; open another")


_KINDS: tuple[tuple[type[VoxtideError], int, int], ...] = (
    (CapacityError, 503, TRY_LATER),
    (SessionExpiredError, 408, TRY_LATER),
    (SessionIdleError, 408, TRY_LATER),
    (AudioAheadError, 429, POLICY),
    (MessageTooBigError, 413, TOO_BIG),
    (ConfigError, 400, POLICY),
    (AudioError, 400, POLICY),
)
"""The first match counts. Anything else is an internal error: 500, with its details only in the server's log."""

UPSTREAM_FAILED = (
    "this server forwards audio to another one, which is unreachable, refused it or closed the connection; "
    "try again later (the server's log has the details)"
)
"""Does not name the upstream server or its key."""
