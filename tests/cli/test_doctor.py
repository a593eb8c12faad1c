from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.spoken import Voxtide
from voxtide.cli import doctor
from voxtide.engines.registry import ENGINE_NAMES
from voxtide.engines.scripted import ScriptedEngine
from voxtide.errors import AudioError, ModelCorruptError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without models, so that the machine's own decides nothing."""
    monkeypatch.setenv("VOXTIDE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def checks_of(voxtide: Voxtide) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and the findings by name (the last of each)."""
    result = voxtide("doctor", "--json")
    report = json.loads(result.stdout)
    assert report["can_run"] == (result.exit_code == 0)
    return result.exit_code, {check["name"]: check for check in report["checks"]}


def test_without_models_it_says_what_to_pull_and_fails(voxtide: Voxtide) -> None:
    code, checks = checks_of(voxtide)
    assert code == 1
    assert checks["engine"]["state"] == "bad"
    assert checks["model"]["remedy"].startswith("voxtide models pull ")


def test_with_an_engine_that_hears_the_sample_it_succeeds(voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voxtide.api.open_engine", lambda *_, **__: ScriptedEngine())
    code, checks = checks_of(voxtide)
    assert (code, checks["engine"]["state"]) == (0, "ok")
    assert "transcribed 10 s of speech" in checks["engine"]["found"]


@pytest.mark.parametrize("error", [ModelCorruptError("it is torn"), ZeroDivisionError("it is torn")])
def test_an_engine_that_cannot_be_loaded_is_told_of(
    voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("voxtide.api.open_engine", fail)
    result = voxtide("doctor")
    assert result.exit_code == 1
    assert "it is torn" in result.stdout
    assert result.stdout.endswith("voxtide cannot transcribe here yet.\n")


def test_a_setting_that_cannot_be_used_is_told_of(voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXTIDE_OFFLINE", "perhaps")
    code, checks = checks_of(voxtide)
    assert (code, checks["settings"]["state"]) == (1, "bad")
    assert "VOXTIDE_OFFLINE" in checks["settings"]["found"]


def test_the_processors_quick_instructions_are_read(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor: 0\nflags\t\t: fpu sse avx avx2 avx512_vnni\n")
    assert doctor.processor(cpuinfo).endswith(", avx2 avx512_vnni")
    assert "avx" not in doctor.processor(tmp_path / "none")


def test_microphones_are_counted_or_their_lack_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[object]:
        raise AudioError("install it with: apt-get")

    monkeypatch.setattr(doctor, "list_devices", fail)
    assert doctor.microphones().remedy == "install it with: apt-get"
    monkeypatch.setattr(doctor, "list_devices", list)
    assert doctor.microphones().found == "none found"
    monkeypatch.setattr(doctor, "list_devices", lambda: [object(), object()])
    assert doctor.microphones().found.startswith("2 found")


def test_a_gpu_is_seen_or_its_driver_blamed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.gpu().found.startswith("none seen")
    program = tmp_path / "nvidia-smi"
    for script, state, found in (("echo 'H200, 141 GiB'", "ok", "H200, 141 GiB"), ("exit 9", "missing", "fails")):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        check = doctor.gpu()
        assert check.state == state
        assert found in check.found


def test_a_gpu_program_that_hangs_does_not_hang_us(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*arguments: object, timeout: float, **options: object) -> None:
        raise subprocess.TimeoutExpired("nvidia-smi", timeout)

    monkeypatch.setattr(doctor.shutil, "which", lambda _: "/bin/nvidia-smi")
    monkeypatch.setattr(doctor.subprocess, "run", hang)
    assert doctor.gpu().state == "missing"


def test_extras_are_named_as_the_package_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor.importlib.metadata,
        "requires",
        lambda _: ["numpy<3,>=2", "pytest>=1; extra == 'mic'", 'no-such-package<2; extra == "mic"'],
    )
    (check,) = doctor.extras()
    assert (check.name, check.state, check.found) == ("[mic]", "missing", "without no-such-package")
    assert check.remedy
    assert "voxtide[mic]" in check.remedy


def test_engines_are_listed_with_what_they_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor.importlib.metadata,
        "requires",
        lambda _: ["pytest>=1; extra == 'voxtral'", "no-such-package<2; extra == 'whisper'"],
    )
    checks = {check.found.partition(":")[0]: check for check in doctor.engines()}
    assert tuple(checks) == ENGINE_NAMES
    assert [name for name, check in checks.items() if check.state == "missing"] == ["whisper"]
    assert "voxtide[whisper]" in (checks["whisper"].remedy or "")


def test_the_cache_is_judged_by_what_is_there(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.cache(own_cache / "not" / "yet").state == "ok"
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    assert "VOXTIDE_MODELS" in (doctor.cache(own_cache).remedy or "")
