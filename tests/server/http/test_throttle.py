"""Files make way for live speech: they stand still while it is late, and never for ever."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect

from tests.support.http_calls import files_server, silence, transcribed
from tests.support.serving import append
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine
from voxtide.server.http import throttle as live_first
from voxtide.server.http.throttle import MAX_LATE_S, MAX_QUEUED_S, FileThrottle


def of(num_live: int, late_s: float) -> FileThrottle:
    return FileThrottle(num_live=lambda: num_live, late_s=lambda: late_s)


@pytest.mark.parametrize(("num_live", "late_s", "queued_s"), [(0, 9.0, 9.0), (3, MAX_LATE_S, MAX_QUEUED_S)])
async def test_a_file_goes_on_where_nobody_is_late(num_live: int, late_s: float, queued_s: float) -> None:
    async with asyncio.timeout(live_first.MAX_WAIT_S / 2):
        await of(num_live, late_s).wait(lambda: queued_s)


async def test_a_file_stands_still_while_live_speech_is_late() -> None:
    late_s, looked = 1.0, asyncio.Event()

    def late() -> float:
        looked.set()
        return late_s

    waiting = asyncio.create_task(FileThrottle(num_live=lambda: 1, late_s=late).wait(lambda: 0.0))
    for _ in range(3):
        looked.clear()
        await looked.wait()
    assert not waiting.done()
    late_s = 0.0
    await waiting


async def test_a_file_lays_little_into_the_engine_while_somebody_speaks() -> None:
    queued_s = iter([9.0, MAX_QUEUED_S + 1, MAX_QUEUED_S])
    await of(1, 0.0).wait(lambda: next(queued_s))
    assert next(queued_s, None) is None


async def test_a_file_ends_some_time_however_late_live_speech_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_first, "MAX_WAIT_S", 0.05)
    await of(1, 9.0).wait(lambda: 0.0)


async def test_a_session_that_sends_faster_than_one_speaks_lags_and_is_not_late() -> None:
    """Else a program that streams a recording would hold all files back."""
    slow = ScriptedEngine(ScriptedConfig(delay_ms=80, slowness=0.3), num_threads=1)
    async with files_server(load=lambda: slow) as server, connect(server.ws()) as socket:
        for _ in range(6):
            await socket.send(append(bytes(32_000)))
        async with asyncio.timeout(10):
            while server.realtime.lag_s() < 2.0:  # noqa: ASYNC110  # lag tells nobody
                await asyncio.sleep(0.005)
        assert server.realtime.late_s() < MAX_LATE_S
        assert (await transcribed(server, silence(1))).status == 200
