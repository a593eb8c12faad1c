"""Jobs run round robin, each on one thread at a time; none is lost, and stopped threads end."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.support.waiting import wait_until
from voxtide.engines.local import worker_pool as pool_module
from voxtide.engines.local.worker_pool import BatchWorker, Job, WorkerPool

WAIT_S = 10.0


@contextmanager
def running(num_threads: int) -> Iterator[WorkerPool]:
    pool = WorkerPool(num_threads, name="test")
    try:
        yield pool
    finally:
        pool.stop()
        assert pool.join()


class CountedJob(Job):
    """Needs `num_runs` runs; each calls `work`. Records whether two threads entered it at once."""

    def __init__(self, num_runs: int, work: Callable[[], object] = lambda: None) -> None:
        self.num_left = num_runs
        self.done = threading.Event()
        self.was_entered_twice = False
        self._work = work
        self._entered = threading.Lock()

    def run_once(self) -> bool:
        if not self._entered.acquire(blocking=False):
            self.was_entered_twice = True
            return False
        try:
            self._work()
            self.num_left -= 1
            if self.num_left <= 0:
                self.done.set()
            return self.num_left > 0
        finally:
            self._entered.release()


def test_a_job_runs_until_its_work_is_done() -> None:
    with running(1) as pool:
        job = CountedJob(5)
        pool.wake(job)
        assert job.done.wait(WAIT_S)
        assert job.num_left == 0


def test_jobs_run_round_robin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "QUANTUM_S", 0.0)
    assert order_of_runs() == list("abcabcabc")


def test_a_quantum_fits_several_short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "QUANTUM_S", WAIT_S)
    assert order_of_runs() == list("aaabbbccc")


def order_of_runs() -> list[str]:
    """The order in which three jobs did their three runs each."""
    order: list[str] = []
    with running(1) as pool:
        gate = threading.Event()
        first = CountedJob(1, lambda: gate.wait(WAIT_S))
        jobs = [CountedJob(3, lambda name=name: order.append(name)) for name in "abc"]
        for job in (first, *jobs):
            pool.wake(job)
        gate.set()
        assert all(job.done.wait(WAIT_S) for job in jobs)
    return order


def test_an_urgent_job_ends_the_poll_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "POLL_DELAY_S", 100 * WAIT_S)
    with running(1) as pool:
        for _ in range(3):  # the first may come before the worker idles
            job = CountedJob(1)
            pool.wake(job, is_urgent=True)
            assert job.done.wait(WAIT_S)
            wait_until(lambda: not pool._is_urgent.is_set())  # else the next delay would end at once


def test_a_job_woken_while_running_runs_again() -> None:
    class OneRunJob(Job):
        num_runs = 0

        def run_once(self) -> bool:
            self.num_runs += 1
            is_inside.set()
            gate.wait(WAIT_S)
            return False

    with running(2) as pool:
        is_inside, gate, last = threading.Event(), threading.Event(), CountedJob(1)
        job = OneRunJob()
        pool.wake(job)
        assert is_inside.wait(WAIT_S)
        pool.wake(job)
        pool.wake(job)
        gate.set()
        wait_until(lambda: job.num_runs == 2)
        pool.wake(last)
        assert last.done.wait(WAIT_S)
    assert job.num_runs == 2


def test_no_wake_is_lost_and_no_job_is_entered_twice() -> None:
    """A wake-up may coincide with the end of a run."""
    with running(4) as pool:
        counts = [0] * 8
        requests = [threading.Semaphore(0) for _ in counts]

        class Counting(CountedJob):
            def __init__(self, number: int) -> None:
                super().__init__(0)
                self.number = number

            def run_once(self) -> bool:
                while requests[self.number].acquire(blocking=False):
                    counts[self.number] += 1
                return super().run_once() and False

        jobs = [Counting(number) for number in range(len(counts))]

        def wake_all() -> None:
            for _ in range(500):
                for number, job in enumerate(jobs):
                    requests[number].release()
                    pool.wake(job)

        threads = [threading.Thread(target=wake_all) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_until(lambda: counts == [1500] * len(counts))
    assert counts == [1500] * len(counts)
    assert not any(job.was_entered_twice for job in jobs)


def test_longest_run_s_grows_while_a_job_runs() -> None:
    with running(2) as pool:
        assert pool.longest_run_s() == 0
        is_inside, gate = threading.Event(), threading.Event()

        def work() -> None:
            is_inside.set()
            gate.wait(WAIT_S)

        job = CountedJob(1, work)
        pool.wake(job)
        assert is_inside.wait(WAIT_S)
        earlier_s = pool.longest_run_s()
        assert 0 < earlier_s <= pool.longest_run_s()
        gate.set()
        assert job.done.wait(WAIT_S)
    assert pool.longest_run_s() == 0


def test_stop_drops_queued_jobs_and_lets_the_running_one_end() -> None:
    pool = WorkerPool(1, name="test")
    is_inside, gate = threading.Event(), threading.Event()

    def work() -> None:
        is_inside.set()
        gate.wait(WAIT_S)

    running_job, queued_job, late_job = CountedJob(5, work), CountedJob(1), CountedJob(1)
    pool.wake(running_job)
    assert is_inside.wait(WAIT_S)
    pool.wake(queued_job)
    pool.stop()
    pool.wake(late_job)
    assert not pool.join(timeout_s=0.01)
    gate.set()
    assert pool.join()
    assert (running_job.num_left, queued_job.num_left, late_job.num_left) == (4, 1, 1)


def test_an_idle_pool_keeps_no_job_alive() -> None:
    with running(2) as pool:
        job = CountedJob(1)
        alive = weakref.ref(job)
        pool.wake(job)
        assert job.done.wait(WAIT_S)
        del job
        wait_until(lambda: alive() is None)


def test_a_stopped_pool_keeps_no_job_alive() -> None:
    pool = WorkerPool(1, name="test")
    is_inside, gate = threading.Event(), threading.Event()
    running_job = CountedJob(1, lambda: is_inside.set() or gate.wait(WAIT_S))
    queued_job, late_job = CountedJob(1), CountedJob(1)
    alive = [weakref.ref(queued_job), weakref.ref(late_job)]
    pool.wake(running_job)
    assert is_inside.wait(WAIT_S)
    pool.wake(queued_job)
    pool.stop()
    pool.wake(late_job)
    gate.set()
    assert pool.join()
    del queued_job, late_job
    gc.collect()
    assert [job() for job in alive] == [None, None]


def test_a_batch_worker_runs_every_ready_job_before_serve() -> None:
    calls: list[str] = []
    has_begun, may_go = threading.Event(), threading.Event()
    pool = BatchWorker(lambda: calls.append("served"), name="test")
    first = CountedJob(1, lambda: (has_begun.set(), may_go.wait(WAIT_S)))
    jobs = [CountedJob(2, lambda name=name: calls.append(name)) for name in "abc"]
    pool.wake(first)
    assert has_begun.wait(WAIT_S)
    for job in jobs:
        pool.wake(job)
    may_go.set()
    assert all(job.done.wait(WAIT_S) for job in jobs)
    wait_until(lambda: len(calls) == 9)
    pool.stop()
    assert pool.join()
    assert calls == ["served", *"abc", "served", *"abc", "served"]


def test_a_hung_serve_shows_in_longest_run_s() -> None:
    has_begun, may_go = threading.Event(), threading.Event()

    def block() -> None:
        has_begun.set()
        may_go.wait(WAIT_S)

    pool = BatchWorker(block, name="test")
    assert pool.longest_run_s() == 0.0
    pool.wake(CountedJob(1))
    assert has_begun.wait(WAIT_S)
    wait_until(lambda: pool.longest_run_s() > 0.0)
    may_go.set()
    pool.stop()
    assert pool.join()


def test_a_batch_worker_keeps_no_finished_job() -> None:
    pool = BatchWorker(lambda: None, name="test")
    job = CountedJob(1)
    gone = weakref.ref(job)
    pool.wake(job)
    assert job.done.wait(WAIT_S)
    del job
    wait_until(lambda: gc.collect() >= 0 and gone() is None)
    pool.stop()
    assert pool.join()
