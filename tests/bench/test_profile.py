"""Counting stacks: what is voxtide's, what waits, and what is its own."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from voxtide.bench.load.play import Heard
from voxtide.bench.load.spoken import num_retracted, tell
from voxtide.bench.profile import Share, StackSampler, is_waiting, sampling_processor_time
from voxtide.engines.scripted import speak


def looking(sampler: StackSampler) -> Iterator[Heard]:
    """An iterable whose reader is looked at while it reads."""
    sampler.look_at(sys._getframe())
    yield from ()


def test_a_look_counts_for_the_innermost_function_of_voxtide() -> None:
    sampler = StackSampler()
    for _ in range(3):
        tell(looking(sampler))
    num_retracted(looking(sampler))
    assert sampler.shares() == [Share("bench/spoken: tell", 75, 75), Share("bench/spoken: num_retracted", 25, 25)]


def test_a_stack_without_voxtide_counts_for_nothing() -> None:
    sampler = StackSampler()
    assert list(looking(sampler)) == []
    assert sampler.shares() == []


def test_a_thread_that_waits_is_not_at_work() -> None:
    assert is_waiting(threading.Condition.wait.__code__)
    assert not is_waiting(looking.__code__)


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell what a thread has worked")
def test_a_thread_that_sleeps_is_not_at_work() -> None:
    sampler, is_over = StackSampler(), threading.Event()

    def until_over(pause: Callable[[], None]) -> Iterator[Heard]:
        while not is_over.is_set():
            pause()
        yield from ()

    asleep = threading.Thread(target=lambda: num_retracted(until_over(lambda: time.sleep(0.01))))
    at_work = threading.Thread(target=lambda: tell(until_over(lambda: None)))
    asleep.start()
    at_work.start()
    for _ in range(50):
        time.sleep(0.005)
        sampler.look_around()
    is_over.set()
    asleep.join()
    at_work.join()
    assert sampler.shares()[0].function == "bench/spoken: tell"
    assert sampler.shares()[0].own_percent > 80


def test_it_looks_on_until_it_is_left() -> None:
    num_threads = threading.active_count()
    with StackSampler():
        assert threading.active_count() == num_threads + 1
    assert threading.active_count() == num_threads


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no ticks of processor time")
def test_processor_time_is_looked_at_from_the_main_thread() -> None:
    before = signal.getsignal(signal.SIGPROF)
    deadline_s = time.monotonic() + 30
    with sampling_processor_time() as sampler:
        while not sampler.shares():
            speak("words enough to be seen at")
            assert time.monotonic() < deadline_s
    assert sampler.shares()[0].function.startswith("engines/scripted/tones")
    assert signal.getsignal(signal.SIGPROF) == before
