"""The seam between a wire and a session. In: client messages, transcript events, failures. Out: effects, in order.

socket -> Dialect.receive(message) -> effects -> session -> engine stream -> TranscriptEvent -> Dialect.tell -> effects
                                           -> turn detector -> TurnEvent ------^

A dialect is one client's conversation as a plain state machine: it decides, the session acts. Effects are carried out
in the order given; those of one call before those of the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from voxtide.audio.pcm import PcmFormat
from voxtide.errors import VoxtideError
from voxtide.protocols.realtime.turns import TurnConfig, TurnEvent
from voxtide.transcript.events import TranscriptEvent
from voxtide.types import StreamOptions


@dataclass(frozen=True, slots=True)
class Send:
    """Send one message to the client."""

    text: str


@dataclass(frozen=True, slots=True)
class Configure:
    """Use these from the next audio on.

    The engine's stream opens with the first audio or flush. If one is open and `options` differ from its own, the
    session finishes it (its events are told, but not its `Finished`) and opens another; times go on.
    """

    pcm: PcmFormat
    options: StreamOptions
    turns: TurnConfig | None = None
    """Where the client wants turns told: the session measures the audio it feeds with a `TurnDetector` of these, and
    tells its events. None for no turns. The engine's own speech events are told in any case, and are no turns."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Take audio, in the configured format. Samples may straddle two of these."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Flush:
    """Flush the engine's stream. Exactly one `Flushed` is told for each, in order."""


@dataclass(frozen=True, slots=True)
class Finish:
    """No more audio comes: finish the engine's stream. `Finished` is told, at once where none was open."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection, after everything sent before has left. Nothing follows."""

    code: int
    reason: str = ""


Effect: TypeAlias = Send | Configure | Feed | Flush | Finish | Close


class Dialect(Protocol):
    """One session's side of the conversation. Not thread safe; never blocks."""

    def begin(self) -> list[Effect]:
        """What to do as soon as the connection stands."""

    def receive(self, message: str | bytes) -> list[Effect]:
        """What a client's message asks for. A bad message is answered on the wire; this never raises."""

    def on_event(self, event: TranscriptEvent | TurnEvent) -> list[Effect]:
        """What an event means for this client.

        At the end of a turn it asks for a `Flush`, which must be carried out before the next message is handed to
        `receive`, however many wait: flushes are answered in the order they were asked for, and none may follow a
        `Finish`.
        """

    def fail(self, error: VoxtideError) -> list[Effect]:
        """How this client learns that the session cannot go on: an error message, then `Close`."""

    def drain(self, error: VoxtideError | None = None) -> list[Effect]:
        """We end the session: finish what was said, so that its final text is told, then close.

        With 1001 because the server is going away, or as `fail` does where `error` says why, such as a session that
        has lasted as long as it may.
        """
