"""Voxtral from the command line, with small models that recognise tones, in both formats."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest
import soxr

from tests.support import voxtral_checkpoint
from tests.support.media_files import encode
from tests.support.spoken import Voxtide
from voxtide.types import SAMPLE_RATE_HZ

TEXT = "to be or not to be that is the question."

pytest.importorskip("torch")


@pytest.fixture(params=["mistral", "hugging-face"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    tensors = voxtral_checkpoint.tone_tensors()
    is_hugging_face = request.param == "hugging-face"
    return voxtral_checkpoint.write(tmp_path / "model", tensors, is_hugging_face=is_hugging_face, dtype="BF16")


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    path = tmp_path / "talk.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((voxtral_checkpoint.speak(TEXT) * 32_767).astype(np.int16).tobytes())
    return path


def test_a_file_is_transcribed_with_a_model_from_a_directory(voxtide: Voxtide, model: Path, talk: Path) -> None:
    result = voxtide("transcribe", "--engine", "voxtral", "--model", str(model), str(talk), "--delay-ms", "480")
    assert result.exit_code == 0
    assert result.stdout == TEXT + "\n"


@pytest.mark.parametrize(
    ("suffix", "codec", "rate_hz", "num_channels"),
    [("mp3", "libmp3lame", 44_100, 2), ("flac", "flac", 48_000, 1), ("m4a", "aac", 22_050, 2)],
)
def test_files_of_other_formats_are_transcribed(
    voxtide: Voxtide, tmp_path: Path, suffix: str, codec: str, rate_hz: int, num_channels: int
) -> None:
    model = voxtral_checkpoint.write(tmp_path / "model", voxtral_checkpoint.tone_tensors(), dtype="BF16")
    path = tmp_path / f"talk.{suffix}"
    samples = soxr.resample(voxtral_checkpoint.speak(TEXT), SAMPLE_RATE_HZ, rate_hz)
    encode(path, np.stack(num_channels * [samples]), codec, rate_hz=rate_hz)
    result = voxtide("transcribe", "--engine", "voxtral", "--model", str(model), str(path), "--format", "json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["text"] == TEXT
    assert document["segments"][0]["words"]


def test_an_unsupported_delay_is_refused(voxtide: Voxtide, model: Path, talk: Path) -> None:
    result = voxtide("transcribe", "--engine", "voxtral", "--model", str(model), str(talk), "--delay-ms", "500")
    assert result.exit_code == 2
    assert "no delay of 500 ms; it has 80, 160, " in result.stderr


def test_engine_specific_options_are_passed(voxtide: Voxtide, model: Path, talk: Path) -> None:
    options = ("--device", "cpu", "--weights", "fp32", "--window-minutes", "0.5", "--interim-every-ms", "160")
    result = voxtide(
        "transcribe", "--engine", "voxtral", "--model", str(model), str(talk), *options, "-f", "jsonl", "--pace", "real"
    )
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert "".join(record["text"] for record in records if record["type"] == "delta") == TEXT
    assert any(record["type"] == "interim" for record in records)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--engine", "voxtral", "--device", "toaster"), "no device 'toaster'; choose one of cuda, mps, cpu"),
        (("--engine", "voxtral", "--weights", "int3"), "no weights 'int3'; choose one of bf16, fp16, fp32, int8"),
        (("--engine", "voxtral", "--window-minutes", "0"), "window_minutes is 0; it must be more than 0"),
        (("--engine", "voxtral", "--interim-every-ms", "100"), "must be a multiple of 80"),
        (
            ("--engine", "scripted", "--device", "cpu"),
            "engine 'scripted' has no option 'device'; it belongs to engine whisper or voxtral",
        ),
    ],
)
def test_invalid_options_are_refused_by_name(
    voxtide: Voxtide, model: Path, talk: Path, options: tuple[str, ...], message: str
) -> None:
    result = voxtide("transcribe", *options, "--model", str(model), str(talk))
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("tekken.json", "model has no tekken.json; add the one that the model was published with"),
        ("params.json", "model holds no Voxtral Realtime model: it needs params.json with"),
        ("consolidated.safetensors", "model holds no Voxtral Realtime model: it needs params.json with"),
    ],
)
def test_a_missing_model_file_is_named(
    voxtide: Voxtide, talk: Path, tmp_path: Path, missing: str, message: str
) -> None:
    model = voxtral_checkpoint.write(tmp_path / "model", voxtral_checkpoint.tone_tensors())
    (model / missing).unlink()
    transcribed = voxtide("transcribe", "--engine", "voxtral", "--model", str(model), str(talk))
    assert transcribed.exit_code == 3
    assert message in transcribed.stderr
    examined = voxtide("doctor", "--engine", "voxtral", "--model", str(model))
    assert examined.exit_code == 1
    assert message in examined.stdout


def test_the_doctor_refuses_weights_that_the_device_cannot_run(voxtide: Voxtide, model: Path) -> None:
    result = voxtide("doctor", "--engine", "voxtral", "--model", str(model), "--device", "cpu", "--weights", "fp16")
    assert result.exit_code == 1
    assert "weights of fp16 do not run on a CPU; choose bf16, fp32 or int8" in result.stdout


def test_the_doctor_applies_the_engine_options(voxtide: Voxtide, model: Path) -> None:
    options = ("--device", "cpu", "--weights", "bf16", "--window-minutes", "0.04")
    result = voxtide("doctor", "--engine", "voxtral", "--model", str(model), *options)
    assert "weights bf16 take" in result.stdout
    (streams,) = [line for line in result.stdout.splitlines() if " streams " in line]
    assert "fit at a window of 30 (0.0 min)" in streams


def test_the_doctor_shows_how_many_streams_fit(voxtide: Voxtide, model: Path) -> None:
    result = voxtide("doctor", "--engine", "voxtral", "--model", str(model), "--json")
    checks = json.loads(result.stdout)["checks"]
    streams = [check["found"] for check in checks if check["name"] == "streams"]
    assert streams
    assert all("fit at a window of" in found and "MiB each" in found for found in streams)
    assert result.exit_code == 0


def test_the_doctor_names_the_missing_model(voxtide: Voxtide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXTIDE_MODELS", str(tmp_path))
    result = voxtide("doctor", "--engine", "voxtral")
    assert result.exit_code == 1
    assert "voxtide models pull voxtral" in result.stdout
    assert "fit at a window of 8192" in result.stdout  # of the published model, whose shape is known
