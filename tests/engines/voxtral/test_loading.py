"""The engine's defaults: weights, streams, VAD; and how many streams fit."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import torch

from tests.support import voxtral_checkpoint
from voxtide.engines.voxtral import device as devices
from voxtide.engines.voxtral import load, loading, memory_plan
from voxtide.engines.voxtral.memory_plan import survey
from voxtide.errors import CapacityError, ConfigError, ModelCorruptError
from voxtide.voxtral.config import VoxtralConfig

GIB = 1 << 30


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return voxtral_checkpoint.write(tmp_path_factory.mktemp("tones"), voxtral_checkpoint.tone_tensors())


def test_the_memory_of_the_published_model() -> None:
    config = VoxtralConfig()
    assert memory_plan.weights_bytes(config, "bf16") == pytest.approx(8.859e9, rel=0.001)
    fit = memory_plan.fit(config, "bf16", 130 * GIB)
    assert fit.window == 8192
    assert fit.stream_bytes / GIB == pytest.approx(1.04, abs=0.01)
    assert fit.num_streams == int(0.9 * 130 * GIB - config.shared_bytes(2)) // fit.stream_bytes


def test_smaller_windows_hold_more_streams_and_none_fits_beside_weights_that_do_not() -> None:
    fits = memory_plan.fits(VoxtralConfig(), "bf16", 24 * GIB)
    assert [fit.num_streams for fit in fits] == sorted(fit.num_streams for fit in fits)
    assert fits[0].num_streams > 0
    assert all(fit.num_streams == 0 for fit in memory_plan.fits(VoxtralConfig(), "bf16", 8 * GIB))


@pytest.mark.parametrize("num_streams", [1, 8, 100, 400, 500])
@pytest.mark.parametrize("free_bytes", [4 * GIB, 130 * GIB, 131 * GIB + 12_345])
def test_the_largest_window_is_the_largest_that_fits(num_streams: int, free_bytes: int) -> None:
    config = VoxtralConfig()
    window = memory_plan.largest_window(config, "bf16", free_bytes, num_streams)
    assert window == 0 or memory_plan.fit(config, "bf16", free_bytes, window).num_streams >= num_streams
    if window < config.decoder.window:
        assert memory_plan.fit(config, "bf16", free_bytes, window + 1).num_streams < num_streams


@pytest.mark.parametrize(("device", "num_fitting", "num_streams"), [("cpu", 100, 4), ("cpu", 2, 2), ("cuda", 600, 512)])
def test_by_default_an_engine_has_the_streams_that_fit_up_to_a_bound(
    device: str, num_fitting: int, num_streams: int
) -> None:
    assert memory_plan.default_streams(device, num_fitting) == num_streams


def test_a_gpu_without_bf16_gets_fp16_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "an old GPU")
    gpu = torch.device("cuda")
    assert devices.choose_weights(None, gpu) == "fp16"
    with pytest.raises(ConfigError, match="an old GPU has no bf16; choose weights fp16 or fp32"):
        devices.choose_weights("bf16", gpu)


def test_a_cpu_gets_a_byte_for_each_weight() -> None:
    assert devices.choose_weights(None, torch.device("cpu")) == "int8"


@pytest.mark.parametrize(
    ("num_streams", "has_vad", "is_loaded"), [(4, None, True), (17, None, False), (17, True, True)]
)
def test_the_vad_is_for_few_streams(
    directory: Path, monkeypatch: pytest.MonkeyPatch, num_streams: int, has_vad: bool | None, is_loaded: bool
) -> None:
    calls = []
    monkeypatch.setattr(loading, "_load_vad", calls.append)
    engine = load(
        model=str(directory), store=None, device="cpu", weights="fp32", max_streams=num_streams, has_vad=has_vad
    )
    asyncio.run(engine.close())
    assert engine.info.model == directory.name
    assert bool(calls) == is_loaded


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    """It lacks some tokens."""
    voxtral_checkpoint.write(tmp_path, voxtral_checkpoint.tone_tensors())
    voxtral_checkpoint.write_tokenizer(tmp_path / "tekken.json", 1100)
    message = r"tekken.json has 1100 tokens, the model 1200; add the one"
    with pytest.raises(ModelCorruptError, match=message):
        load(model=str(tmp_path), store=None, device="cpu", weights="fp32")
    with pytest.raises(ModelCorruptError, match=message):
        survey(tmp_path, device="cpu")


def test_a_survey_names_a_tensor_that_is_cut_off(tmp_path: Path) -> None:
    path = voxtral_checkpoint.write(tmp_path, voxtral_checkpoint.tone_tensors()) / "consolidated.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ModelCorruptError, match=r"consolidated.safetensors: tensor .* is cut off"):
        survey(tmp_path, device="cpu")


def test_too_little_memory_for_the_weights_is_an_error(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("voxtide.voxtral.loading.build", build)
    refused = r"not enough memory on cpu for .* in fp32; choose another device or smaller"
    with pytest.raises(CapacityError, match=refused):
        load(model=str(directory), store=None, device="cpu", weights="fp32")


def test_too_little_memory_for_a_step_is_an_error(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Capturing graphs allocates activations."""

    def runner(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("voxtide.engines.voxtral.batch_runner.BatchRunner", runner)
    with pytest.raises(CapacityError, match=r"not enough memory on cpu to run 3 streams at once; allow fewer"):
        load(model=str(directory), store=None, device="cpu", weights="fp32", max_streams=3)


def test_a_survey_loads_nothing(directory: Path) -> None:
    surveyed = survey(directory, device="cpu", weights="fp32")
    assert surveyed.weights_bytes == memory_plan.weights_bytes(voxtral_checkpoint.SMALL, "fp32")
    assert [fit.window for fit in surveyed.fits] == list(memory_plan.WINDOWS)
    assert "cpu" in surveyed.device
