"""Where the time goes. In: threads at work. Out: shares by function of voxtide. Knows no engine and no model.

Looks at the stacks of all other threads many times a second. A look at a thread that waits counts for nothing. Any
other counts as "own" for the innermost function of voxtide on the stack, so the inside of a library counts for the
function that calls it; and as "whole" for every function of voxtide on the stack.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections import Counter
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
        self._own: Counter[str] = Counter()
        self._whole: Counter[str] = Counter()
        self._num_looks = 0
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
            Share(name, 100 * self._own[name] / self._num_looks, 100 * whole / self._num_looks)
            for name, whole in sorted(self._whole.items(), key=lambda item: -self._own[item[0]])
        ]

    def _look_on(self) -> None:
        while not self._is_done.wait(LOOK_EVERY_S):
            self.look_around()

    def look_around(self) -> None:
        """Count the stacks of all threads but this one."""
        for thread, frame in sys._current_frames().items():
            if thread != threading.get_ident():
                self.look_at(frame)

    def look_at(self, frame: FrameType) -> None:
        """Count one stack, unless its thread waits."""
        names = [] if is_waiting(frame.f_code) else [_name(code) for code in _codes(frame) if _is_ours(code)]
        if not names:
            return
        self._num_looks += 1
        self._own[names[0]] += 1
        self._whole.update(set(names))


@contextmanager
def sampling_processor_time() -> Iterator[StackSampler]:
    """Samples from the main thread itself, at ticks of the process's processor time.

    For a process that works mostly in Python: a thread that only looks on gets a turn where the others give theirs
    away, at system calls, so it would see little else. Needs a system that has such ticks: not Windows.
    """
    sampler = StackSampler()

    def look(number: int, frame: FrameType | None) -> None:
        if frame is not None:
            sampler.look_at(frame)
        sampler.look_around()

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
