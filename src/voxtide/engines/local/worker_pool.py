"""Schedules jobs on worker threads. In: ready jobs. Out: calls of their `run_once`. Knows no audio and no asyncio.

Jobs run round robin, for a quantum each, so a busy stream cannot starve another. The ready queue holds a job at most
once, so the number of jobs bounds it.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from enum import Enum, auto

POLL_DELAY_S = 0.005
"""Idle workers poll once after this delay before blocking, which coalesces wake-ups: with hundreds of streams a wake-up
per chunk would cost more than the work. Flush and finish bypass it."""

QUANTUM_S = 0.0005
"""A worker runs a job again until this time has passed: switching jobs costs as much as a short `run_once`."""


class _JobState(Enum):
    IDLE = auto()
    READY = auto()
    RUNNING = auto()
    RUNNING_AND_READY = auto()


class Job(ABC):
    """Work that becomes ready from time to time. At most one thread runs it at a time."""

    _state = _JobState.IDLE

    @abstractmethod
    def run_once(self) -> bool:
        """Do one unit of work; True if more is ready. Must not raise."""


class WorkerPool:
    """A fixed number of daemon threads. `wake` queues a job; `stop` and `join` end the threads."""

    def __init__(self, num_threads: int, *, name: str) -> None:
        self._ready: deque[Job] = deque()
        self._lock = threading.Lock()  # guards the fields below and the jobs' states
        self._has_ready = threading.Condition(self._lock)
        self._is_urgent = threading.Event()  # ends the poll delay
        self._num_blocked = 0
        self._is_stopped = False
        self.on_run: Callable[[float], None] | None = None
        """Called with the duration of each `run_once` [s], on its worker thread."""
        self._began_s: list[float | None] = [None] * num_threads  # start of each worker's current `run_once`
        self.threads = [
            threading.Thread(target=self._work, args=(i,), name=f"{name}-{i}", daemon=True) for i in range(num_threads)
        ]
        for thread in self.threads:
            thread.start()

    def wake(self, job: Job, *, is_urgent: bool = False) -> None:
        """Queue the job, once. A running job is queued again when it ends.

        `is_urgent` ends the poll delay of an idle worker.
        """
        with self._lock:
            if self._is_stopped:
                return
            if job._state is _JobState.IDLE:
                self._queue(job)
            elif job._state is _JobState.RUNNING:
                job._state = _JobState.RUNNING_AND_READY
        if is_urgent:
            self._is_urgent.set()

    def longest_run_s(self) -> float:
        """Age of the longest-running `run_once` [s]; 0 if all workers are idle."""
        now_s = time.monotonic()
        return max(0.0 if began_s is None else now_s - began_s for began_s in list(self._began_s))

    def has_lost_worker(self) -> bool:
        """Whether a thread died without `stop`; its jobs would never run again."""
        return not self._is_stopped and not all(thread.is_alive() for thread in self.threads)

    def stop(self) -> None:
        """Make the threads end after their current `run_once` and drop queued jobs. Does not wait."""
        with self._lock:
            self._is_stopped = True
            self._ready.clear()
            self._has_ready.notify_all()
        self._is_urgent.set()

    def join(self, *, timeout_s: float = 5.0) -> bool:
        """Wait for the stopped threads. False if one, a daemon, is still running after the timeout."""
        deadline_s = time.monotonic() + timeout_s
        for thread in self.threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self.threads)

    def _work(self, worker: int) -> None:
        while (job := self._take()) is not None:
            has_more = self._run_quantum(worker, job)
            with self._lock:
                self._end_run(job, has_more)
            del job  # an idle thread must not keep the last stream alive

    def _take(self) -> Job | None:
        if not self._ready:
            self._is_urgent.wait(POLL_DELAY_S)  # non-urgent jobs that become ready meanwhile cause no wake-up
            self._is_urgent.clear()
        with self._lock:
            while not self._ready and not self._is_stopped:
                self._num_blocked += 1
                self._has_ready.wait()  # bounded by stop()
                self._num_blocked -= 1
            if self._is_stopped:
                return None
            job = self._ready.popleft()
            job._state = _JobState.RUNNING
            return job

    def _run_quantum(self, worker: int, job: Job) -> bool:
        """Run the job for one quantum; True if it has more work."""
        quantum_began_s = began_s = time.monotonic()
        while True:
            self._began_s[worker] = began_s
            has_more = job.run_once()
            now_s = time.monotonic()
            self._began_s[worker] = None
            if self.on_run is not None:
                self.on_run(now_s - began_s)
            if not has_more or now_s - quantum_began_s >= QUANTUM_S or self._is_stopped:
                return has_more
            began_s = now_s

    def _end_run(self, job: Job, has_more: bool) -> None:
        """Queue the job again, or mark it idle. The caller holds the lock."""
        if self._is_stopped:
            return
        if has_more or job._state is _JobState.RUNNING_AND_READY:
            self._queue(job)
        else:
            job._state = _JobState.IDLE

    def _queue(self, job: Job) -> None:
        """Append a job to the ready queue. The caller holds the lock."""
        job._state = _JobState.READY
        self._ready.append(job)
        if self._num_blocked:
            self._has_ready.notify()


class BatchWorker(WorkerPool):
    """One thread that runs every ready job once, then `serve`, which runs all their requests as one model batch."""

    def __init__(self, serve: Callable[[], None], *, name: str) -> None:
        self._serve = serve  # must not raise
        super().__init__(1, name=name)

    def _work(self, worker: int) -> None:
        while jobs := self._take_all():
            self._began_s[worker] = began_s = time.monotonic()
            has_more = [job.run_once() for job in jobs]
            self._serve()
            self._began_s[worker] = None
            if self.on_run is not None:
                self.on_run(time.monotonic() - began_s)
            with self._lock:
                for job, more in zip(jobs, has_more, strict=True):
                    self._end_run(job, more)
            del jobs, job  # an idle thread must not keep the last streams alive

    def _take_all(self) -> list[Job]:
        first = self._take()
        if first is None:
            return []
        with self._lock:
            jobs = [first, *self._ready]
            self._ready.clear()
            for job in jobs:
                job._state = _JobState.RUNNING
        return jobs
