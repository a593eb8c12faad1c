"""The measurement of the live streams a machine sustains."""

from __future__ import annotations

import pytest

from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine
from voxtide.server import calibration
from voxtide.server.calibration import max_sustained_streams


async def test_a_slow_engine_sustains_few_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs 0.7 s per second of audio: one stream; two or three in so short a trial."""
    monkeypatch.setattr(calibration, "WARM_UP_S", 0.4)
    trials: list[str] = []
    async with ScriptedEngine(ScriptedConfig(slowness=0.7)) as engine:
        assert await max_sustained_streams(engine, on_trial=trials.append, trial_s=1.6) in (1, 2, 3)
    assert trials[0].startswith("1 streams: ")


@pytest.mark.parametrize("max_streams", [1, 3, 4])
async def test_trials_stay_within_the_capacity_of_the_engine(max_streams: int, monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []

    async def lag_of(engine: object, speech: object, num_streams: int, trial_s: float) -> float:
        counts.append(num_streams)
        return 0.0

    monkeypatch.setattr(calibration, "_lag_of", lag_of)
    async with ScriptedEngine(ScriptedConfig()) as engine:
        assert await max_sustained_streams(engine, on_trial=lambda result: None, max_streams=max_streams) == max_streams
    assert max(counts) == max_streams


async def test_the_result_is_at_least_one_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "WARM_UP_S", 0.4)
    async with ScriptedEngine(ScriptedConfig(slowness=10.0)) as engine:
        assert await max_sustained_streams(engine, on_trial=lambda result: None, trial_s=1.2) == 1
