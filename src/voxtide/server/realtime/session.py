"""One client's session. In: its messages, the engine's events. Out: its dialect's effects, applied.

receive loop: mailbox -> Dialect.receive -> effects -> connection, engine stream
send loop:    engine stream -> Dialect.on_event -> effects -> connection, engine stream

A message that arrives while the receive loop waits is handled in the connection's callback, up to the first effect that
must be awaited. Waking the loop for every 80 ms chunk costs 11 % more CPU per session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from voxtide.engines.base import EngineStream
from voxtide.errors import AudioAheadError, EngineFailedError, SessionExpiredError, SessionIdleError, VoxtideError
from voxtide.protocols.realtime.dialect import Close, Configure, Dialect, Feed, Finish, Flush, Send
from voxtide.protocols.realtime.turns import TurnEvent
from voxtide.server.config import ServerConfig
from voxtide.server.realtime.connection import ServerConnection
from voxtide.server.realtime.mailbox import Drain, Effects, FeedSamples, Item, Message, PendingEffect, SessionFailure
from voxtide.server.realtime.session_stream import SessionStream
from voxtide.server.realtime.turn_meter import VadWorker
from voxtide.transcript.events import Flushed, TranscriptEvent
from voxtide.types import StreamOptions

_log = logging.getLogger("voxtide.server")

GOING_AWAY, INTERNAL_ERROR = 1001, 1011
"""Close codes of RFC 6455, section 7.4.1."""

PIECE_BYTES = 256 * 1024
"""Audio is decoded in pieces of this size, 1 ms each: a message may hold minutes, and would block other sessions."""


class StreamSource(Protocol):
    """Opens engine streams and supervises the engine."""

    def open(self, options: StreamOptions | None = None) -> EngineStream:
        """As `Engine.open`."""

    def check_health(self) -> None:
        """A stream failed; the engine may have died."""


class SessionObserver(Protocol):
    """Counts what happens to sessions."""

    def on_flushed(self, took_s: float) -> None:
        """A flush was answered `took_s` after it was requested."""

    def on_error(self, code: str) -> None:
        """The session failed."""


class Session:
    """A session from its first message to its last. `run` it once.

    Attributes:
        session_id: Names the session in the log.
        audio_s: Audio received, in seconds.
    """

    def __init__(
        self,
        connection: ServerConnection,
        dialect: Dialect,
        engine: StreamSource,
        *,
        session_id: str,
        config: ServerConfig,
        observer: SessionObserver,
        vad: VadWorker | None = None,
    ) -> None:
        self.session_id = session_id
        self.audio_s = 0.0
        self._connection = connection
        self._mailbox = connection.mailbox
        self._dialect = dialect
        self._engine = engine
        self._config = config
        self._observer = observer
        self._loop = asyncio.get_running_loop()
        self._stream = SessionStream(engine.open, self._on_event, self._on_failure, vad=vad)
        self._ending: VoxtideError | None = None
        self._is_ending = False
        self._is_draining = False  # set later than `_is_ending`: messages received before are still handled
        self._spoken_until_s = 0.0  # loop time at which the audio received would have been spoken
        self._last_message_at_s = self._loop.time()
        self._flushes_at_s: list[float] = []
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def lag_s(self) -> float:
        """Audio received and not yet transcribed, in seconds."""
        return self._stream.lag_s

    @property
    def late_s(self) -> float:
        """The lag minus the audio that is ahead of real time, in seconds.

        A client that sends faster than real time makes its session lag, but not late.
        """
        return max(0.0, self._stream.lag_s - max(0.0, self._spoken_until_s - self._loop.time()))

    async def run(self) -> None:
        """Serve the client until the connection is over."""
        self._connection.on_drain = self.drain
        self._mailbox.on_message = self._on_message
        self._start_timers()
        try:
            await self._apply(self._dialect.begin())
            while (item := await self._mailbox.receive()) is not None:
                await self._apply(self._effects_of(item))
        except Exception as error:
            self._fail(error)
        finally:
            self._connection.on_drain = self._mailbox.on_message = None
            for timer in self._timers:
                timer.cancel()
            await self._stream.close()

    def drain(self, ending: VoxtideError | None = None) -> None:
        """Finish the audio received, then close, with `ending` if it is the reason. Takes at most `drain_s`."""
        if not self._is_ending:
            self._is_ending = True
            self._ending = ending
            self._mailbox.put(Drain())
            self._later(self._config.drain_s, self._close, GOING_AWAY, "the server is going away")

    # The receive loop.

    def _effects_of(self, item: Item) -> Sequence[PendingEffect]:
        match item:
            case str() | bytes():
                if self._is_draining:
                    return []
                self._last_message_at_s = self._loop.time()
                return self._dialect.receive(item)
            case Effects(effects):
                return effects
            case SessionFailure(error):
                raise error
            case Drain():
                self._is_draining = True
                return self._dialect.drain(self._ending)

    def _on_message(self, message: Message) -> None:
        """Handle a message while the receive loop waits; what must be awaited goes to the loop."""
        try:
            rest = self._apply_now(self._effects_of(message))
        except Exception as error:
            self._mailbox.put(SessionFailure(error))
            return
        if rest or self._connection.is_congested:
            self._mailbox.put(Effects(rest))

    def _apply_now(self, effects: Sequence[PendingEffect]) -> list[PendingEffect]:
        """Run the leading effects that need no await; return the rest, whose first must be awaited."""
        for index, effect in enumerate(effects):
            match effect:
                case Feed(payload) if len(payload) > PIECE_BYTES:
                    return self._apply_now([*_pieces(payload), *effects[index + 1 :]])
                case Feed(payload):
                    self._count_audio(len(payload) / self._stream.bytes_per_s)
                    samples = self._stream.decode(payload)
                    if not self._stream.try_feed(samples):
                        return [FeedSamples(samples), *effects[index + 1 :]]
                case Send(text):
                    self._connection.send(text)
                case Close(code, reason):
                    self._close(code, reason)
                    return []
                case _:
                    return list(effects[index:])
        return []

    async def _apply(self, effects: Sequence[PendingEffect]) -> None:
        while rest := self._apply_now(effects):
            effect, effects = rest[0], rest[1:]
            match effect:
                case FeedSamples(samples):
                    await self._stream.feed(samples)
                case Flush():
                    self._flushes_at_s.append(self._loop.time())
                    await self._stream.flush()
                case Configure():
                    await self._stream.configure(effect)
                case Finish():
                    await self._stream.finish()
        if self._connection.is_congested:
            await self._connection.wait_until_drained()

    def _count_audio(self, audio_s: float) -> None:
        self.audio_s += audio_s
        now_s = self._loop.time()
        self._spoken_until_s = max(self._spoken_until_s, now_s) + audio_s
        max_s = self._config.max_audio_ahead_s
        if max_s is not None and self._spoken_until_s - now_s > max_s:
            raise AudioAheadError(
                f"the audio is more than {max_s:g} s ahead of real time; send it at the speed of speech, or as a file "
                "to /v1/audio/transcriptions (the limit is the server's --max-audio-ahead)"
            )

    # The send loop.

    async def _on_event(self, event: TranscriptEvent | TurnEvent) -> None:
        if isinstance(event, Flushed) and self._flushes_at_s:
            self._observer.on_flushed(self._loop.time() - self._flushes_at_s.pop(0))
        # Only the end of a turn affects the engine. The receive loop handles it, so its flush precedes queued messages.
        await self._apply(self._dialect.on_event(event))

    def _on_failure(self, error: Exception) -> None:
        self._mailbox.put(SessionFailure(error))

    # The end.

    def _fail(self, error: Exception) -> None:
        if not isinstance(error, VoxtideError):
            _log.exception("session %s failed", self.session_id, extra={"session": self.session_id})
            error = VoxtideError("internal error")
        self._ending = None
        if isinstance(error, EngineFailedError):
            self._engine.check_health()
        self._report(error)
        for effect in self._dialect.fail(error):
            if isinstance(effect, Send):
                self._connection.send(effect.text)
            elif isinstance(effect, Close):
                self._connection.close(effect.code, effect.reason)
        self._connection.close(INTERNAL_ERROR)  # no-op if the dialect has closed

    def _close(self, code: int, reason: str) -> None:
        if self._ending is not None:
            self._report(self._ending)
        self._connection.close(code, reason)

    def _report(self, error: VoxtideError) -> None:
        self._observer.on_error(error.code)
        _log.warning(
            "session %s: %s: %s",
            self.session_id,
            error.code,
            error,
            extra={"session": self.session_id, "code": error.code},
        )

    # Timeouts.

    def _start_timers(self) -> None:
        config = self._config
        if config.max_session_s is not None:
            self._later(config.max_session_s, self._expire)
        if config.max_idle_s is not None:
            self._later(config.max_idle_s, self._check_idle, config.max_idle_s)

    def _expire(self) -> None:
        self.drain(
            SessionExpiredError(
                f"a session lasts {self._config.max_session_s:g} s at most (the server's --max-session); open another"
            )
        )

    def _check_idle(self, max_idle_s: float) -> None:
        left_s = self._last_message_at_s + max_idle_s - self._loop.time()
        if left_s > 0:
            self._later(left_s, self._check_idle, max_idle_s)
        else:
            self._on_failure(SessionIdleError(f"no message came for {max_idle_s:g} s (the server's --max-idle)"))

    def _later(self, delay_s: float, call: Callable[..., None], *arguments: Any) -> None:
        self._timers.append(self._loop.call_later(delay_s, call, *arguments))


def _pieces(payload: bytes) -> list[Feed]:
    return [Feed(payload[start : start + PIECE_BYTES]) for start in range(0, len(payload), PIECE_BYTES)]
