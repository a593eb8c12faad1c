"""A stream's two bounded queues. In: commands; events. Out: the same, in order.

Neither blocks or notifies. Both are thread-safe.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from voxtide.transcript.events import Interim, TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ, Samples

INBOX_SAMPLES = 10 * SAMPLE_RATE_HZ
"""Most audio buffered ahead of the engine: absorbs load peaks, in at most 640 kB."""

INBOX_COMMANDS = 1024
"""Most commands in the inbox. At 10 ms a chunk, 1000 fill `INBOX_SAMPLES`."""

OUTBOX_EVENTS = 256
"""Most unread events: about 50 s of speech, at five events a second."""


@dataclass(frozen=True, slots=True)
class FlushCommand:
    """Make all audio before this command final."""

    flush_id: int


@dataclass(frozen=True, slots=True)
class FinishCommand:
    """No command follows."""


Command: TypeAlias = Samples | FlushCommand | FinishCommand


class Inbox:
    """A stream's pending commands. When it is full, the caller waits and retries."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._commands: deque[Command] = deque()
        self._num_samples = 0

    def try_put(self, command: Command) -> bool:
        """Append a command; False if full. Audio must come in chunks well under `INBOX_SAMPLES`."""
        with self._lock:
            num_samples = self._num_samples + _num_samples(command)
            if num_samples > INBOX_SAMPLES or len(self._commands) >= INBOX_COMMANDS:
                return False
            self._commands.append(command)
            self._num_samples = num_samples
            return True

    def take(self, *, merge_samples: int = 0) -> Command | None:
        """Remove the oldest command, or None. Consecutive audio is merged, up to `merge_samples`."""
        with self._lock:
            command = self._commands.popleft() if self._commands else None
            if isinstance(command, np.ndarray) and merge_samples:
                command = self._merged(command, merge_samples)
            self._num_samples -= _num_samples(command)
            return command

    def _merged(self, samples: Samples, merge_samples: int) -> Samples:
        parts, space = [samples], merge_samples - len(samples)
        while self._commands and isinstance(first := self._commands[0], np.ndarray) and len(first) <= space:
            space -= len(first)
            parts.append(first)
            self._commands.popleft()
        return samples if len(parts) == 1 else np.concatenate(parts)

    def clear(self) -> None:
        """Drop all commands."""
        with self._lock:
            self._commands.clear()
            self._num_samples = 0

    def __len__(self) -> int:
        return len(self._commands)


class Outbox:
    """A stream's unread events. The caller checks `is_full` before `put`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: deque[TranscriptEvent] = deque()
        self._is_sealed = False

    @property
    def is_full(self) -> bool:
        """Whether events must be taken before the next `put`."""
        return len(self._events) >= OUTBOX_EVENTS

    def put(self, events: list[TranscriptEvent]) -> None:
        """Append one step's events. An interim replaces an unread interim right before it."""
        with self._lock:
            for event in events if not self._is_sealed else ():
                if isinstance(event, Interim) and self._events and isinstance(self._events[-1], Interim):
                    self._events.pop()
                self._events.append(event)

    def take(self) -> tuple[TranscriptEvent | None, bool]:
        """Remove the oldest event, or None; and whether the outbox was full. Atomic, so that no wake-up is missed."""
        with self._lock:
            was_full = self.is_full
            return (self._events.popleft() if self._events else None), was_full

    def __len__(self) -> int:
        return len(self._events)

    def seal(self) -> None:
        """Drop all later events. Those in the queue can still be taken."""
        with self._lock:
            self._is_sealed = True

    def close(self) -> None:
        """Drop all events, now and later."""
        with self._lock:
            self._is_sealed = True
            self._events.clear()


def _num_samples(command: Command | None) -> int:
    return len(command) if isinstance(command, np.ndarray) else 0
