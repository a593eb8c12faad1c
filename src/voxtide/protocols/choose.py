"""Two wires on one path. In: what a client of `/v1/realtime` sends. Out: the effects of the wire that it speaks.

OpenAI's clients and vLLM's both wait for `session.created`; one that has the fields of both is sent. They differ in
their first message: vLLM's names its model beside the type and has no `session`.
"""

from __future__ import annotations

from collections.abc import Mapping

from voxtide.errors import VoxtideError
from voxtide.protocols.dialect import Dialect, Effect
from voxtide.protocols.facts import EngineFacts, SessionFacts
from voxtide.protocols.messages import Refusal, read_message
from voxtide.protocols.openai_realtime import OpenAIRealtime
from voxtide.protocols.turns import TurnEvent
from voxtide.protocols.vllm_realtime import VllmRealtime
from voxtide.transcript.events import TranscriptEvent


class ChosenRealtime:
    """A `Dialect` that is OpenAI's until the client turns out to be vLLM's."""

    def __init__(self, engine: EngineFacts, session: SessionFacts, query: Mapping[str, str]) -> None:
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

    def tell(self, event: TranscriptEvent | TurnEvent) -> list[Effect]:
        """What the client is to know of an event."""
        return self._dialect.tell(event)

    def fail(self, error: VoxtideError) -> list[Effect]:
        """How this client learns that the session cannot go on."""
        return self._dialect.fail(error)

    def drain(self, error: VoxtideError | None = None) -> list[Effect]:
        """Finish what was said, then 1001 or the error."""
        return self._dialect.drain(error)

    def _choose(self, message: str | bytes) -> list[Effect]:
        try:
            fields = read_message(message)
        except Refusal:
            return []
        self._is_chosen = True
        if fields.get("type") != "session.update" or "session" in fields:
            return []
        self._dialect = VllmRealtime(self._engine)
        return self._dialect.begin()
