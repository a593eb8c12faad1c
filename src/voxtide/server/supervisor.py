"""Keeps a server's engine alive. In: how to load one. Out: streams on a live engine; the cause of a death, in the log.

Knows engines by `engines.base` only. A death is noticed by a failed stream. The dead engine fails its own sessions, and
another engine is loaded in its place.
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
"""Delay before each attempt to load an engine; the last one repeats."""

RESTARTING = "the engine is being restarted"
"""The only reason given to clients. The cause may name files of this machine and is only logged."""

CLOSE_S = 10.0
"""How long a dead engine may take to close before it is abandoned."""


class EngineSupervisor:
    """Owns one engine and replaces it when it dies. Use it in `async with`; entering loads the first engine."""

    def __init__(self, load: Callable[[], Engine]) -> None:
        """Create engines with `load`, which may block: it runs in a thread."""
        self._load = load
        self._engine: Engine | None = None
        self._info: EngineInfo | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._is_closed = False
        self._on_step: Callable[[float], None] | None = None
        self.num_restarts = 0

    @property
    def info(self) -> EngineInfo:
        """The engine's info; during a restart, that of the previous engine."""
        if self._info is None:
            raise EngineFailedError("no engine has been loaded yet")
        return self._info

    @property
    def is_alive(self) -> bool:
        """Whether streams can be opened, as of the last health check."""
        return self._engine is not None

    def open(self, options: StreamOptions | None = None) -> EngineStream:
        """A new stream on the current engine, to be entered with `async with`.

        Raises:
            UnsupportedOptionError: The engine does not support the options.
            CapacityError: All streams are in use.
            EngineFailedError: The engine is being restarted.
        """
        return self._live_engine.open(options)

    def fit_prompt(self, prompt: str, vocabulary: tuple[str, ...]) -> str:
        """As `Engine.fit_prompt`, for the current engine.

        Raises:
            EngineFailedError: The engine is being restarted.
        """
        return self._live_engine.fit_prompt(prompt, vocabulary)

    @property
    def _live_engine(self) -> Engine:
        if self._engine is None:
            raise EngineFailedError(f"{RESTARTING}; try again in a moment")
        return self._engine

    def check_health(self) -> None:
        """Check the engine after a failed stream, and replace it if it died. Returns at once; idempotent."""
        if self._recovery is None and not self._is_closed:
            self._recovery = asyncio.create_task(self._recover())

    async def __aenter__(self) -> EngineSupervisor:
        self._use(await asyncio.to_thread(self._load))
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._is_closed = True
        if self._recovery is not None:
            self._recovery.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._recovery
        if self._engine is not None:
            await self._engine.close()

    def observe_steps(self, observer: Callable[[float], None]) -> None:
        """As `Engine.observe_steps`, for this engine and its replacements."""
        self._on_step = observer
        if self._engine is not None:
            self._engine.observe_steps(observer)

    def _use(self, engine: Engine) -> None:
        if self._on_step is not None:
            engine.observe_steps(self._on_step)
        self._engine, self._info = engine, engine.info

    async def _recover(self) -> None:
        try:
            engine = self._engine
            if engine is not None and (cause := await _failed_health_check(engine)) is not None:
                _log.error("the engine died: %s", cause, extra={"event": "engine_died"})
                self._engine = None
                await self._replace(engine)
        finally:
            self._recovery = None

    async def _replace(self, dead: Engine) -> None:
        with contextlib.suppress(TimeoutError, VoxtideError):
            async with asyncio.timeout(CLOSE_S):
                await dead.close()
        attempt = 0
        while self._engine is None:
            await asyncio.sleep(RETRY_S[min(attempt, len(RETRY_S) - 1)])
            attempt += 1
            try:
                self._use(await asyncio.to_thread(self._load))
            except Exception:  # the server keeps trying, whatever the cause
                _log.exception("the engine could not be loaded again", extra={"event": "engine_not_loaded"})
            else:
                self.num_restarts += 1
                _log.warning("the engine was restarted", extra={"event": "engine_restarted"})


async def _failed_health_check(engine: Engine) -> str | None:
    """Why the engine is dead; None if only one of its streams failed."""
    try:
        async with engine.open():
            return None
    except (CapacityError, ConnectionFailedError):  # a full or unreachable upstream: a new engine would not help
        return None
    except EngineFailedError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
