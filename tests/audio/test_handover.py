"""Items pass from a thread to the event loop in order, bounded, without loss or deadlock."""

from __future__ import annotations

import asyncio
import threading

import pytest

from voxtide.audio.handover import HandOver

WAIT_S = 10.0


async def test_items_arrive_in_order_and_the_queue_is_bounded() -> None:
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
        assert num_put <= expected + 1 + 4 + 1  # consumed, queued, and one not counted yet
    assert await chunks.get() is None
    thread.join(WAIT_S)


async def test_the_error_is_raised_after_the_last_item() -> None:
    chunks: HandOver[str] = HandOver(4)
    chunks.put("good")
    chunks.end(OSError("broke off"))
    chunks.end(OSError("ignored after the first end"))
    assert await chunks.get() == "good"
    with pytest.raises(OSError, match="broke off"):
        await chunks.get()


async def test_offer_never_blocks() -> None:
    chunks: HandOver[int] = HandOver(2)
    assert [chunks.offer(item) for item in range(3)] == [True, True, False]
    assert await chunks.get() == 0
    assert chunks.offer(4)


async def test_get_waits_for_an_item() -> None:
    chunks: HandOver[str] = HandOver(2)
    getter = asyncio.create_task(chunks.get())
    await asyncio.sleep(0)
    assert not getter.done()
    await asyncio.to_thread(chunks.put, "late")
    assert await getter == "late"


async def test_a_cancelled_get_consumes_nothing() -> None:
    chunks: HandOver[str] = HandOver(2)
    getter = asyncio.create_task(chunks.get())
    await asyncio.sleep(0)
    getter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await getter
    chunks.put("kept")
    assert await chunks.get() == "kept"


async def test_close_unblocks_a_put() -> None:
    chunks: HandOver[int] = HandOver(1)
    chunks.put(0)
    is_taken: list[bool] = []
    thread = threading.Thread(target=lambda: is_taken.append(chunks.put(1)))
    thread.start()
    chunks.close()
    thread.join(WAIT_S)
    assert is_taken == [False]
    assert not chunks.offer(2)


async def test_close_ends_a_waiting_get() -> None:
    chunks: HandOver[int] = HandOver(1)
    getter = asyncio.create_task(chunks.get())
    await asyncio.sleep(0)
    chunks.close()
    assert await getter is None


async def test_close_drops_queued_items() -> None:
    chunks: HandOver[int] = HandOver(2)
    chunks.put(1)
    chunks.end(OSError("ignored after close"))
    chunks.close()
    assert await chunks.get() is None


def test_a_thread_may_outlive_the_event_loop() -> None:
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
