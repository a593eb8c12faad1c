"""The seam between a dialect and a session. In: client messages, transcript events, failures. Out: ordered effects.

socket -> Dialect.receive -> effects -> session -> engine stream -> TranscriptEvent -> Dialect.on_event -> effects
                                                -> turn detector -> TurnEvent -------^

A dialect is a state machine for one client: it decides, the session acts. The session runs effects in the order given,
those of one call before those of the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from voxtide.audio.pcm import PcmFormat
from voxtide.errors import VoxtideError
from voxtide.protocols.realtime.turns import TurnConfig, TurnEvent
from voxtide.transcript.events import TranscriptEvent
from voxtide.types import StreamOptions

MAX_APPEND_BYTES = 15 * 2**20
"""Limit of one message's decoded audio on `/v1/realtime`, as at OpenAI: 8 min at 16 kHz. vLLM takes 25 Mi samples, but
both dialects share the path."""

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 96_000
"""Sample rates of raw PCM, as Mistral's service has them. OpenAI's takes 24 kHz only; accepting more does no harm."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send one message to the client."""

    text: str


@dataclass(frozen=True, slots=True)
class Configure:
    """Use these settings from the next audio on.

    The engine's stream opens with the first audio or flush. If one is open with other `options`, the session finishes
    it, reports its events except `Finished`, and opens another. Times continue.
    """

    pcm: PcmFormat
    options: StreamOptions
    turns: TurnConfig | None = None
    """If set, the session runs a `TurnDetector` with this config on the audio and reports its events. None: no turns.
    The engine's own speech events are always reported; they are not turns."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Feed audio in the configured format. A sample may be split across two of these."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Flush:
    """Flush the engine's stream. Each is answered by exactly one `Flushed`, in order."""


@dataclass(frozen=True, slots=True)
class Finish:
    """No more audio will come: finish the engine's stream. `Finished` follows, at once if no stream is open."""


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection once everything sent so far has left. It is the last effect."""

    code: int
    reason: str = ""


Effect: TypeAlias = Send | Configure | Feed | Flush | Finish | Close


class Dialect(Protocol):
    """The server's side of one session. Not thread safe; never blocks."""

    def begin(self) -> list[Effect]:
        """Effects to run when the connection opens."""

    def receive(self, message: str | bytes) -> list[Effect]:
        """Handle a client's message. A bad message is answered with an error; this never raises."""

    def on_event(self, event: TranscriptEvent | TurnEvent) -> list[Effect]:
        """Handle an event of the engine or the turn detector.

        The end of a turn requests a `Flush`. Run it before passing the next message to `receive`, even if messages are
        queued: flushes are answered in the order of their requests, and none may follow a `Finish`.
        """

    def fail(self, error: VoxtideError) -> list[Effect]:
        """End a session that cannot continue: an error message, then `Close`."""

    def drain(self, error: VoxtideError | None = None) -> list[Effect]:
        """End the session from the server's side: finish, send the final text, then close.

        Closes with 1001 (going away), or as `fail` does if there is an `error`, such as an expired session.
        """
