"""The two bounded queues of a stream. In: commands one way, events the other. Out: the same, in order.

Neither waits or wakes anybody. Both may be used from the event loop and from a worker at the same time.
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
"""Audio a stream may be ahead of its engine: enough to ride out a slow moment, 640 kB at most."""

INBOX_COMMANDS = 1024
"""Commands in the inbox at once. Chunks of 10 ms fill `INBOX_SAMPLES` with 1000."""

OUTBOX_EVENTS = 256
"""Events not yet read. Speech makes about five a second, so a reader may sleep for most of a minute."""


@dataclass(frozen=True, slots=True)
class FlushCommand:
    """All audio before this place in the inbox is to become final."""

    flush_id: int


@dataclass(frozen=True, slots=True)
class FinishCommand:
    """No command follows."""


Command: TypeAlias = Samples | FlushCommand | FinishCommand


class Inbox:
    """What a stream is still to do. Whoever puts must wait and try again when it is full."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._commands: deque[Command] = deque()
        self._num_samples = 0

    def try_put(self, command: Command) -> bool:
        """Append a command, audio in pieces well under `INBOX_SAMPLES`; False when there is no room."""
        with self._lock:
            num_samples = self._num_samples + _num_samples(command)
            if num_samples > INBOX_SAMPLES or len(self._commands) >= INBOX_COMMANDS:
                return False
            self._commands.append(command)
            self._num_samples = num_samples
            return True

    def take(self, *, merge_samples: int = 0) -> Command | None:
        """The oldest command; None when there is none. Audio comes with the audio after it, up to `merge_samples`."""
        with self._lock:
            command = self._commands.popleft() if self._commands else None
            if isinstance(command, np.ndarray) and merge_samples:
                command = self._merged(command, merge_samples)
            self._num_samples -= _num_samples(command)
            return command

    def _merged(self, samples: Samples, merge_samples: int) -> Samples:
        parts, room = [samples], merge_samples - len(samples)
        while self._commands and isinstance(self._commands[0], np.ndarray) and len(self._commands[0]) <= room:
            room -= len(self._commands[0])
            parts.append(self._commands.popleft())  # type: ignore[arg-type]  # the line above has looked
        return samples if len(parts) == 1 else np.concatenate(parts)

    def clear(self) -> None:
        """Drop all commands."""
        with self._lock:
            self._commands.clear()
            self._num_samples = 0

    def __len__(self) -> int:
        return len(self._commands)


class Outbox:
    """What a stream has told and nobody has read. Whoever puts must first see that it is not full."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: deque[TranscriptEvent] = deque()
        self._is_closed = False

    @property
    def is_full(self) -> bool:
        """Whether no more may be put until some are taken."""
        return len(self._events) >= OUTBOX_EVENTS

    def put(self, events: list[TranscriptEvent]) -> None:
        """Append what one step told. An interim that follows an interim replaces it."""
        with self._lock:
            for event in events if not self._is_closed else ():
                if isinstance(event, Interim) and self._events and isinstance(self._events[-1], Interim):
                    self._events.pop()
                self._events.append(event)

    def take(self) -> tuple[TranscriptEvent | None, bool]:
        """The oldest event, or None; and whether the outbox was full before. One look, so that no wake-up is missed."""
        with self._lock:
            was_full = self.is_full
            return (self._events.popleft() if self._events else None), was_full

    def __len__(self) -> int:
        return len(self._events)

    def close(self) -> None:
        """Drop all events, also those still to come."""
        with self._lock:
            self._is_closed = True
            self._events.clear()


def _num_samples(command: Command | None) -> int:
    return len(command) if isinstance(command, np.ndarray) else 0
