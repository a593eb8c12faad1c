"""The measurements on a GPU; here on a CPU, with a small model."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import torch

from tests.support import voxtral_checkpoint
from voxtide.bench.figures import voxtral_gpu
from voxtide.bench.figures.voxtral_gpu import Measured, Plan, Timed
from voxtide.bench.load.process import LIMIT_S
from voxtide.engines.voxtral import measure as steps
from voxtide.errors import VoxtideError

PLAN = Plan("a card", 4e12, {1: 200, 3: 200, 5: 40, 9: 0})


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, one_torch_thread: None) -> None:
    monkeypatch.setattr(voxtral_gpu, "VoxtralConfig", lambda: voxtral_checkpoint.SMALL)


def here(**functions: Callable[..., Coroutine[Any, Any, object]]) -> Callable[..., Coroutine[Any, Any, object]]:
    """`in_fresh_process` within this process, with some functions replaced by name."""

    async def run(
        function: Callable[..., Coroutine[Any, Any, object]], *arguments: object, limit_s: float = LIMIT_S
    ) -> object:
        assert 0 < limit_s <= LIMIT_S
        return await functions.get(function.__name__, function)(*arguments)

    return run


async def plan(_: object) -> Plan:
    return PLAN


async def test_the_plan_gives_each_number_of_streams_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "copied_bytes_per_s", lambda _: 1e9)
    found = await voxtral_gpu.make_plan((1, 10**9))
    assert found == Plan("cpu", 1e9, {1: voxtral_checkpoint.SMALL.decoder.window, 10**9: 0})


def test_a_copy_is_timed() -> None:
    assert steps.copied_bytes_per_s("cpu", num_bytes=1 << 16) > 1e6


@pytest.mark.parametrize("is_masked", [False, True])
async def test_a_window_is_timed_for_each_number_and_age(is_masked: bool) -> None:
    found = await voxtral_gpu.time_window((1, 3), 200, 2, is_masked)
    assert [(it.num_streams, it.age) for it in found.timed] == [
        (1, "1 minute"),
        (3, "1 minute"),
        (1, "10 minutes"),
        (3, "10 minutes"),
    ]
    assert found.failures == ()
    assert all(it.mean_ms > 0 and it.p95_ms > 0 and it.window <= 200 for it in found.timed)
    assert found.timed[0].bytes_moved < found.timed[1].bytes_moved
    assert [measure.name.split(",")[0] for measure in found.measures] == [
        "memory of a stream",
        "opening a stream over a step",
        "flush beyond the delay",
    ]


async def test_a_number_of_streams_that_runs_out_of_memory_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    timed = steps.Bench.steps

    def steps_of(bench: steps.Bench, num_steps: int, *, num_streams: int, age_tokens: int) -> steps.Steps:
        if num_streams == 3:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate")
        return timed(bench, num_steps, num_streams=num_streams, age_tokens=age_tokens)

    monkeypatch.setattr(steps.Bench, "steps", steps_of)
    found = await voxtral_gpu.time_window((1, 3), 40, 2, False)
    assert [it.num_streams for it in found.timed] == [1, 1]
    assert found.failures == tuple(f"3 streams, {age} old: CUDA out of memory." for age in voxtral_gpu.AGES_TOKENS)
    with pytest.raises(VoxtideError, match="3 streams, 1 minute old: CUDA out of memory"):
        await voxtral_gpu.time_window((3,), 40, 2, False)


async def test_a_model_that_cannot_be_built_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "build", lambda *_, **__: 1 / 0)
    with pytest.raises(VoxtideError, match="division by zero"):
        await voxtral_gpu.time_window((1,), 40, 2, False)


async def test_the_figure_has_all_measures_and_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    async def time_window(counts: tuple[int, ...], window: int, num_steps: int, is_masked: bool) -> Measured:
        calls.append((counts, window, num_steps, is_masked))
        if window == 40 or not is_masked:
            raise VoxtideError("no kernel")
        timed = [Timed(n, age, window, 2.0 * n, 30.0 * n, 10**9) for age in voxtral_gpu.AGES_TOKENS for n in counts]
        return Measured(tuple(timed))

    monkeypatch.setattr(voxtral_gpu, "in_fresh_process", here(make_plan=plan, time_window=time_window))
    lines: list[str] = []
    figure = await voxtral_gpu.measure(is_quick=False, progress=lines.append)
    assert [(window, is_masked) for _, window, _, is_masked in calls] == [
        (200, False),
        (200, True),
        (40, False),
        (40, True),
    ]
    values = {measure.name: measure for measure in figure.measures}
    assert values["step of 1 streams, 1 minute old"].is_met
    assert "8.00 x the floor of 0.25 ms, 1.0 GB; window of 200" in values["step of 1 streams, 1 minute old"].method
    assert values["streams held, sessions of 10 minutes"].value == 1  # 3 take 90 ms
    assert "window of 200: no kernel" in figure.notes
    assert "window of 40, attention by mask: no kernel" in figure.notes
    assert "not enough memory for 9 streams" in figure.notes
    assert "3 streams, 10 minutes old: mean 6.00 ms, p95 90.00 ms" in lines
    (plot,) = figure.plots
    assert [list(line.x) for line in plot.lines] == 4 * [[1, 3]]


async def test_no_measurement_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def time_window(*_: object) -> Measured:
        raise VoxtideError("no driver")

    monkeypatch.setattr(voxtral_gpu, "in_fresh_process", here(make_plan=plan, time_window=time_window))
    with pytest.raises(VoxtideError, match="nothing could be measured on a card; window of 200: no driver"):
        await voxtral_gpu.measure(is_quick=False, progress=lambda _: None)


async def test_a_whole_run_calls_the_functions_of_its_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voxtral_gpu, "in_fresh_process", here())
    monkeypatch.setattr(voxtral_gpu, "COUNTS", (1, 2))
    monkeypatch.setattr(steps, "copied_bytes_per_s", lambda _: 1e9)
    figure = await voxtral_gpu.measure(is_quick=True, progress=lambda _: None)
    assert {measure.name for measure in figure.measures} >= {"copy", "step of 2 streams, 10 minutes old"}
    assert figure.notes == ("cpu",)
