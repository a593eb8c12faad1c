"""The engine of a server, kept alive. In: how to load one. Out: streams on one that lives; to the log, why others died.

Knows engines by the seam only. An engine that died is found out by its streams, or when one is opened; its sessions
are told by itself, and another is loaded in its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from voxtide.engines.base import Engine, EngineStream
from voxtide.errors import CapacityError, ConnectionFailedError, EngineFailedError, VoxtideError
from voxtide.types import EngineInfo, StreamOptions

_log = logging.getLogger("voxtide.server")

RETRY_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Waits before each attempt to load; the last one again and again. A model that cannot be loaded costs little so."""

RESTARTING = "the engine is being restarted"
"""All that clients are told of it. Why it is may name files of this machine, and is for the log alone."""

CLOSE_S = 10.0
"""How long a dead engine may take to close before it is left behind."""


class EngineSupervisor:
    """Owns one engine and replaces it when it dies. Use it in `async with`; entering loads the first engine."""

    def __init__(self, load: Callable[[], Engine]) -> None:
        """Make engines with `load`, which may block: it runs in a thread."""
        self._load = load
        self._engine: Engine | None = None
        self._info: EngineInfo | None = None
        self._restarting: asyncio.Task[None] | None = None
        self._is_closed = False
        self._on_step: Callable[[float], None] | None = None
        self.num_restarts = 0

    @property
    def info(self) -> EngineInfo:
        """What the engine is; while a new one is loaded, what the last one was."""
        if self._info is None:
            raise EngineFailedError("no engine has been loaded yet")
        return self._info

    @property
    def is_alive(self) -> bool:
        """Whether streams can be opened, as far as anybody has noticed."""
        return self._engine is not None

    def open(self, options: StreamOptions | None = None) -> EngineStream:
        """A new stream on the engine of the moment, to be entered with `async with`.

        Raises:
            UnsupportedOptionError: The engine cannot do what the options ask.
            CapacityError: There is no room for one more stream.
            EngineFailedError: There is no engine just now.
        """
        if self._engine is None:
            raise EngineFailedError(f"{RESTARTING}; try again in a moment")
        return self._engine.open(options)

    def suspect(self) -> None:
        """A stream failed: find out whether the engine did, and replace it if so. Returns at once."""
        if self._restarting is None and not self._is_closed:
            self._restarting = asyncio.create_task(self._examine())

    async def __aenter__(self) -> EngineSupervisor:
        self._take(await asyncio.to_thread(self._load))
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._is_closed = True
        if self._restarting is not None:
            self._restarting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._restarting
        if self._engine is not None:
            await self._engine.close()

    def observe_steps(self, observer: Callable[[float], None]) -> None:
        """As `Engine.observe_steps`, for this engine and those that replace it."""
        self._on_step = observer
        if self._engine is not None:
            self._engine.observe_steps(observer)

    def _take(self, engine: Engine) -> None:
        if self._on_step is not None:
            engine.observe_steps(self._on_step)
        self._engine, self._info = engine, engine.info

    async def _examine(self) -> None:
        try:
            engine = self._engine
            if engine is not None and (reason := await _death_of(engine)) is not None:
                _log.error("the engine died: %s", reason, extra={"event": "engine_died"})
                self._engine = None
                await self._replace(engine)
        finally:
            self._restarting = None

    async def _replace(self, dead: Engine) -> None:
        with contextlib.suppress(TimeoutError, VoxtideError):
            async with asyncio.timeout(CLOSE_S):
                await dead.close()
        attempt = 0
        while self._engine is None:
            await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            attempt += 1
            try:
                self._take(await asyncio.to_thread(self._load))
            except Exception:  # whatever it is, the server goes on trying and says so
                _log.exception("the engine could not be loaded again", extra={"event": "engine_not_loaded"})
            else:
                self.num_restarts += 1
                _log.warning("the engine was restarted", extra={"event": "engine_restarted"})


async def _death_of(engine: Engine) -> str | None:
    """Why the engine lives no more; None where only a stream of it failed."""
    try:
        async with engine.open():
            return None
    except (CapacityError, ConnectionFailedError):  # a far side that is full or away: a new engine would find it so too
        return None
    except EngineFailedError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
