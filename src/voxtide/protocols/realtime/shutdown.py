"""How a session ends, in any dialect. In: the reason. Out: ordered effects, none twice. Knows no messages.

open -> ending (by the client) or draining (by the server) -> final text sent -> closed
any of them -> failed, which is also closed
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from voxtide.errors import VoxtideError
from voxtide.protocols.error_codes import GOING_AWAY, NORMAL, Failure, failure_of
from voxtide.protocols.realtime.dialect import Close, Effect, Finish, Send


class Phase(Enum):
    """The session's phase."""

    OPEN = auto()
    ENDING = auto()
    DRAINING = auto()
    CLOSED = auto()


class Shutdown:
    """Ends one session. All methods are idempotent."""

    def __init__(self, error_messages: Callable[[Failure], list[Send]]) -> None:
        """Start open. `error_messages` gives the dialect's messages for a failure."""
        self.phase = Phase.OPEN
        self._error_messages = error_messages
        self._reason: VoxtideError | None = None

    @property
    def is_open(self) -> bool:
        """Whether the client may still send audio."""
        return self.phase is Phase.OPEN

    @property
    def is_closed(self) -> bool:
        """Whether nothing may be sent any more."""
        return self.phase is Phase.CLOSED

    def end(self) -> list[Effect]:
        """The client sends no more audio."""
        return self._finish(Phase.ENDING)

    def drain(self, reason: VoxtideError | None) -> list[Effect]:
        """The server ends the session, for `reason` or because it is going away."""
        if self.is_open:
            self._reason = reason
        return self._finish(Phase.DRAINING)

    def close(self) -> list[Effect]:
        """The final text has been sent."""
        if self._reason is not None:
            return self.fail(self._reason)
        code = NORMAL if self.phase is Phase.ENDING else GOING_AWAY
        self.phase = Phase.CLOSED
        return [Close(code)]

    def fail(self, error: VoxtideError) -> list[Effect]:
        """The session cannot continue."""
        if self.is_closed:
            return []
        self.phase = Phase.CLOSED
        failure = failure_of(error)
        return [*self._error_messages(failure), Close(failure.close_code, failure.code)]

    def _finish(self, phase: Phase) -> list[Effect]:
        if not self.is_open:
            return []
        self.phase = phase
        return [Finish()]
