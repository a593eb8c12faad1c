"""Files pause while live speech is late, for a bounded time."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect

from tests.support.http_calls import files_server, silence, transcribed
from tests.support.serving import append
from tests.support.waiting import until
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine
from voxtide.server.http import throttle
from voxtide.server.http.throttle import MAX_LATE_S, MAX_QUEUED_S, FileThrottle


def throttle_of(num_live: int, late_s: float) -> FileThrottle:
    return FileThrottle(num_live=lambda: num_live, late_s=lambda: late_s)


@pytest.mark.parametrize(("num_live", "late_s", "queued_s"), [(0, 9.0, 9.0), (3, MAX_LATE_S, MAX_QUEUED_S)])
async def test_a_file_does_not_wait_if_no_session_is_late(num_live: int, late_s: float, queued_s: float) -> None:
    async with asyncio.timeout(throttle.MAX_WAIT_S / 2):
        await throttle_of(num_live, late_s).wait(lambda: queued_s)


async def test_a_file_pauses_while_live_speech_is_late() -> None:
    late_s, polled = 1.0, asyncio.Event()

    def late() -> float:
        polled.set()
        return late_s

    waiting = asyncio.create_task(FileThrottle(num_live=lambda: 1, late_s=late).wait(lambda: 0.0))
    for _ in range(3):
        polled.clear()
        await polled.wait()
    assert not waiting.done()
    late_s = 0.0
    await waiting


async def test_a_file_queues_little_audio_while_sessions_are_open() -> None:
    queued_s = iter([9.0, MAX_QUEUED_S + 1, MAX_QUEUED_S])
    await throttle_of(1, 0.0).wait(lambda: next(queued_s))
    assert next(queued_s, None) is None


async def test_the_pause_of_a_file_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MAX_WAIT_S", 0.05)
    await throttle_of(1, 9.0).wait(lambda: 0.0)


async def test_a_session_that_sends_faster_than_real_time_lags_but_is_not_late() -> None:
    """Otherwise a client that streams a recording would pause all files."""
    slow = ScriptedEngine(ScriptedConfig(delay_ms=80, slowness=0.3), num_threads=1)
    async with files_server(load=lambda: slow) as server, connect(server.ws()) as socket:
        for _ in range(6):
            await socket.send(append(bytes(32_000)))
        await until(lambda: server.sessions.lag_s() >= 2.0)
        assert server.sessions.late_s() < MAX_LATE_S
        assert (await transcribed(server, silence(1))).status == 200
