"""One client's session. In: its messages and the engine's events. Out: what its dialect says to do, done.

receive loop: connection -> Dialect.receive -> effects -> connection, engine stream
send loop:    engine stream -> Dialect.tell -> effects -> connection, receive loop

Only the receive loop touches the engine, so effects keep their order; what the send loop has for the engine is put
behind the messages that wait. While the loop waits for a message, one that comes is taken at once, in the connection's
own callback, as far as nobody has to wait for it. Two queues are between client and engine, both the connection's, both
bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from voxtide.engines.base import EngineStream
from voxtide.errors import AudioAheadError, EngineFailedError, SessionExpiredError, SessionIdleError, VoxtideError
from voxtide.protocols.realtime.dialect import Close, Configure, Dialect, Effect, Feed, Finish, Flush, Send
from voxtide.protocols.realtime.turns import TurnEvent
from voxtide.server.config import ServerConfig
from voxtide.server.realtime.connection import ServerConnection
from voxtide.server.realtime.session_stream import SessionStream
from voxtide.server.realtime.turn_meter import VadWorker
from voxtide.transcript.events import Flushed, TranscriptEvent
from voxtide.types import Samples, StreamOptions

_log = logging.getLogger("voxtide.server")

GOING_AWAY, INTERNAL_ERROR = 1001, 1011
"""Close codes of RFC 6455, section 7.4.1."""


PIECE_BYTES = 256 * 1024
"""Converted at once, in a millisecond. A message may hold minutes of audio, and other sessions would wait for it."""


@dataclass(frozen=True, slots=True)
class _Decoded:
    """Audio of a `Feed` that has to wait for room."""

    samples: Samples


_Act: TypeAlias = Effect | _Decoded


class StreamSource(Protocol):
    """What opens engine streams, and looks after the engine."""

    def open(self, options: StreamOptions | None = None) -> EngineStream:
        """As `Engine.open`."""

    def suspect(self) -> None:
        """A stream failed; the engine may have died."""


class Observer(Protocol):
    """Who counts."""

    def on_flushed(self, took_s: float) -> None:
        """A flush was answered, so long after it was asked for."""

    def on_error(self, code: str) -> None:
        """The session failed."""


class Session:
    """A session from its first message to its last. `run` it once."""

    def __init__(
        self,
        connection: ServerConnection,
        dialect: Dialect,
        engine: StreamSource,
        *,
        session_id: str,
        config: ServerConfig,
        observer: Observer,
        voice: VadWorker | None = None,
    ) -> None:
        self.session_id = session_id
        self._connection = connection
        self._dialect = dialect
        self._engine = engine
        self._config = config
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._stream = SessionStream(engine.open, self._on_event, self._on_failure, voice=voice)
        self._ending: VoxtideError | None = None
        self._is_ending = False
        self._is_draining = False  # a little later: what came before is still taken
        self._due_s = 0.0
        self.audio_s = 0.0
        """Audio taken, in seconds."""
        self._heard_at_s = self._loop.time()
        self._flushes_at_s: list[float] = []
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def lag_s(self) -> float:
        """Audio taken and not yet transcribed, in seconds."""
        return self._stream.lag_s

    @property
    def late_s(self) -> float:
        """How much longer than the speed of speech asks for it takes to transcribe the audio taken, in seconds.

        A client that sends faster than one speaks makes its session lag, and that is not late.
        """
        return max(0.0, self._stream.lag_s - max(0.0, self._due_s - self._loop.time()))

    async def run(self) -> None:
        """Serve the client until the connection is over."""
        connection = self._connection
        connection.on_drain = self.drain
        connection.on_message = self._take_now
        self._watch_time()
        try:
            await self._carry_out(self._dialect.begin())
            while (item := await connection.receive()) is not None:
                await self._take(item)
        except Exception as error:
            self._fail(error)
        finally:
            connection.on_drain = connection.on_message = None
            for timer in self._timers:
                timer.cancel()
            await self._stream.close()

    def drain(self, ending: VoxtideError | None = None) -> None:
        """Finish what was said, then close; with an error where that is why. Bounded by `drain_s`."""
        if not self._is_ending:
            self._is_ending = True
            self._ending = ending
            self._connection.inject(self._drain_dialect)
            self._later(self._config.drain_s, self._close, GOING_AWAY, "the server is going away")

    # The receive loop.

    async def _take(self, item: object) -> None:
        match item:
            case str() | bytes():
                if not self._is_draining:
                    self._heard_at_s = self._loop.time()
                    await self._carry_out(self._dialect.receive(item))
            case Exception():
                raise item
            case list():
                await self._carry_out(item)
            case _ if callable(item):
                await self._carry_out(item())

    def _drain_dialect(self) -> list[Effect]:
        self._is_draining = True
        return self._dialect.drain(self._ending)

    def _take_now(self, message: str | bytes) -> None:
        """Take a message while the receive loop waits for one. To wake it for every chunk would cost as much again."""
        if self._is_draining:
            return
        self._heard_at_s = self._loop.time()
        try:
            rest = self._carry_out_now(self._dialect.receive(message))
        except Exception as error:
            self._connection.inject(error)
            return
        if rest or self._connection.is_congested:
            self._connection.inject(rest)

    def _carry_out_now(self, effects: Sequence[_Act]) -> list[_Act]:
        """Carry out what nobody has to wait for; returns the rest, which begins with what somebody has to."""
        for index, effect in enumerate(effects):
            match effect:
                case Feed(payload) if len(payload) > PIECE_BYTES:
                    return self._carry_out_now([*_pieces(payload), *effects[index + 1 :]])
                case Feed(payload):
                    self._note_audio(len(payload) / self._stream.bytes_per_s)
                    samples = self._stream.decode(payload)
                    if not self._stream.try_feed(samples):
                        return [_Decoded(samples), *effects[index + 1 :]]
                case Send(text):
                    self._connection.send(text)
                case Close(code, reason):
                    self._close(code, reason)
                    return []
                case _:
                    return list(effects[index:])
        return []

    async def _carry_out(self, effects: Sequence[_Act]) -> None:
        while rest := self._carry_out_now(effects):
            effect, effects = rest[0], rest[1:]
            match effect:
                case _Decoded(samples):
                    await self._stream.feed(samples)
                case Flush():
                    self._flushes_at_s.append(self._loop.time())
                    await self._stream.flush()
                case Configure():
                    await self._stream.configure(effect)
                case Finish():
                    await self._stream.finish()
        if self._connection.is_congested:
            await self._connection.drained()

    def _note_audio(self, audio_s: float) -> None:
        self.audio_s += audio_s
        now_s = self._loop.time()
        self._due_s = max(self._due_s, now_s) + audio_s
        most_s = self._config.max_audio_ahead_s
        if most_s is not None and self._due_s - now_s > most_s:
            raise AudioAheadError(
                f"audio came {most_s:g} s faster than it can have been spoken; send it at the speed of speech, "
                "or as a file to /v1/audio/transcriptions (the bound is the server's --max-audio-ahead)"
            )

    # The send loop.

    async def _on_event(self, event: TranscriptEvent | TurnEvent) -> None:
        if isinstance(event, Flushed) and self._flushes_at_s:
            self._observer.on_flushed(self._loop.time() - self._flushes_at_s.pop(0))
        # What is for the engine is the end of a turn, told from the receive loop: its flush comes before what waits.
        await self._carry_out(self._dialect.on_event(event))

    def _on_failure(self, error: Exception) -> None:
        self._connection.inject(error)

    # The end.

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, VoxtideError):
            _log.exception("session %s failed", self.session_id, extra={"session": self.session_id})
            error = VoxtideError("internal error")
        self._ending = None
        if isinstance(error, EngineFailedError):
            self._engine.suspect()
        self._note(error)
        for effect in self._dialect.fail(error):
            if isinstance(effect, Send):
                self._connection.send(effect.text)
            elif isinstance(effect, Close):
                self._connection.close(effect.code, effect.reason)
        self._connection.close(INTERNAL_ERROR)  # where the dialect has not

    def _close(self, code: int, reason: str) -> None:
        if self._ending is not None:
            self._note(self._ending)
        self._connection.close(code, reason)

    def _note(self, error: VoxtideError) -> None:
        self._observer.on_error(error.code)
        _log.warning(
            "session %s: %s: %s",
            self.session_id,
            error.code,
            error,
            extra={"session": self.session_id, "code": error.code},
        )

    def _watch_time(self) -> None:
        config = self._config
        if config.max_session_s is not None:
            self._later(config.max_session_s, self._expire)
        if config.max_idle_s is not None:
            self._later(config.max_idle_s, self._look_for_idleness, config.max_idle_s)

    def _expire(self) -> None:
        self.drain(
            SessionExpiredError(
                f"a session lasts {self._config.max_session_s:g} s at most (the server's --max-session); open another"
            )
        )

    def _look_for_idleness(self, idle_s: float) -> None:
        left_s = self._heard_at_s + idle_s - self._loop.time()
        if left_s > 0:
            self._later(left_s, self._look_for_idleness, idle_s)
        else:
            self._connection.inject(SessionIdleError(f"no message came for {idle_s:g} s (the server's --max-idle)"))

    def _later(self, delay_s: float, call: object, *arguments: object) -> None:
        assert callable(call)
        self._timers.append(self._loop.call_later(delay_s, call, *arguments))


def _pieces(payload: bytes) -> list[Feed]:
    return [Feed(payload[start : start + PIECE_BYTES]) for start in range(0, len(payload), PIECE_BYTES)]
