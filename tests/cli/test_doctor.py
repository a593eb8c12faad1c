from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.spoken import Voxtide
from voxtide.cli import doctor
from voxtide.config import Settings
from voxtide.engines.registry import ENGINE_NAMES
from voxtide.engines.scripted import ScriptedEngine
from voxtide.errors import AudioError, ModelCorruptError, install_command


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache without models, independent of the machine's own."""
    monkeypatch.setenv("VOXTIDE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def checks_of(voxtide: Voxtide) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit code, and the last finding of each name."""
    result = voxtide("doctor", "--json")
    report = json.loads(result.stdout)
    assert report["can_run"] == (result.exit_code == 0)
    return result.exit_code, {check["name"]: check for check in report["checks"]}


def test_without_models_it_fails_and_names_the_model_to_pull(voxtide: Voxtide) -> None:
    code, checks = checks_of(voxtide)
    assert code == 1
    assert checks["engine"]["state"] == "bad"
    assert checks["model"]["remedy"].startswith("voxtide models pull ")


def test_with_an_engine_that_transcribes_the_sample_it_succeeds(
    voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxtide.api.open_engine", lambda *_, **__: ScriptedEngine())
    code, checks = checks_of(voxtide)
    assert (code, checks["engine"]["state"]) == (0, "ok")
    assert "transcribed 10 s of speech" in checks["engine"]["found"]


@pytest.mark.parametrize("error", [ModelCorruptError("it is torn"), ZeroDivisionError("it is torn")])
def test_an_engine_that_fails_to_load_is_reported_first(
    voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("voxtide.api.open_engine", fail)
    result = voxtide("doctor")
    assert result.exit_code == 1
    verdict = result.stdout.splitlines()[0]
    assert verdict.startswith("voxtide cannot transcribe here with moonshine: ")
    assert "it is torn" in verdict


def test_the_verdict_comes_first_and_absent_parts_only_on_request(
    voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxtide.api.open_engine", lambda *_, **__: ScriptedEngine())
    printed = (voxtide("doctor", *options).stdout for options in ([], ["--all"]))
    brief, complete = ([re.sub(r" in \d+\.\d s$", "", line) for line in text.splitlines()] for text in printed)
    assert brief[0] == complete[0] == "voxtide can transcribe here with moonshine."
    assert not any(": absent" in line for line in brief)
    assert any(": absent" in line for line in complete)
    assert re.fullmatch(r"Not installed: \d+ more; voxtide doctor --all lists them\.", brief[-1])
    assert set(brief[:-1]) <= set(complete)


def test_a_corrupt_model_is_always_listed(own_cache: Path) -> None:
    (own_cache / "silero-vad").mkdir(parents=True)
    checks = doctor.models(Settings.from_environment({"VOXTIDE_MODELS": str(own_cache)}))
    (check,) = [check for check in checks if check.found == "silero-vad: corrupt"]
    assert (check.state, check.is_absent) == ("missing", False)


def test_the_json_report_has_the_documented_fields(voxtide: Voxtide) -> None:
    report = json.loads(voxtide("doctor", "--json").stdout)
    assert set(report) == {"can_run", "checks"}
    assert {tuple(check) for check in report["checks"]} == {("name", "state", "found", "remedy")}


def test_an_invalid_setting_is_reported(voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXTIDE_OFFLINE", "perhaps")
    code, checks = checks_of(voxtide)
    assert (code, checks["settings"]["state"]) == (1, "bad")
    assert "VOXTIDE_OFFLINE" in checks["settings"]["found"]


def test_the_fast_instructions_of_the_processor_are_read(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor: 0\nflags\t\t: fpu sse avx avx2 avx512_vnni\n")
    assert doctor.processor(cpuinfo).endswith(", avx2 avx512_vnni")
    assert "avx" not in doctor.processor(tmp_path / "none")


def test_microphones_are_counted_or_their_absence_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> list[object]:
        raise AudioError("install it with: apt-get")

    monkeypatch.setattr(doctor, "list_devices", fail)
    assert doctor.microphones().remedy == "install it with: apt-get"
    monkeypatch.setattr(doctor, "list_devices", list)
    assert doctor.microphones().found == "none found"
    monkeypatch.setattr(doctor, "list_devices", lambda: [object(), object()])
    assert doctor.microphones().found.startswith("2 found")


def test_a_gpu_is_found_or_its_driver_failure_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert doctor.gpu().found.startswith("no NVIDIA GPU")
    program = tmp_path / "nvidia-smi"
    for script, state, found in (("echo 'H200, 141 GiB'", "ok", "H200, 141 GiB"), ("exit 9", "missing", "fails")):
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        check = doctor.gpu()
        assert check.state == state
        assert found in check.found


def test_nvidia_smi_has_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    def time_out(*arguments: object, timeout: float, **options: object) -> None:
        raise subprocess.TimeoutExpired("nvidia-smi", timeout)

    monkeypatch.setattr(doctor.shutil, "which", lambda _: "/bin/nvidia-smi")
    monkeypatch.setattr(doctor.subprocess, "run", time_out)
    assert doctor.gpu().state == "missing"


def test_extras_have_the_names_of_the_package_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor.importlib.metadata,
        "requires",
        lambda _: ["numpy<3,>=2", "pytest>=1; extra == 'mic'", 'no-such-package<2; extra == "mic"'],
    )
    (check,) = doctor.extras()
    assert (check.name, check.state, check.found) == ("[mic]", "missing", "without no-such-package")
    assert check.remedy
    assert install_command("mic") in check.remedy


def test_engines_are_listed_with_their_missing_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor.importlib.metadata,
        "requires",
        lambda _: ["pytest>=1; extra == 'voxtral'", "no-such-package<2; extra == 'whisper'"],
    )
    checks = {check.found.partition(":")[0]: check for check in doctor.engines()}
    assert tuple(checks) == ENGINE_NAMES
    assert [name for name, check in checks.items() if check.state == "missing"] == ["whisper"]
    assert install_command("whisper") in (checks["whisper"].remedy or "")


def test_the_cache_must_be_writable_or_complete(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.cache(own_cache / "not" / "yet").state == "ok"
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    assert "VOXTIDE_MODELS" in (doctor.cache(own_cache).remedy or "")
