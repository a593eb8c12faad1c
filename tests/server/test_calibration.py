"""Finding out how many streams a machine carries."""

from __future__ import annotations

import pytest

from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine
from voxtide.server import calibration
from voxtide.server.calibration import num_carried


async def test_a_slow_engine_carries_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """It works for 0.7 s on a second of audio: one stream, two at most in so short a try."""
    monkeypatch.setattr(calibration, "WARM_UP_S", 0.4)
    tried: list[str] = []
    async with ScriptedEngine(ScriptedConfig(slowness=0.7)) as engine:
        assert await num_carried(engine, on_tried=tried.append, try_s=1.6) in (1, 2, 3)
    assert tried[0].startswith("1 streams: ")


@pytest.mark.parametrize("max_streams", [1, 3, 4])
async def test_no_more_are_tried_than_the_engine_has_room_for(
    max_streams: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    async def lag_of(engine: object, speech: object, count: int, try_s: float) -> float:
        counts.append(count)
        return 0.0

    monkeypatch.setattr(calibration, "_lag_of", lag_of)
    async with ScriptedEngine(ScriptedConfig()) as engine:
        assert await num_carried(engine, on_tried=lambda line: None, max_streams=max_streams) == max_streams
    assert max(counts) == max_streams


async def test_an_engine_that_carries_none_counts_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "WARM_UP_S", 0.4)
    async with ScriptedEngine(ScriptedConfig(slowness=10.0)) as engine:
        assert await num_carried(engine, on_tried=lambda line: None, try_s=1.2) == 1
