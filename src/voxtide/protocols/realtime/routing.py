"""A connection becomes a dialect. In: the path's wire, its query, facts. Out: the dialect that speaks to the client."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from voxtide.errors import VoxtideError
from voxtide.protocols.messages import RequestRefusedError, read_message
from voxtide.protocols.realtime.dialect import Dialect, Effect
from voxtide.protocols.realtime.mistral import MistralRealtime
from voxtide.protocols.realtime.openai import MAX_APPEND_BYTES, OpenAIRealtime
from voxtide.protocols.realtime.turns import TurnEvent
from voxtide.protocols.realtime.vllm import VllmRealtime
from voxtide.protocols.session_info import SessionInfo
from voxtide.transcript.events import TranscriptEvent
from voxtide.types import EngineInfo


class RealtimePath(StrEnum):
    """A realtime wire, by the path a client connects to."""

    MISTRAL = "/v1/audio/transcriptions/realtime"
    REALTIME = "/v1/realtime"

    @property
    def message_bytes(self) -> int:
        """The longest message a client has reason to send: the most audio of one, as base64, and what is around it."""
        return _MESSAGE_BYTES[self]


_MESSAGE_BYTES = {RealtimePath.MISTRAL: 4 * 2**20, RealtimePath.REALTIME: MAX_APPEND_BYTES // 3 * 4 + 64 * 2**10}
"""Mistral's needs a tenth of it for audio, and more for settings that are refused by name rather than for their length.
Which of the two dialects of the other path a client speaks shows only in its messages: OpenAI's bound is for both."""


def open_dialect(wire: RealtimePath, query: Mapping[str, str], engine: EngineInfo, session: SessionInfo) -> Dialect:
    """The client's side of a new session. `query` is the address's, decoded; of a name given twice, either."""
    if wire is RealtimePath.MISTRAL:
        return MistralRealtime(engine, session, query)
    return DetectedRealtime(engine, session, query)


class DetectedRealtime:
    """A `Dialect` that is OpenAI's until the client turns out to be vLLM's."""

    def __init__(self, engine: EngineInfo, session: SessionInfo, query: Mapping[str, str]) -> None:
        self._engine = engine
        self._dialect: Dialect = OpenAIRealtime(engine, session)
        self._is_chosen = "intent" in query  # OpenAI's clients alone say what they intend

    def begin(self) -> list[Effect]:
        """`session.created` for both."""
        return self._dialect.begin()

    def receive(self, message: str | bytes) -> list[Effect]:
        """One message of the client. The first that can be read settles which wire it is."""
        effects = [] if self._is_chosen else self._choose(message)
        return [*effects, *self._dialect.receive(message)]

    def on_event(self, event: TranscriptEvent | TurnEvent) -> list[Effect]:
        """What the client is to know of an event."""
        return self._dialect.on_event(event)

    def fail(self, error: VoxtideError) -> list[Effect]:
        """How this client learns that the session cannot go on."""
        return self._dialect.fail(error)

    def drain(self, error: VoxtideError | None = None) -> list[Effect]:
        """Finish what was said, then 1001 or the error."""
        return self._dialect.drain(error)

    def _choose(self, message: str | bytes) -> list[Effect]:
        try:
            fields = read_message(message)
        except RequestRefusedError:
            return []
        self._is_chosen = True
        if fields.get("type") != "session.update" or "session" in fields:
            return []
        self._dialect = VllmRealtime(self._engine)
        return self._dialect.begin()
