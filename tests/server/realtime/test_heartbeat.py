from __future__ import annotations

import asyncio

import pytest

from voxtide.server.realtime.heartbeat import Heartbeat


@pytest.mark.parametrize("is_reading_paused", [True, False])
async def test_a_live_peer_is_pinged_again_and_a_silent_one_times_out(is_reading_paused: bool) -> None:
    pings: list[float] = []
    timed_out = asyncio.Event()

    def ping() -> None:
        pings.append(asyncio.get_running_loop().time())
        heartbeat.has_received = len(pings) < 3 and not is_reading_paused

    heartbeat = Heartbeat(
        0.02, 0.01, ping=ping, is_excused=lambda: is_reading_paused and len(pings) < 3, on_timeout=timed_out.set
    )
    began_s = asyncio.get_running_loop().time()
    heartbeat.start()
    async with asyncio.timeout(10):
        await timed_out.wait()
    assert len(pings) == 3
    assert pings[0] - began_s >= 0.018
    assert pings[2] - pings[1] >= 0.018
    heartbeat.stop()


async def test_stopping_before_the_start_is_a_no_op() -> None:
    Heartbeat(1.0, 1.0, ping=list, is_excused=lambda: True, on_timeout=list).stop()
