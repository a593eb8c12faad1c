"""How a session ends, whatever its wire. In: what ends it. Out: effects, in order, each end once. Knows no messages.

open -> ending (the client said that no more audio comes) or draining (we did) -> the last text -> closed
any of them -> failed, which is closed
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from voxtide.errors import VoxtideError
from voxtide.protocols.error_codes import GOING_AWAY, NORMAL, Failure, failure_of
from voxtide.protocols.realtime.dialect import Close, Effect, Finish, Send


class Phase(Enum):
    """How far it is."""

    OPEN = auto()
    ENDING = auto()
    DRAINING = auto()
    CLOSED = auto()


class Shutdown:
    """One session's way out. Twice is the same as once."""

    def __init__(self, word: Callable[[Failure], list[Send]]) -> None:
        """Begin open. `word` says how a failure reads on this wire."""
        self.phase = Phase.OPEN
        self._word = word
        self._reason: VoxtideError | None = None

    @property
    def is_open(self) -> bool:
        """Whether the client may go on."""
        return self.phase is Phase.OPEN

    @property
    def is_closed(self) -> bool:
        """Whether nothing may be told any more."""
        return self.phase is Phase.CLOSED

    def end(self) -> list[Effect]:
        """The client says that no more audio comes."""
        return self._finish(Phase.ENDING)

    def drain(self, reason: VoxtideError | None) -> list[Effect]:
        """We say it, because the server goes away or for a `reason`."""
        if self.is_open:
            self._reason = reason
        return self._finish(Phase.DRAINING)

    def close(self) -> list[Effect]:
        """The last text has been told."""
        if self._reason is not None:
            return self.fail(self._reason)
        code = NORMAL if self.phase is Phase.ENDING else GOING_AWAY
        self.phase = Phase.CLOSED
        return [Close(code)]

    def fail(self, error: VoxtideError) -> list[Effect]:
        """It cannot go on."""
        if self.is_closed:
            return []
        self.phase = Phase.CLOSED
        failure = failure_of(error)
        return [*self._word(failure), Close(failure.close_code, failure.code)]

    def _finish(self, phase: Phase) -> list[Effect]:
        if not self.is_open:
            return []
        self.phase = phase
        return [Finish()]
