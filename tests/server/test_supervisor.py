"""An engine kept alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

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


async def lives_again(supervised: EngineSupervisor) -> None:
    async with asyncio.timeout(10):
        while not supervised.num_restarts:  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.001)


async def test_a_dead_engine_is_replaced() -> None:
    async with EngineSupervisor(loader(dying, ScriptedEngine)) as supervised:
        await kill(supervised)
        supervised.check_health()
        await lives_again(supervised)
        async with supervised.open() as stream:
            await stream.feed(speak("new life here"))
            await stream.finish()
            assert "".join([event.text async for event in stream if isinstance(event, Delta)]) == "new life here"


async def test_a_live_engine_is_left_alone() -> None:
    async with EngineSupervisor(loader(ScriptedEngine)) as supervised:
        supervised.check_health()
        supervised.check_health()
        await asyncio.sleep(0.01)
        assert supervised.is_alive
        assert supervised.num_restarts == 0


async def test_a_far_side_that_is_away_is_no_death_of_the_engine() -> None:
    def away() -> Engine:
        return RemoteEngine("http://127.0.0.1:9")  # where nobody listens

    async with EngineSupervisor(loader(away)) as supervised:
        with pytest.raises(ConnectionFailedError):
            await supervised.open().__aenter__()
        supervised.check_health()
        assert supervised._recovery is not None
        async with asyncio.timeout(10):
            await supervised._recovery
        assert supervised.is_alive


async def test_loading_is_tried_again_and_the_reasons_are_for_the_log_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(subject, "RETRY_S", (0.0, 0.05))
    async with EngineSupervisor(loader(dying, failing, ScriptedEngine)) as supervised:
        await kill(supervised)
        supervised.check_health()
        async with asyncio.timeout(10):
            while "the model is gone" not in caplog.text:  # noqa: ASYNC110  # it tells nobody
                await asyncio.sleep(0.001)
        with pytest.raises(EngineFailedError) as told:
            supervised.open()
        assert str(told.value) == "the engine is being restarted; try again in a moment"
        assert "the engine died: engine 'scripted' died at 0.1 s" in caplog.text
        await lives_again(supervised)
        assert supervised.is_alive


async def test_what_cannot_be_loaded_at_first_is_the_callers_to_know() -> None:
    with pytest.raises(ModelMissingError):
        async with EngineSupervisor(loader(failing)):
            pass


async def test_closing_ends_the_attempts() -> None:
    async with EngineSupervisor(loader(dying, failing)) as supervised:
        await kill(supervised)
        supervised.check_health()


async def test_steps_are_told_of_every_engine() -> None:
    steps: list[float] = []
    async with EngineSupervisor(loader(dying, ScriptedEngine)) as supervised:
        supervised.observe_steps(steps.append)
        await kill(supervised)
        assert steps
        steps.clear()
        supervised.check_health()
        await lives_again(supervised)
        async with supervised.open() as stream:
            await stream.feed(speak("x"))
            await stream.finish()
            async for _ in stream:
                pass
        assert steps
