"""Who runs next: worker threads take turns at jobs. In: jobs that are ready. Out: calls of their `run_once`.

Knows nothing of audio, events or asyncio. Jobs run round robin, a short turn each, so a busy stream cannot starve
another. The ready queue holds a job at most once, so it is bounded by the number of jobs.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from enum import Enum, auto

POLL_DELAY_S = 0.005
"""A worker without work looks again after this before it sleeps until it is woken. With hundreds of streams the waking
for each chunk would cost more than the work; so one waking serves all chunks of 5 ms, less than any step of a model.
What somebody waits for is not kept waiting."""

QUANTUM_S = 0.0005
"""A job goes on with its next piece of work until it has had this long: taking turns costs as much as a short piece."""


class _JobState(Enum):
    IDLE = auto()
    READY = auto()
    RUNNING = auto()
    RUNNING_AND_READY = auto()


class Job(ABC):
    """Something that has work from time to time. `run_once` is never entered by two threads at once."""

    _turn = _JobState.IDLE

    @abstractmethod
    def run_once(self) -> bool:
        """Do one piece of work; True when more is ready now. Must not raise."""


class WorkerPool:
    """A fixed number of daemon threads. `wake` says that a job has work; `stop` and `join` end the threads."""

    def __init__(self, num_threads: int, *, name: str) -> None:
        self._ready: deque[Job] = deque()
        self._lock = threading.Lock()  # guards all of this and the jobs' turns
        self._work_came = threading.Condition(self._lock)
        self._hurry = threading.Event()  # ends the lingering
        self._num_waiting = 0
        self._is_stopped = False
        self.on_run: Callable[[float], None] | None = None
        """Told how long each piece of work took, in seconds, by the thread that did it."""
        self._began_s: list[float | None] = [None] * num_threads  # when each worker's piece of work began
        self.threads = [
            threading.Thread(target=self._work, args=(i,), name=f"{name}-{i}", daemon=True) for i in range(num_threads)
        ]
        for thread in self.threads:
            thread.start()

    def wake(self, job: Job, *, is_urgent: bool = False) -> None:
        """Queue the job unless it is queued already; while it runs, it is queued again when it is done.

        Where it `is_urgent`, a worker that lingers looks at once.
        """
        with self._lock:
            if self._is_stopped:
                return
            if job._turn is _JobState.IDLE:
                self._queue(job)
            elif job._turn is _JobState.RUNNING:
                job._turn = _JobState.RUNNING_AND_READY
        if is_urgent:
            self._hurry.set()

    def longest_run_s(self) -> float:
        """How long the piece of work that has been running longest has been at it; 0 when all are idle."""
        now_s = time.monotonic()
        return max(0.0 if began_s is None else now_s - began_s for began_s in list(self._began_s))

    def has_lost_worker(self) -> bool:
        """Whether a thread has ended unasked. Its jobs, and perhaps all, would wait for ever."""
        return not self._is_stopped and not all(thread.is_alive() for thread in self.threads)

    def stop(self) -> None:
        """Ask the threads to end after their current piece of work; queued jobs are dropped. Returns at once."""
        with self._lock:
            self._is_stopped = True
            self._ready.clear()
            self._work_came.notify_all()
        self._hurry.set()

    def join(self, *, timeout_s: float = 5.0) -> bool:
        """Wait until the stopped threads are gone. False: one did not end in time and is left (it is a daemon)."""
        deadline_s = time.monotonic() + timeout_s
        for thread in self.threads:
            thread.join(max(0.0, deadline_s - time.monotonic()))
        return not any(thread.is_alive() for thread in self.threads)

    def _work(self, worker: int) -> None:
        while (job := self._take()) is not None:
            has_more = self._give_turn(worker, job)
            with self._lock:
                self._settle(job, has_more)
            del job  # an idle thread must not keep the last stream alive

    def _take(self) -> Job | None:
        if not self._ready:
            self._hurry.wait(POLL_DELAY_S)  # nobody is woken for the rest: what gets ready meanwhile is found below
            self._hurry.clear()
        with self._lock:
            while not self._ready and not self._is_stopped:
                self._num_waiting += 1
                self._work_came.wait()  # bounded by stop()
                self._num_waiting -= 1
            if self._is_stopped:
                return None
            job = self._ready.popleft()
            job._turn = _JobState.RUNNING
            return job

    def _give_turn(self, worker: int, job: Job) -> bool:
        """A piece of work, or several short ones; True when more is ready."""
        turn_began_s = began_s = time.monotonic()
        while True:
            self._began_s[worker] = began_s
            has_more = job.run_once()
            now_s = time.monotonic()
            self._began_s[worker] = None
            if self.on_run is not None:
                self.on_run(now_s - began_s)
            if not has_more or now_s - turn_began_s >= QUANTUM_S or self._is_stopped:
                return has_more
            began_s = now_s

    def _settle(self, job: Job, has_more: bool) -> None:
        """A job's turn is over; the lock is held."""
        if self._is_stopped:
            return
        if has_more or job._turn is _JobState.RUNNING_AND_READY:
            self._queue(job)
        else:
            job._turn = _JobState.IDLE

    def _queue(self, job: Job) -> None:
        """Put a job in line; the lock is held."""
        job._turn = _JobState.READY
        self._ready.append(job)
        if self._num_waiting:
            self._work_came.notify()


class BatchWorker(WorkerPool):
    """One thread that gives every ready job a turn, then calls `serve`, which does for all at once what they asked for.

    So jobs share one batched step of a model, where those of the other pool take turns at it.
    """

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
                    self._settle(job, more)
            del jobs, job  # an idle thread must not keep the last streams alive

    def _take_all(self) -> list[Job]:
        first = self._take()
        if first is None:
            return []
        with self._lock:
            jobs = [first, *self._ready]
            self._ready.clear()
            for job in jobs:
                job._turn = _JobState.RUNNING
        return jobs
