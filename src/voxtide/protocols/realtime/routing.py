"""Selects the dialect of a connection. In: path, query, engine and session info. Out: a `Dialect`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from voxtide.errors import VoxtideError
from voxtide.protocols.messages import RequestRefusedError, read_message
from voxtide.protocols.realtime.dialect import MAX_APPEND_BYTES, Dialect, Effect
from voxtide.protocols.realtime.mistral import MistralRealtime
from voxtide.protocols.realtime.openai import OpenAIRealtime
from voxtide.protocols.realtime.turns import TurnEvent
from voxtide.protocols.realtime.vllm import VllmRealtime
from voxtide.protocols.session_info import SessionInfo
from voxtide.transcript.events import TranscriptEvent
from voxtide.types import EngineInfo


class RealtimePath(StrEnum):
    """The path a client connects to."""

    MISTRAL = "/v1/audio/transcriptions/realtime"
    REALTIME = "/v1/realtime"

    @property
    def message_bytes(self) -> int:
        """The longest valid message: the most audio of one message as base64, plus the fields around it."""
        return _MESSAGE_BYTES[self]


_MESSAGE_BYTES = {RealtimePath.MISTRAL: 4 * 2**20, RealtimePath.REALTIME: MAX_APPEND_BYTES // 3 * 4 + 64 * 2**10}
"""Mistral's audio needs a tenth of its limit; the rest lets oversized settings be refused by name, not by length. On
the other path the dialect is unknown until the first message, so one limit holds for both."""


def open_dialect(path: RealtimePath, query: Mapping[str, str], engine: EngineInfo, session: SessionInfo) -> Dialect:
    """The dialect of a new session. `query` is the decoded query of the URL; of a repeated name it holds one value."""
    if path is RealtimePath.MISTRAL:
        return MistralRealtime(engine, session, query)
    return DetectedRealtime(engine, session, query)


class DetectedRealtime:
    """A `Dialect` that is OpenAI's until the client's first message shows that it is vLLM's."""

    def __init__(self, engine: EngineInfo, session: SessionInfo, query: Mapping[str, str]) -> None:
        self._engine = engine
        self._dialect: Dialect = OpenAIRealtime(engine, session)
        self._is_detected = "intent" in query  # only OpenAI's clients send it

    def begin(self) -> list[Effect]:
        """`session.created`, in a form that serves both."""
        return self._dialect.begin()

    def receive(self, message: str | bytes) -> list[Effect]:
        """Handle a client's message. The first readable one decides the dialect."""
        effects = [] if self._is_detected else self._detect(message)
        return [*effects, *self._dialect.receive(message)]

    def on_event(self, event: TranscriptEvent | TurnEvent) -> list[Effect]:
        """Forward an event to the dialect."""
        return self._dialect.on_event(event)

    def fail(self, error: VoxtideError) -> list[Effect]:
        """Report `error` and close."""
        return self._dialect.fail(error)

    def drain(self, error: VoxtideError | None = None) -> list[Effect]:
        """Send the final text, then close with 1001 or the error."""
        return self._dialect.drain(error)

    def _detect(self, message: str | bytes) -> list[Effect]:
        try:
            fields = read_message(message)
        except RequestRefusedError:
            return []
        self._is_detected = True
        if fields.get("type") != "session.update" or "session" in fields:
            return []
        self._dialect = VllmRealtime(self._engine)
        return self._dialect.begin()
