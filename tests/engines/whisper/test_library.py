"""What a model that cannot be loaded is taken for: a fault of the device, or of the files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.pulled_models import model_directory
from voxtide.engines.whisper import model as whisper_model
from voxtide.engines.whisper.library import MODEL_FILES, load_from
from voxtide.engines.whisper.model import WhisperModel
from voxtide.errors import ConfigError, ModelCorruptError

pytestmark = pytest.mark.whisper


def fail_to_load(monkeypatch: pytest.MonkeyPatch, directory: Path, error: Exception, num_gpus: int) -> None:
    """Let CTranslate2 find this many GPUs, and fail to load a model with `error`."""
    ctranslate2 = pytest.importorskip("ctranslate2")
    for name in MODEL_FILES:
        (directory / name).touch()

    def fail(*_arguments: Any, **_keywords: Any) -> None:
        raise error

    monkeypatch.setattr(ctranslate2.models, "Whisper", fail)
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: num_gpus)
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", lambda *_: {"float16", "int8"})


@pytest.mark.parametrize(
    ("device", "error", "reason"),
    [
        (
            "cuda",
            RuntimeError("CUDA failed with error out of memory"),
            "on cuda: CUDA .*out of memory; free memory, choose a smaller model or .* int8, or use --device cpu",
        ),
        (
            "auto",
            RuntimeError("CUDA driver version is insufficient for CUDA runtime version"),
            "on cuda: .*; check nvidia-smi and the CUDA libraries, or use --device cpu",
        ),
        (
            "cpu",
            MemoryError("std::bad_alloc"),
            "on cpu: .*; free memory, choose a smaller model or --compute-type int8$",
        ),
    ],
)
def test_a_device_without_room_or_driver_is_not_taken_for_a_damaged_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str, error: Exception, reason: str
) -> None:
    fail_to_load(monkeypatch, tmp_path, error, num_gpus=1)
    with pytest.raises(ConfigError, match=reason):
        load_from(tmp_path, num_threads=1, device=device)


def test_a_damaged_model_is_one_on_a_gpu_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    directory = tmp_path / "cuda"
    directory.mkdir()
    error = RuntimeError(f"File {directory}/model.bin is incomplete: failed to read a buffer of size 40")
    fail_to_load(monkeypatch, directory, error, num_gpus=1)
    with pytest.raises(ModelCorruptError, match="is incomplete: .*; download it again"):
        load_from(directory, num_threads=1, device="cuda")


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [("cpu", "; choose another --compute-type$"), ("cuda", "; check nvidia-smi and the CUDA libraries, or use --dev")],
)
def test_the_remedy_for_a_failed_first_run_depends_on_the_device(
    monkeypatch: pytest.MonkeyPatch, kind: str, remedy: str
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")

    directory = model_directory("whisper-tiny.en")
    loaded = replace(load_from(directory, num_threads=1), device=kind)
    monkeypatch.setattr(whisper_model, "load_from", lambda *_, **__: loaded)
    monkeypatch.setattr(WhisperModel, "_encode", fail)
    with pytest.raises(ConfigError, match=f"cannot run on {kind}: Library .*{remedy}"):
        WhisperModel.load(directory, num_threads=1)
