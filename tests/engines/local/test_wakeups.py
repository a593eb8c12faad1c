"""Wake-ups of an event loop: coalesced, none lost, none for a closed loop."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from voxtide.engines.local.stream import Wakeups


def count_wakeups(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each wake-up of the running loop from now on."""
    loop, calls = asyncio.get_running_loop(), list[None]()
    wake = loop.call_soon_threadsafe

    def count(call: Callable[..., Any], *arguments: Any) -> asyncio.Handle:
        calls.append(None)
        return wake(call, *arguments)

    monkeypatch.setattr(loop, "call_soon_threadsafe", count)
    return calls


async def test_one_wakeup_sets_all_events(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = count_wakeups(monkeypatch)
    wakeups = Wakeups(asyncio.get_running_loop())
    events = [asyncio.Event() for _ in range(100)]
    for event in events:
        wakeups.set(event)
    assert not any(event.is_set() for event in events)  # only later, in the loop
    await asyncio.gather(*(event.wait() for event in events))
    assert len(calls) == 1
    events[0].clear()
    wakeups.set(events[0])
    await events[0].wait()
    assert len(calls) == 2


async def test_a_set_while_a_wakeup_ends_is_not_lost() -> None:
    wakeups = Wakeups(asyncio.get_running_loop())
    first, late = asyncio.Event(), asyncio.Event()

    class RacingDeque(deque[asyncio.Event]):
        def __len__(self) -> int:
            count = super().__len__()
            if count == 0 and first.is_set() and not has_raced:
                has_raced.append(True)
                wakeups.set(late)  # like another thread, right after the last check
            return count

    has_raced: list[bool] = []
    wakeups._events = RacingDeque()
    wakeups.set(first)
    async with asyncio.timeout(10):
        await late.wait()


async def test_an_immediate_wakeup_sets_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda call: call())
    wakeups, event = Wakeups(loop), asyncio.Event()
    wakeups.set(event)
    assert event.is_set()


async def test_no_set_is_lost_between_threads() -> None:
    wakeups = Wakeups(asyncio.get_running_loop())
    events = [asyncio.Event() for _ in range(2000)]

    def set_events(first: int) -> None:
        for event in events[first::4]:
            wakeups.set(event)

    async with asyncio.timeout(10):
        await asyncio.gather(*(asyncio.to_thread(set_events, first) for first in range(4)))
        await asyncio.gather(*(event.wait() for event in events))


def test_a_closed_loop_is_ignored() -> None:
    loop = asyncio.new_event_loop()
    wakeups, event = Wakeups(loop), asyncio.Event()
    loop.close()
    for _ in range(3):
        wakeups.set(event)
    assert not event.is_set()
    kept = weakref.ref(event)
    del event
    assert kept() is None
