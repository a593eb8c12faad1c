"""The sessions of a server. In: handshakes. Out: running sessions, or refusals."""

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
"""Sent with a refusal by a full server: sessions last for minutes, and a retry costs little."""

_PATHS = {path.value: path for path in RealtimePath}

SESSION_PATHS = tuple(_PATHS)
"""The paths of sessions."""


class Sessions:
    """Admits sessions up to the capacity and runs them. A `SessionGate`."""

    def __init__(
        self,
        supervisor: EngineSupervisor,
        config: ServerConfig,
        access: Access,
        metrics: Metrics,
        *,
        vad: VadWorker | None = None,
    ) -> None:
        self._supervisor = supervisor
        self._config = config
        self._access = access
        self._metrics = metrics
        self._vad = vad
        self._admission = Admission(config.capacity)
        self._sessions: set[Session] = set()
        self._ended_audio_s = 0.0
        self.is_draining = False
        metrics.watch("voxtide_sessions_open", "Open sessions.", lambda: self.num_sessions)
        metrics.watch("voxtide_capacity", "Most sessions at once.", lambda: config.capacity)
        metrics.watch("voxtide_lag_max_seconds", "Largest lag of a session.", self.lag_s)
        metrics.watch("voxtide_engine_up", "1 while the engine is alive.", lambda: supervisor.is_alive)
        metrics.watch(
            "voxtide_engine_restarts",
            "Engines loaded to replace a dead one.",
            lambda: supervisor.num_restarts,
            is_count=True,
        )
        metrics.watch("voxtide_audio_seconds", "Audio received by sessions.", self.audio_s, is_count=True)

    @property
    def num_sessions(self) -> int:
        """Sessions admitted and not over."""
        return self._admission.num_taken

    def close(self) -> None:
        """Release what the sessions shared, once all are over."""
        if self._vad is not None:
            self._vad.close()

    def lag_s(self) -> float:
        """The largest lag of all sessions, in seconds."""
        return max((session.lag_s for session in self._sessions), default=0.0)

    def late_s(self) -> float:
        """The largest `Session.late_s`, in seconds."""
        return max((session.late_s for session in self._sessions), default=0.0)

    def audio_s(self) -> float:
        """Audio received by all sessions so far, in seconds."""
        return self._ended_audio_s + sum(session.audio_s for session in self._sessions)

    def unready_reason(self) -> str | None:
        """Why no client can open a session now, without details of this machine; or None."""
        if self.is_draining:
            return "the server is going away"
        if not self._supervisor.is_alive:
            return RESTARTING
        return None

    def admit(self, handshake: Handshake) -> Admitted | Refusal:
        """Admit or refuse a client. An `Admitted` holds its place until its `on_done`."""
        verdict = self._admit(handshake)
        if isinstance(verdict, Refusal):
            self._metrics.on_refused(verdict.code)
            _log.info(
                "refused a session: %s", verdict.message, extra={"code": verdict.code, "address": handshake.address}
            )
        return verdict

    def refusal_of(self, handshake: Handshake) -> Refusal | None:
        """The refusal this client would get now, or None. Counts as an attempt against its rate limit."""
        return self._check(handshake) or (self._full() if self._admission.is_full else None)

    def _check(self, handshake: Handshake) -> Refusal | None:
        """Every reason for a refusal but capacity."""
        if handshake.path not in _PATHS:
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
        return _unavailable("capacity", f"{capacity} of {capacity} sessions of this server are open")

    def _admit(self, handshake: Handshake) -> Admitted | Refusal:
        refusal = self._check(handshake)
        if refusal is not None:
            return refusal
        release = self._admission.take()
        if release is None:
            return self._full()
        path = _PATHS[handshake.path]
        session_id = f"ws-{uuid.uuid4().hex}"
        self._metrics.on_opened(path.name.lower())
        return Admitted(
            run=partial(self._run, path, handshake, session_id),
            on_done=partial(_on_done, release),
            message_bytes=path.message_bytes,
            subprotocol=SUBPROTOCOL if SUBPROTOCOL in handshake.subprotocols else None,
        )

    async def _run(
        self, path: RealtimePath, handshake: Handshake, session_id: str, connection: ServerConnection
    ) -> None:
        session = Session(
            connection,
            open_dialect(path, handshake.query, self.engine_info(), self._session_info(session_id)),
            self._supervisor,
            session_id=session_id,
            config=self._config,
            observer=self._metrics,
            vad=self._vad,
        )
        log = {"session": session_id, "wire": path.name.lower(), "address": handshake.address}
        _log.info("session %s opened", session_id, extra=log | {"event": "opened"})
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            self._ended_audio_s += session.audio_s
            code = connection.drop_reason or connection.close_code  # None if the client left without a close frame
            _log.info("session %s ended", session_id, extra=log | {"event": "ended", "code": code})
            if connection.drop_reason is not None:
                self._metrics.on_dropped(connection.drop_reason)

    def engine_info(self) -> EngineInfo:
        """The engine's info, with turn detection and default language as this server has them."""
        return replace(
            self._supervisor.info, can_detect_turns=self._vad is not None, default_language=self._config.language
        )

    def _session_info(self, session_id: str) -> SessionInfo:
        now_s = int(time.time())
        max_session_s = self._config.max_session_s
        expires_at_s = None if max_session_s is None else now_s + int(max_session_s)
        return SessionInfo(session_id=session_id, opened_at_s=now_s, expires_at_s=expires_at_s)


def _on_done(release: Callable[[], None], task: asyncio.Task[None]) -> None:
    release()
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("a session ended unexpectedly", exc_info=error)


def _unavailable(code: str, message: str) -> Refusal:
    return Refusal(status=503, code=code, message=f"{message}; try again later", retry_after_s=RETRY_AFTER_S)
