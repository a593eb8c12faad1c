"""Items pass from a thread to the event loop: in order, bounded, and never lost or waited for in vain."""

from __future__ import annotations

import asyncio
import threading

import pytest

from voxtide.audio.handover import HandOver

WAIT_S = 10.0


async def test_items_come_in_order_and_the_queue_stays_bounded() -> None:
    chunks: HandOver[int] = HandOver(4)
    num_put = 0

    def put_all() -> None:
        nonlocal num_put
        for item in range(1_000):
            assert chunks.put(item)
            num_put += 1
        chunks.end()

    thread = threading.Thread(target=put_all)
    thread.start()
    for expected in range(1_000):
        assert await chunks.get() == expected
        assert num_put <= expected + 1 + 4 + 1  # taken, waiting, and one between put and count
    assert await chunks.get() is None
    thread.join(WAIT_S)


async def test_the_error_comes_after_the_last_item() -> None:
    chunks: HandOver[str] = HandOver(4)
    chunks.put("good")
    chunks.end(OSError("broke off"))
    chunks.end(OSError("too late to count"))
    assert await chunks.get() == "good"
    with pytest.raises(OSError, match="broke off"):
        await chunks.get()


async def test_an_offer_never_waits() -> None:
    chunks: HandOver[int] = HandOver(2)
    assert [chunks.offer(item) for item in range(3)] == [True, True, False]
    assert await chunks.get() == 0
    assert chunks.offer(4)


async def test_get_waits_until_something_comes() -> None:
    chunks: HandOver[str] = HandOver(2)
    getter = asyncio.create_task(chunks.get())
    await asyncio.sleep(0)
    assert not getter.done()
    await asyncio.to_thread(chunks.put, "late")
    assert await getter == "late"


async def test_a_cancelled_get_takes_nothing() -> None:
    chunks: HandOver[str] = HandOver(2)
    getter = asyncio.create_task(chunks.get())
    await asyncio.sleep(0)
    getter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await getter
    chunks.put("kept")
    assert await chunks.get() == "kept"


async def test_closing_frees_a_thread_that_waits_to_put() -> None:
    chunks: HandOver[int] = HandOver(1)
    chunks.put(0)
    is_taken: list[bool] = []
    thread = threading.Thread(target=lambda: is_taken.append(chunks.put(1)))
    thread.start()
    chunks.close()
    thread.join(WAIT_S)
    assert is_taken == [False]
    assert not chunks.offer(2)


async def test_closing_ends_a_waiting_get() -> None:
    chunks: HandOver[int] = HandOver(1)
    getter = asyncio.create_task(chunks.get())
    await asyncio.sleep(0)
    chunks.close()
    assert await getter is None


async def test_what_waits_is_dropped_when_closed() -> None:
    chunks: HandOver[int] = HandOver(2)
    chunks.put(1)
    chunks.end(OSError("nobody is interested any more"))
    chunks.close()
    assert await chunks.get() is None


def test_a_thread_that_outlives_the_event_loop_does_no_harm() -> None:
    chunks: HandOver[int] | None = None

    async def make() -> None:
        nonlocal chunks
        chunks = HandOver(1)
        getter = asyncio.create_task(chunks.get())
        await asyncio.sleep(0)
        getter.cancel()

    asyncio.run(make())
    assert chunks is not None
    assert chunks.offer(1)
    chunks.end()
