"""Wakings of an event loop: one for many, none lost, and none for a loop that is gone."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from voxtide.engines.local.stream import Wakeups


def wakings(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One for each time that the running loop is woken from now on."""
    loop, asked = asyncio.get_running_loop(), list[None]()
    wake = loop.call_soon_threadsafe

    def count(call: Callable[..., Any], *arguments: Any) -> asyncio.Handle:
        asked.append(None)
        return wake(call, *arguments)

    monkeypatch.setattr(loop, "call_soon_threadsafe", count)
    return asked


async def test_one_waking_sets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = wakings(monkeypatch)
    wakeups = Wakeups(asyncio.get_running_loop())
    events = [asyncio.Event() for _ in range(100)]
    for event in events:
        wakeups.set(event)
    assert not any(event.is_set() for event in events)  # soon, and only in the loop
    await asyncio.gather(*(event.wait() for event in events))
    assert len(asked) == 1
    events[0].clear()
    wakeups.set(events[0])
    await events[0].wait()
    assert len(asked) == 2


async def test_what_is_asked_for_while_a_waking_ends_is_not_lost() -> None:
    wakeups = Wakeups(asyncio.get_running_loop())
    first, late = asyncio.Event(), asyncio.Event()

    class LookedAt(deque[asyncio.Event]):
        def __len__(self) -> int:
            count = super().__len__()
            if count == 0 and first.is_set() and not is_asked:
                is_asked.append(True)
                wakeups.set(late)  # as another thread might, between the last look and what comes after it
            return count

    is_asked: list[bool] = []
    wakeups._events = LookedAt()
    wakeups.set(first)
    async with asyncio.timeout(10):
        await late.wait()


async def test_a_waking_that_comes_at_once_finds_what_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "call_soon_threadsafe", lambda call: call())
    wakeups, event = Wakeups(loop), asyncio.Event()
    wakeups.set(event)
    assert event.is_set()


async def test_many_threads_lose_none() -> None:
    wakeups = Wakeups(asyncio.get_running_loop())
    events = [asyncio.Event() for _ in range(2000)]

    def ask(first: int) -> None:
        for event in events[first::4]:
            wakeups.set(event)

    async with asyncio.timeout(10):
        await asyncio.gather(*(asyncio.to_thread(ask, first) for first in range(4)))
        await asyncio.gather(*(event.wait() for event in events))


def test_a_loop_that_is_closed_is_nobodys_trouble() -> None:
    loop = asyncio.new_event_loop()
    wakeups, event = Wakeups(loop), asyncio.Event()
    loop.close()
    for _ in range(3):
        wakeups.set(event)
    assert not event.is_set()
    kept = weakref.ref(event)
    del event
    assert kept() is None
