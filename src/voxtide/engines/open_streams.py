"""An engine's open streams. In: streams entering and leaving, from any thread. Out: admission, or an error."""

from __future__ import annotations

import threading
from copy import copy
from typing import Generic, TypeVar

from voxtide.errors import CapacityError, ConfigError, EngineFailedError

StreamT = TypeVar("StreamT")


class OpenStreams(Generic[StreamT]):
    """At most `max_streams` streams of an engine. Once it is closed or has failed, none is admitted."""

    def __init__(self, max_streams: int) -> None:
        """Raises: ConfigError: `max_streams` is not 1 or more."""
        if max_streams < 1:
            raise ConfigError(f"max_streams is {max_streams}; it must be 1 or more")
        self._max_streams = max_streams
        self._lock = threading.Lock()  # a worker may fail the engine while a stream enters
        self._streams: set[StreamT] = set()
        self._failure: EngineFailedError | None = None
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._streams)

    def enter(self, stream: StreamT, *, engine: str) -> None:
        """Admit a stream. `engine` is the engine's name, for error messages.

        Raises:
            EngineFailedError: The engine failed or was closed.
            CapacityError: `max_streams` streams are open.
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
        """Remove a stream; a no-op if it is not there."""
        with self._lock:
            self._streams.discard(stream)

    def close(self) -> list[StreamT]:
        """Stop admitting. Returns the open streams, for the caller to close."""
        with self._lock:
            self._is_closed = True
            return list(self._streams)

    def fail(self, error: EngineFailedError) -> list[StreamT]:
        """Refuse new streams with this error, or with the first one if called again. Returns the open streams."""
        with self._lock:
            self._failure = self._failure or error
            return list(self._streams)
