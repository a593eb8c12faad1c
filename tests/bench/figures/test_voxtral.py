from __future__ import annotations

import pytest

from tests.support import voxtral_checkpoint
from voxtide.bench.figures import voxtral
from voxtide.engines.voxtral import measure
from voxtide.errors import VoxtideError


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch, one_torch_thread: None) -> None:
    """A small model, on one thread."""
    monkeypatch.setattr(measure, "MEDIUM", voxtral_checkpoint.SMALL)
    monkeypatch.setattr(voxtral, "NUM_STREAMS", 3)
    monkeypatch.setattr(voxtral, "WINDOW", 60)


async def test_on_a_cpu_each_step_is_compared_with_the_floor_and_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "reference_s", lambda *_: 10.0)
    figure = await voxtral._on_cpu(3)
    values = {measure.name: measure.value for measure in figure.measures}
    assert {f"step of one stream, {kind}" for kind in voxtral.KINDS} <= set(values)
    assert values["faster: bf16 against their bf16"] == pytest.approx(10_000 / values["step of one stream, bf16"])
    assert values["faster: int8 against their bf16"] == pytest.approx(10_000 / values["step of one stream, int8"])
    assert all(values[f"flush beyond the delay, {kind}"] <= 3 for kind in voxtral.KINDS)
    assert all(value > 0 for value in values.values())


async def test_a_missing_reference_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> float:
        raise VoxtideError("the comparison needs transformers")

    monkeypatch.setattr(measure, "reference_s", fail)
    figure = await voxtral._on_cpu(2)
    assert "the comparison needs transformers" in figure.notes
    assert not any(measure.name.startswith("faster") for measure in figure.measures)


async def test_the_full_size_is_timed_if_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voxtral, "VoxtralConfig", lambda: voxtral_checkpoint.SMALL)
    (factor,) = await voxtral._full_on_cpu(2)
    assert factor.value > 0
    monkeypatch.setattr(measure, "fitting_window", lambda *_: 0)
    assert await voxtral._full_on_cpu(2) == ()
