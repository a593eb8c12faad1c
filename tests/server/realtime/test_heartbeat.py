from __future__ import annotations

import asyncio

from voxtide.server.realtime.heartbeat import Heartbeat


async def test_who_is_there_is_pinged_again_and_who_is_not_has_vanished() -> None:
    pings: list[float] = []
    vanished = asyncio.Event()
    heartbeat = Heartbeat(
        0.02,
        0.01,
        ping=lambda: pings.append(asyncio.get_running_loop().time()),
        is_there=lambda: len(pings) < 3,
        on_vanished=vanished.set,
    )
    began_s = asyncio.get_running_loop().time()
    heartbeat.start()
    async with asyncio.timeout(10):
        await vanished.wait()
    assert len(pings) == 3
    assert pings[0] - began_s >= 0.018
    assert pings[2] - pings[1] >= 0.018
    heartbeat.stop()


async def test_who_never_stood_can_stop() -> None:
    Heartbeat(1.0, 1.0, ping=list, is_there=lambda: True, on_vanished=list).stop()
