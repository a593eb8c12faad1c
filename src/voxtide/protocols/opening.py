"""A connection becomes a dialect. In: the path's wire, its query, facts. Out: the dialect that speaks to the client."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from voxtide.protocols.choose import ChosenRealtime
from voxtide.protocols.dialect import Dialect
from voxtide.protocols.facts import EngineFacts, SessionFacts
from voxtide.protocols.mistral import MistralRealtime
from voxtide.protocols.openai_realtime import MAX_APPEND_BYTES


class Wire(StrEnum):
    """A realtime wire, by the path a client connects to."""

    MISTRAL = "/v1/audio/transcriptions/realtime"
    REALTIME = "/v1/realtime"

    @property
    def message_bytes(self) -> int:
        """The longest message a client has reason to send: the most audio of one, as base64, and what is around it."""
        return _MESSAGE_BYTES[self]


_MESSAGE_BYTES = {Wire.MISTRAL: 4 * 2**20, Wire.REALTIME: MAX_APPEND_BYTES // 3 * 4 + 64 * 2**10}
"""Mistral's needs a tenth of it for audio, and more for settings that are refused by name rather than for their length.
Which of the two dialects of the other path a client speaks shows only in its messages: OpenAI's bound is for both."""


def open_dialect(wire: Wire, query: Mapping[str, str], engine: EngineFacts, session: SessionFacts) -> Dialect:
    """The client's side of a new session. `query` is the address's, decoded; of a name given twice, either."""
    if wire is Wire.MISTRAL:
        return MistralRealtime(engine, session, query)
    return ChosenRealtime(engine, session, query)
