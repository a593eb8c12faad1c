"""A stream's work, piece by piece, as a worker does it. In: commands. Out: events. Knows no asyncio and no engine.

commands -> [queue 1: inbox] -> recogniser.step -> [queue 2: outbox] -> events

Both queues are bounded, and none is waited for here. A full outbox (nobody reads) stops the work, which fills the
inbox. What happens is told to the owner, in the thread in which it happens.
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
"""Lag past which interim work is left out; the promise for a machine under load is a lag of 400 ms."""

_BEHIND_SAMPLES = round(BEHIND_S * SAMPLE_RATE_HZ)


class Owner(Protocol):
    """Whose work it is. Told from any thread."""

    def on_events(self) -> None:
        """There are events to take."""

    def on_room(self) -> None:
        """There is room for a command, as `want_room` asked to know."""

    def on_error(self, error: Exception) -> None:
        """The recogniser failed. Called while the error is handled."""

    def on_released(self) -> None:
        """The recogniser was let go."""


class StreamWorker(Job):
    """One recogniser between two bounded queues."""

    def __init__(self, owner: Owner, pool: WorkerPool, *, merge_samples: int) -> None:
        self._owner = owner
        self._pool = pool
        self._merge_samples = merge_samples
        self._inbox = Inbox()
        self._outbox = Outbox()
        self._lock = threading.Lock()  # guards the next three, which decide who releases the recogniser
        self._recogniser: Recogniser | None = None
        self._is_running = False
        self._is_closed = False
        self._is_halted = False
        self._is_released = False
        self._is_stepping = False  # the worker's own
        self._wants_room = False
        self._num_fed_samples = 0

    def begin(self, recogniser: Recogniser) -> None:
        """Work with this from now on."""
        self._recogniser = recogniser

    def put(self, command: Command) -> bool:
        """Take a command, audio in pieces well under the inbox's bound; False when there is no room."""
        if not self._inbox.try_put(command):
            return False
        if isinstance(command, np.ndarray):
            self._num_fed_samples += len(command)
            self._pool.wake(self)
        else:
            self._pool.wake(self, is_urgent=True)  # somebody waits for the answer
        return True

    def want_room(self) -> None:
        """Ask to be told once of room. It may have come before: look again after asking."""
        self._wants_room = True

    def take(self) -> TranscriptEvent | None:
        """The oldest event; None when there is none."""
        event, was_full = self._outbox.take()
        if was_full:
            self._pool.wake(self)
        return event

    @property
    def num_events(self) -> int:
        """Events told and not yet taken."""
        return len(self._outbox)

    @property
    def lag_samples(self) -> int:
        """Audio taken and not yet looked at."""
        recogniser = self._recogniser
        return 0 if recogniser is None else max(0, self._num_fed_samples - recogniser.num_done_samples)

    @property
    def is_released(self) -> bool:
        """Whether the recogniser was let go."""
        return self._is_released

    def halt(self) -> None:
        """Do no more work; the events told so far may still be taken."""
        self._is_halted = True

    def close(self) -> None:
        """Drop everything. The recogniser is let go now, or by the worker that is just running it."""
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
                return False  # `take` wakes us when the outbox has room
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
        if not self._is_stepping and not self._hand_over(recogniser):
            return False
        events = recogniser.step(is_behind=self.lag_samples > _BEHIND_SAMPLES)
        self._is_stepping = events is not None
        if events:
            self._outbox.put(events)
            self._owner.on_events()
        return self._is_stepping or len(self._inbox) > 0

    def _hand_over(self, recogniser: Recogniser) -> bool:
        """Give the recogniser the next command; False when there is none."""
        command = self._inbox.take(merge_samples=self._merge_samples)
        if self._wants_room:
            self._wants_room = False
            self._owner.on_room()
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
        """Whoever comes second finds nothing left to do."""
        with self._lock:
            recogniser, self._recogniser = self._recogniser, None
        if recogniser is not None:
            try:
                recogniser.close()
            except Exception:
                _log.exception("a recogniser did not close well")
        self._is_released = True
        self._owner.on_released()
