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


async def test_an_engine_that_carries_none_counts_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "WARM_UP_S", 0.4)
    async with ScriptedEngine(ScriptedConfig(slowness=10.0)) as engine:
        assert await num_carried(engine, on_tried=lambda line: None, try_s=1.2) == 1
