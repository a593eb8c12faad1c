"""Runs one stream's recogniser on a worker thread. In: commands. Out: events. Knows no asyncio and no engine.

commands -> [queue 1: inbox] -> recogniser.step -> [queue 2: outbox] -> events

Both queues are bounded; the worker never blocks on them. A full outbox (events are not read) stops the steps, which
fills the inbox. The owner is called back on the thread where the event occurs.
"""

from __future__ import annotations

import logging
import threading
from typing import Protocol

import numpy as np

from voxtide.engines.local.queues import Command, FinishCommand, FlushCommand, Inbox, Outbox
from voxtide.engines.local.recogniser import Recogniser
from voxtide.engines.local.worker_pool import Job, WorkerPool
from voxtide.transcript.events import TranscriptEvent
from voxtide.types import SAMPLE_RATE_HZ

_log = logging.getLogger("voxtide.engines")

BEHIND_S = 0.4
"""Lag above which work for interim text is skipped: 400 ms is the target for a loaded machine."""

_BEHIND_SAMPLES = round(BEHIND_S * SAMPLE_RATE_HZ)


class Owner(Protocol):
    """The callbacks of a `StreamWorker`, called on any thread."""

    def on_events(self) -> None:
        """Events can be taken."""

    def on_space(self) -> None:
        """The inbox has space again; answers `request_space`."""

    def on_error(self, error: Exception) -> None:
        """The recogniser failed. Called inside the `except` block."""

    def on_released(self) -> None:
        """The recogniser was released."""


class StreamWorker(Job):
    """One recogniser between two bounded queues."""

    def __init__(self, owner: Owner, pool: WorkerPool, *, merge_samples: int) -> None:
        self._owner = owner
        self._pool = pool
        self._merge_samples = merge_samples
        self._inbox = Inbox()
        self._outbox = Outbox()
        self._lock = threading.Lock()  # guards the next three: exactly one thread releases the recogniser
        self._recogniser: Recogniser | None = None
        self._is_running = False
        self._is_closed = False
        self._is_halted = False
        self._is_released = False
        self._is_stepping = False  # used by the worker thread only
        self._is_space_requested = False
        self._num_fed_samples = 0

    def begin(self, recogniser: Recogniser) -> None:
        """Start with a recogniser."""
        self._recogniser = recogniser

    def put(self, command: Command) -> bool:
        """Queue a command; False if the inbox is full. Audio must come in chunks well under its limit."""
        if not self._inbox.try_put(command):
            return False
        if isinstance(command, np.ndarray):
            self._num_fed_samples += len(command)
            self._pool.wake(self)
        else:
            self._pool.wake(self, is_urgent=True)  # the caller awaits the answer
        return True

    def request_space(self) -> None:
        """Request one `on_space`. Retry `put` afterwards: space may already be free."""
        self._is_space_requested = True

    def take(self) -> TranscriptEvent | None:
        """Remove the oldest event, or None."""
        event, was_full = self._outbox.take()
        if was_full:
            self._pool.wake(self)
        return event

    @property
    def num_events(self) -> int:
        """Unread events."""
        return len(self._outbox)

    @property
    def lag_samples(self) -> int:
        """Audio queued and not yet processed."""
        recogniser = self._recogniser
        return 0 if recogniser is None else max(0, self._num_fed_samples - recogniser.num_done_samples)

    @property
    def is_released(self) -> bool:
        """Whether the recogniser was released."""
        return self._is_released

    def halt(self) -> None:
        """Run no more steps. Queued events can still be taken; those of a running step are dropped."""
        self._is_halted = True
        self._outbox.seal()

    def close(self) -> None:
        """Drop all queued items. Releases the recogniser, now or when its running step ends."""
        with self._lock:
            self._is_closed = True
            is_running = self._is_running
        self._inbox.clear()
        self._outbox.close()
        if not is_running:
            self._release()

    def run_once(self) -> bool:
        with self._lock:
            recogniser = self._recogniser
            if recogniser is None or self._is_closed or self._is_halted or self._outbox.is_full:
                return False  # `take` wakes this job when the outbox has space
            self._is_running = True
        try:
            return self._run(recogniser)
        except Exception as error:
            self._owner.on_error(error)
            return False
        finally:
            self._stop_running()

    def _stop_running(self) -> None:
        with self._lock:
            self._is_running = False
            is_closed = self._is_closed
        if is_closed:
            self._release()

    def _run(self, recogniser: Recogniser) -> bool:
        if not self._is_stepping and not self._dispatch_command(recogniser):
            return False
        events = recogniser.step(is_behind=self.lag_samples > _BEHIND_SAMPLES)
        self._is_stepping = events is not None
        if events:
            self._outbox.put(events)
            self._owner.on_events()
        return self._is_stepping or len(self._inbox) > 0

    def _dispatch_command(self, recogniser: Recogniser) -> bool:
        """Pass the next command to the recogniser; False if the inbox is empty."""
        command = self._inbox.take(merge_samples=self._merge_samples)
        if self._is_space_requested:
            self._is_space_requested = False
            self._owner.on_space()
        match command:
            case None:
                return False
            case FlushCommand(flush_id):
                recogniser.flush(flush_id)
            case FinishCommand():
                recogniser.finish()
            case samples:
                recogniser.feed(samples)
        return True

    def _release(self) -> None:
        """Close the recogniser, once."""
        with self._lock:
            recogniser, self._recogniser = self._recogniser, None
        if recogniser is not None:
            try:
                recogniser.close()
            except Exception:
                _log.exception("recogniser.close() raised")
        self._is_released = True
        self._owner.on_released()
