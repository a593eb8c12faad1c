"""Who has a place in an engine. In: streams that come and go, from any thread. Out: a place, or why there is none."""

from __future__ import annotations

import threading
from copy import copy
from typing import Generic, TypeVar

from voxtide.errors import CapacityError, ConfigError, EngineFailedError

StreamT = TypeVar("StreamT")


class OpenStreams(Generic[StreamT]):
    """The streams that an engine runs, up to `max_streams`; none enters once the engine is closed or has failed."""

    def __init__(self, max_streams: int) -> None:
        """Raises: ConfigError: `max_streams` is not 1 or more."""
        if max_streams < 1:
            raise ConfigError(f"max_streams is {max_streams}; it must be 1 or more")
        self._max_streams = max_streams
        self._lock = threading.Lock()  # guards all below: a worker may fail the engine while a stream enters
        self._streams: set[StreamT] = set()
        self._failure: EngineFailedError | None = None
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._streams)

    def enter(self, stream: StreamT, *, engine: str) -> None:
        """Give a stream a place. `engine` is the engine's name, for what is told where there is none.

        Raises:
            EngineFailedError: The engine failed or was closed.
            CapacityError: All places are taken.
        """
        with self._lock:
            if self._failure is not None:
                raise copy(self._failure)
            if self._is_closed:
                raise EngineFailedError(f"engine {engine!r} is closed; open a new engine")
            if len(self._streams) >= self._max_streams:
                raise CapacityError(
                    f"engine {engine!r} already runs {self._max_streams} streams, its limit; "
                    "close one first or raise max_streams"
                )
            self._streams.add(stream)

    def leave(self, stream: StreamT) -> None:
        """Forget a stream; one that has no place is no error."""
        with self._lock:
            self._streams.discard(stream)

    def close(self) -> list[StreamT]:
        """Let nobody in any more. Returns the streams that are to be closed."""
        with self._lock:
            self._is_closed = True
            return list(self._streams)

    def fail(self, error: EngineFailedError) -> list[StreamT]:
        """Tell this to whoever comes, unless something failed before. Returns the streams that are to be told."""
        with self._lock:
            self._failure = self._failure or error
            return list(self._streams)
