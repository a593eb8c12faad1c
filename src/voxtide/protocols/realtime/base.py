"""What all dialects share: dispatch, and how a session ends. In: messages, events, the reason. Out: ordered effects.

open -> ending (by the client) or draining (by the server) -> final text sent -> closed
any of them -> failed, which is also closed
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import Enum, auto
from typing import TypeAlias

from voxtide.errors import VoxtideError
from voxtide.protocols.error_codes import GOING_AWAY, NORMAL, Failure, failure_of
from voxtide.protocols.messages import Message, RequestRefusedError, handler_of, read_message, write_message
from voxtide.protocols.realtime.dialect import Close, Effect, Finish, Send
from voxtide.protocols.realtime.turns import TurnEvent
from voxtide.transcript.events import TranscriptEvent

Handlers: TypeAlias = dict[str, Callable[[Message], list[Effect]]]
"""A handler for each type of message. It may raise `RequestRefusedError`."""


class Phase(Enum):
    """The session's phase."""

    OPEN = auto()
    ENDING = auto()
    DRAINING = auto()
    CLOSED = auto()


class BaseDialect(ABC):
    """A `Dialect` without messages of its own. Every way to end is idempotent and gives at most one `Close`."""

    def __init__(self) -> None:
        self._phase = Phase.OPEN
        self._reason: VoxtideError | None = None

    def receive(self, message: str | bytes) -> list[Effect]:
        """Handle a client's message; answer a bad one with an error."""
        if self._ignores_messages():
            return []
        fields: Message = {}
        try:
            fields = read_message(message)
            return handler_of(fields, self._handlers())(fields)
        except RequestRefusedError as refusal:
            return [self._refusal_message(refusal, fields)]

    def on_event(self, event: TranscriptEvent | TurnEvent) -> list[Effect]:
        """The messages for an event, and a flush at the end of a turn."""
        return [] if self._phase is Phase.CLOSED else self._effects_of(event)

    def fail(self, error: VoxtideError) -> list[Effect]:
        """Send the error, then close with its code."""
        if self._phase is Phase.CLOSED:
            return []
        self._phase = Phase.CLOSED
        failure = failure_of(error)
        return [*self._failure_messages(failure), Close(failure.close_code, failure.code)]

    def drain(self, error: VoxtideError | None = None) -> list[Effect]:
        """Send the final text, then close with 1001 or the error."""
        if self._is_open:
            self._reason = error
        return self._finish(Phase.DRAINING)

    @property
    def _is_open(self) -> bool:
        """Whether the client may still send audio."""
        return self._phase is Phase.OPEN

    def _finish(self, phase: Phase) -> list[Effect]:
        """No more audio comes."""
        if not self._is_open:
            return []
        self._phase = phase
        return [Finish()]

    def _close(self) -> list[Effect]:
        """The final text has been sent."""
        if self._reason is not None:
            return self.fail(self._reason)
        code = NORMAL if self._phase is Phase.ENDING else GOING_AWAY
        self._phase = Phase.CLOSED
        return [Close(code)]

    def _ignores_messages(self) -> bool:
        """Whether clients' messages are ignored, because the connection is closing."""
        return not self._is_open

    @abstractmethod
    def _handlers(self) -> Handlers:
        """The handlers of the dialect's messages. Made anew each time: kept, they would be a reference cycle."""

    @abstractmethod
    def _effects_of(self, event: TranscriptEvent | TurnEvent) -> list[Effect]:
        """The effects of an event before the session has closed."""

    @abstractmethod
    def _failure_messages(self, failure: Failure) -> list[Send]:
        """The messages for a session that fails."""

    @abstractmethod
    def _refusal_message(self, refusal: RequestRefusedError, message: Message) -> Send:
        """The answer to a client's bad `message`; empty if it could not be read."""


def to_send(kind: str, **fields: object) -> Send:
    """A message of this type, as an effect."""
    return Send(write_message({"type": kind, **fields}))
