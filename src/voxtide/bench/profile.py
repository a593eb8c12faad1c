"""Where the time goes. In: threads at work. Out: shares by function of voxtide. Knows no engine and no model.

Looks at the stacks of all other threads many times a second. What a thread has worked since the last look counts as
"own" for the innermost function of voxtide on its stack, so the inside of a library counts for the function that calls
it; and as "whole" for every function of voxtide on the stack.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Self

import voxtide

LOOK_EVERY_S = 0.002
_PACKAGE = Path(voxtide.__file__).parent
_WAITING = {"wait", "select", "_wait_for_tstate_lock", "poll"}
_WAITING_IN = {"threading.py", "selectors.py", "queue.py"}


@dataclass(frozen=True, slots=True)
class Share:
    """A function's part of all the time at work, in percent: in itself, and with all that it calls."""

    function: str
    own_percent: float
    whole_percent: float


class StackSampler:
    """Samples between entering and leaving."""

    def __init__(self) -> None:
        self._own: dict[str, float] = defaultdict(float)
        self._whole: dict[str, float] = defaultdict(float)
        self._sum = 0.0
        self._worked_until_s: dict[int, float] = {}  # by thread: its processor time at the last look
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._look_on, name="voxtide-profile", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_done.set()
        self._thread.join()

    def shares(self) -> list[Share]:
        """All functions seen, those with the most time of their own first."""
        return [
            Share(name, 100 * self._own.get(name, 0.0) / self._sum, 100 * whole / self._sum)
            for name, whole in sorted(self._whole.items(), key=lambda item: -self._own.get(item[0], 0.0))
        ]

    def _look_on(self) -> None:
        while not self._is_done.wait(LOOK_EVERY_S):
            self.look_around()

    def look_around(self, here: FrameType | None = None) -> None:
        """Count the stacks of all threads; of this one, which looks, that from `here` on, or nothing."""
        for thread, frame in sys._current_frames().items():
            seen = here if thread == threading.get_ident() else frame
            if seen is not None and (work := self._work_of(thread, seen)):
                self.look_at(seen, work)

    def look_at(self, frame: FrameType, work: float = 1.0) -> None:
        """Count one stack for so much work."""
        names = [_name(code) for code in _codes(frame) if _is_ours(code)]
        if not names:
            return
        self._sum += work
        self._own[names[0]] += work
        for name in set(names):
            self._whole[name] += work

    def _work_of(self, thread: int, frame: FrameType) -> float:
        """What a thread has worked since the last look, in seconds.

        Where the system does not tell, 1 for each thread that does not seem to wait. One that sleeps does not.
        """
        if sys.platform != "linux":
            return float(not is_waiting(frame.f_code))
        # It is alive, so it has a clock: a thread leaves Python's list before it ends, and cannot while we run.
        now_s = time.clock_gettime(time.pthread_getcpuclockid(thread))
        before_s = self._worked_until_s.get(thread, now_s)
        self._worked_until_s[thread] = now_s
        return max(0.0, now_s - before_s)  # a new thread may have an old one's number


@contextmanager
def sampling_processor_time() -> Iterator[StackSampler]:
    """Samples from the main thread itself, at ticks of the process's processor time.

    For a process that works mostly in Python: a thread that only looks on gets a turn where the others give theirs
    away, at system calls, so it would see little else. Needs a system that has such ticks: not Windows.
    """
    sampler = StackSampler()

    def look(number: int, frame: FrameType | None) -> None:
        sampler.look_around(frame)

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, LOOK_EVERY_S, LOOK_EVERY_S)
    try:
        yield sampler
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        signal.signal(signal.SIGPROF, before)


def is_waiting(code: CodeType) -> bool:
    """Whether a thread whose innermost function this is waits for another."""
    return code.co_name in _WAITING and Path(code.co_filename).name in _WAITING_IN


def _codes(frame: FrameType | None) -> Iterator[CodeType]:
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


def _is_ours(code: CodeType) -> bool:
    return Path(code.co_filename).is_relative_to(_PACKAGE)


def _name(code: CodeType) -> str:
    place = Path(code.co_filename).relative_to(_PACKAGE).with_suffix("").as_posix()
    return f"{place}: {code.co_qualname}"
