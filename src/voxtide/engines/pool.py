"""Who runs next: worker threads take turns at jobs. In: jobs that are ready. Out: calls of their `run_once`.

Knows nothing of audio, events or asyncio. Jobs run round robin, one piece each, so a busy stream cannot starve
another. The ready queue holds a job at most once, so it is bounded by the number of jobs.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from enum import Enum, auto

LINGER_S = 0.002
"""A worker without work looks again after this before it sleeps until it is woken. With hundreds of streams the waking
for each chunk would cost more than the work; so one waking serves all chunks of 2 ms, less than any step of a model."""


class _Turn(Enum):
    IDLE = auto()
    READY = auto()
    RUNNING = auto()
    RUNNING_AND_READY = auto()


class Job(ABC):
    """Something that has work from time to time. `run_once` is never entered by two threads at once."""

    _turn = _Turn.IDLE

    @abstractmethod
    def run_once(self) -> bool:
        """Do one piece of work; True when more is ready now. Must not raise."""


class WorkerPool:
    """A fixed number of daemon threads. `wake` says that a job has work; `stop` and `join` end the threads."""

    def __init__(self, num_threads: int, *, name: str) -> None:
        self._ready: deque[Job] = deque()
        self._lock = threading.Condition()
        self._is_stopped = False
        self.on_run: Callable[[float], None] | None = None
        """Told how long each piece of work took, in seconds, by the thread that did it."""
        self._began_s: dict[int, float] = {}  # worker number -> when its current piece of work began
        self.threads = [
            threading.Thread(target=self._work, args=(i,), name=f"{name}-{i}", daemon=True) for i in range(num_threads)
        ]
        for thread in self.threads:
            thread.start()

    def wake(self, job: Job) -> None:
        """Queue the job unless it is queued already; while it runs, it is queued again when it is done."""
        with self._lock:
            if self._is_stopped:
                return
            if job._turn is _Turn.IDLE:
                job._turn = _Turn.READY
                self._ready.append(job)
                self._lock.notify()
            elif job._turn is _Turn.RUNNING:
                job._turn = _Turn.RUNNING_AND_READY

    def longest_run_s(self) -> float:
        """How long the piece of work that has been running longest has been at it; 0 when all are idle."""
        with self._lock:
            return max((time.monotonic() - began_s for began_s in self._began_s.values()), default=0.0)

    def stop(self) -> None:
        """Ask the threads to end after their current piece of work; queued jobs are dropped. Returns at once."""
        with self._lock:
            self._is_stopped = True
            self._ready.clear()
            self._lock.notify_all()

    def join(self, *, timeout_s: float = 5.0) -> bool:
        """Wait until the stopped threads are gone. False: one did not end in time and is left (it is a daemon)."""
        deadline_s = time.monotonic() + timeout_s
        for thread in self.threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self.threads)

    def _work(self, worker: int) -> None:
        while (job := self._take(worker)) is not None:
            has_more = job.run_once()
            self._put_back(worker, job, has_more)
            del job  # an idle thread must not keep the last stream alive

    def _take(self, worker: int) -> Job | None:
        if not self._ready:
            time.sleep(LINGER_S)  # nobody waits, so nobody is woken: what gets ready meanwhile is found below
        with self._lock:
            while not self._ready and not self._is_stopped:
                self._lock.wait()  # bounded by stop()
            if self._is_stopped:
                return None
            job = self._ready.popleft()
            job._turn = _Turn.RUNNING
            self._began_s[worker] = time.monotonic()
            return job

    def _put_back(self, worker: int, job: Job, has_more: bool) -> None:
        if self.on_run is not None:
            self.on_run(time.monotonic() - self._began_s[worker])
        with self._lock:
            del self._began_s[worker]
            self._settle(job, has_more)

    def _settle(self, job: Job, has_more: bool) -> None:
        """A job's turn is over; the lock is held."""
        if self._is_stopped:
            return
        if has_more or job._turn is _Turn.RUNNING_AND_READY:
            job._turn = _Turn.READY
            self._ready.append(job)
            self._lock.notify()
        else:
            job._turn = _Turn.IDLE


class RoundPool(WorkerPool):
    """One thread that gives every ready job a turn, then calls `serve`, which does for all at once what they asked for.

    So jobs share one batched step of a model, where those of the other pool take turns at it.
    """

    def __init__(self, serve: Callable[[], None], *, name: str) -> None:
        self._serve = serve  # must not raise
        super().__init__(1, name=name)

    def _work(self, worker: int) -> None:
        while jobs := self._take_all(worker):
            has_more = [job.run_once() for job in jobs]
            self._serve()
            self._put_back_all(worker, jobs, has_more)
            del jobs  # an idle thread must not keep the last streams alive

    def _take_all(self, worker: int) -> list[Job]:
        first = self._take(worker)
        if first is None:
            return []
        with self._lock:
            jobs = [first, *self._ready]
            self._ready.clear()
            for job in jobs:
                job._turn = _Turn.RUNNING
        return jobs

    def _put_back_all(self, worker: int, jobs: list[Job], has_more: list[bool]) -> None:
        with self._lock:
            del self._began_s[worker]
            for job, more in zip(jobs, has_more, strict=True):
                self._settle(job, more)
