"""The supervision and replacement of an engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.support.serving import wait_for_restart
from tests.support.waiting import until
from voxtide.engines.base import Engine
from voxtide.engines.remote import RemoteEngine
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine, speak
from voxtide.errors import ConnectionFailedError, EngineFailedError, ModelMissingError
from voxtide.server import supervisor as subject
from voxtide.server.supervisor import EngineSupervisor
from voxtide.transcript.events import Delta


def loader(*engines: Callable[[], Engine]) -> Callable[[], Engine]:
    left = list(engines)
    return lambda: left.pop(0)()


def dying() -> Engine:
    return ScriptedEngine(ScriptedConfig(dies_at_s=0.1))


def failing() -> Engine:
    raise ModelMissingError("the model is gone")


async def kill(supervised: EngineSupervisor) -> None:
    with pytest.raises(EngineFailedError):
        async with supervised.open() as stream:
            await stream.feed(speak("long enough"))
            async for _ in stream:
                pass


async def test_a_dead_engine_is_replaced() -> None:
    async with EngineSupervisor(loader(dying, ScriptedEngine)) as supervised:
        await kill(supervised)
        supervised.check_health()
        await wait_for_restart(supervised)
        async with supervised.open() as stream:
            await stream.feed(speak("new engine here"))
            await stream.finish()
            assert "".join([event.text async for event in stream if isinstance(event, Delta)]) == "new engine here"


async def test_a_live_engine_is_left_alone() -> None:
    async with EngineSupervisor(loader(ScriptedEngine)) as supervised:
        supervised.check_health()
        supervised.check_health()
        await asyncio.sleep(0.01)
        assert supervised.is_alive
        assert supervised.num_restarts == 0


async def test_an_unreachable_upstream_is_not_an_engine_death() -> None:
    def unreachable() -> Engine:
        return RemoteEngine("http://127.0.0.1:9")  # a port that refuses connections

    async with EngineSupervisor(loader(unreachable)) as supervised:
        with pytest.raises(ConnectionFailedError):
            await supervised.open().__aenter__()
        supervised.check_health()
        assert supervised._recovery is not None
        async with asyncio.timeout(10):
            await supervised._recovery
        assert supervised.is_alive


async def test_loading_is_retried_and_its_errors_are_only_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(subject, "RETRY_S", (0.0, 0.05))
    async with EngineSupervisor(loader(dying, failing, ScriptedEngine)) as supervised:
        await kill(supervised)
        supervised.check_health()
        await until(lambda: "the model is gone" in caplog.text)
        with pytest.raises(EngineFailedError) as raised:
            supervised.open()
        assert str(raised.value) == "the engine is being restarted; try again in a moment"
        assert "the engine died: engine 'scripted' died at 0.1 s" in caplog.text
        await wait_for_restart(supervised)
        assert supervised.is_alive


async def test_an_engine_that_cannot_be_loaded_at_first_raises() -> None:
    with pytest.raises(ModelMissingError):
        async with EngineSupervisor(loader(failing)):
            pass


async def test_closing_cancels_the_retries() -> None:
    async with EngineSupervisor(loader(dying, failing)) as supervised:
        await kill(supervised)
        supervised.check_health()


async def test_steps_of_every_engine_are_observed() -> None:
    steps: list[float] = []
    async with EngineSupervisor(loader(dying, ScriptedEngine)) as supervised:
        supervised.observe_steps(steps.append)
        await kill(supervised)
        assert steps
        steps.clear()
        supervised.check_health()
        await wait_for_restart(supervised)
        async with supervised.open() as stream:
            await stream.feed(speak("x"))
            await stream.finish()
            async for _ in stream:
                pass
        assert steps
