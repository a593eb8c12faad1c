"""A connection becomes a dialect. In: the path's wire, its query, facts. Out: the dialect that speaks to the client."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from voxtide.protocols.choose import ChosenRealtime
from voxtide.protocols.dialect import Dialect
from voxtide.protocols.facts import EngineFacts, SessionFacts
from voxtide.protocols.mistral import MistralRealtime


class Wire(StrEnum):
    """A realtime wire, by the path a client connects to."""

    MISTRAL = "/v1/audio/transcriptions/realtime"
    REALTIME = "/v1/realtime"


def open_dialect(wire: Wire, query: Mapping[str, str], engine: EngineFacts, session: SessionFacts) -> Dialect:
    """The client's side of a new session. `query` is the address's, decoded; of a name given twice, either."""
    if wire is Wire.MISTRAL:
        return MistralRealtime(engine, session, query)
    return ChosenRealtime(engine, session, query)
