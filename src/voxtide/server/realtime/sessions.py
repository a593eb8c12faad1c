"""The sessions of a server. In: requests to open one. Out: a session that runs, or a refusal."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from voxtide.protocols.realtime.routing import RealtimePath, open_dialect
from voxtide.protocols.session_info import SessionInfo
from voxtide.server.access import SUBPROTOCOL, Access
from voxtide.server.admission import Admission
from voxtide.server.config import ServerConfig
from voxtide.server.handshake import Handshake, Refusal
from voxtide.server.metrics import Metrics
from voxtide.server.realtime.connection import Admitted, ServerConnection
from voxtide.server.realtime.session import Session
from voxtide.server.realtime.turn_meter import VadWorker
from voxtide.server.supervisor import RESTARTING, EngineSupervisor
from voxtide.types import EngineInfo

_log = logging.getLogger("voxtide.server")

RETRY_AFTER_S = 5
"""What a client is told that comes when the server is full: sessions last for minutes, and a retry costs little."""

_WIRES = {wire.value: wire for wire in RealtimePath}

SESSION_PATHS = tuple(_WIRES)
"""Where sessions are opened."""


class Sessions:
    """A `SessionGate`: admits sessions up to the capacity, runs them, and knows those that run."""

    def __init__(
        self,
        supervisor: EngineSupervisor,
        config: ServerConfig,
        access: Access,
        metrics: Metrics,
        *,
        voice: VadWorker | None = None,
    ) -> None:
        self._supervisor = supervisor
        self._config = config
        self._access = access
        self._metrics = metrics
        self._voice = voice
        self._admission = Admission(config.capacity)
        self._sessions: set[Session] = set()
        self._ended_audio_s = 0.0
        self.is_draining = False
        metrics.watch("voxtide_sessions_open", "Sessions that hold a place.", lambda: self.num_sessions)
        metrics.watch("voxtide_capacity", "Sessions there is room for.", lambda: config.capacity)
        metrics.watch("voxtide_lag_max_seconds", "Audio not yet transcribed, of the session that has most.", self.lag_s)
        metrics.watch("voxtide_engine_up", "1 while the engine lives.", lambda: supervisor.is_alive)
        metrics.watch(
            "voxtide_engine_restarts",
            "Engines loaded after one died.",
            lambda: supervisor.num_restarts,
            is_count=True,
        )
        metrics.watch("voxtide_audio_seconds", "Audio taken from clients.", self.audio_s, is_count=True)

    @property
    def num_sessions(self) -> int:
        """Sessions admitted and not over."""
        return self._admission.num_taken

    def close(self) -> None:
        """Free what the sessions shared, when all are over."""
        if self._voice is not None:
            self._voice.close()

    def lag_s(self) -> float:
        """The largest lag of all sessions, in seconds."""
        return max((session.lag_s for session in self._sessions), default=0.0)

    def late_s(self) -> float:
        """How late the latest of all sessions is, in seconds; see `Session.late_s`."""
        return max((session.late_s for session in self._sessions), default=0.0)

    def audio_s(self) -> float:
        """Audio taken by all sessions that ever were, in seconds."""
        return self._ended_audio_s + sum(session.audio_s for session in self._sessions)

    def unready_reason(self) -> str | None:
        """Why no session can be opened now, whatever its client, in words for strangers; None when one can."""
        if self.is_draining:
            return "the server is going away"
        if not self._supervisor.is_alive:
            return RESTARTING
        return None

    def admit(self, handshake: Handshake) -> Admitted | Refusal:
        """Let a client in, or say why not. An `Admitted` holds its place until its `on_done`."""
        verdict = self._admit(handshake)
        if isinstance(verdict, Refusal):
            self._metrics.on_refused(verdict.code)
            _log.info(
                "refused a session: %s", verdict.message, extra={"code": verdict.code, "address": handshake.address}
            )
        return verdict

    def why_not(self, handshake: Handshake) -> Refusal | None:
        """Why this client would not be let in now; None where it would. Its rate counts it as an attempt."""
        return self._why_not(handshake) or (self._full() if self._admission.is_full else None)

    def _why_not(self, handshake: Handshake) -> Refusal | None:
        """The reasons that have nothing to do with room."""
        if handshake.path not in _WIRES:
            known = " and ".join(SESSION_PATHS)
            return Refusal(status=404, code="not_found", message=f"sessions are at {known}, not {handshake.path[:200]}")
        refusal = self._access.check_session(
            handshake.headers,
            handshake.address,
            subprotocols=handshake.subprotocols,
            model=handshake.query.get("model"),
        )
        if refusal is None and (reason := self.unready_reason()) is not None:
            refusal = _unavailable("unavailable", reason)
        return refusal

    def _full(self) -> Refusal:
        capacity = self._config.capacity
        return _unavailable("capacity", f"the places of this server are taken: {capacity} of {capacity}")

    def _admit(self, handshake: Handshake) -> Admitted | Refusal:
        refusal = self._why_not(handshake)
        if refusal is not None:
            return refusal
        give_back = self._admission.take()
        if give_back is None:
            return self._full()
        wire = _WIRES[handshake.path]
        session_id = f"ws-{uuid.uuid4().hex}"
        self._metrics.on_opened(wire.name.lower())
        return Admitted(
            run=partial(self._run, wire, handshake, session_id),
            on_done=partial(_on_done, give_back),
            message_bytes=wire.message_bytes,
            subprotocol=SUBPROTOCOL if SUBPROTOCOL in handshake.subprotocols else None,
        )

    async def _run(
        self, wire: RealtimePath, handshake: Handshake, session_id: str, connection: ServerConnection
    ) -> None:
        session = Session(
            connection,
            open_dialect(wire, handshake.query, self.engine_info(), self._session_info(session_id)),
            self._supervisor,
            session_id=session_id,
            config=self._config,
            observer=self._metrics,
            voice=self._voice,
        )
        log = {"session": session_id, "wire": wire.name.lower(), "address": handshake.address}
        _log.info("session %s opened", session_id, extra=log | {"event": "opened"})
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            self._ended_audio_s += session.audio_s
            code = connection.lost_reason or connection.close_code  # None where the client hung up without a word
            _log.info("session %s ended", session_id, extra=log | {"event": "ended", "code": code})
            if connection.lost_reason is not None:
                self._metrics.on_dropped(connection.lost_reason)

    def engine_info(self) -> EngineInfo:
        """The engine's info, with what this server adds or lacks."""
        return replace(self._supervisor.info, can_detect_turns=self._voice is not None)

    def _session_info(self, session_id: str) -> SessionInfo:
        now_s = int(time.time())
        max_session_s = self._config.max_session_s
        expires_at_s = None if max_session_s is None else now_s + int(max_session_s)
        return SessionInfo(session_id=session_id, opened_at_s=now_s, expires_at_s=expires_at_s)


def _on_done(give_back: Callable[[], None], task: asyncio.Task[None]) -> None:
    give_back()
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a session ended unexpectedly", exc_info=error)


def _unavailable(code: str, message: str) -> Refusal:
    return Refusal(status=503, code=code, message=f"{message}; try again later", retry_after_s=RETRY_AFTER_S)
