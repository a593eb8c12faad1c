"""The command with fake peers: a result for each, whatever became of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime, tzinfo
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import pytest

from benchmarks import command
from benchmarks.peers import PEERS, Peer
from tests.benchmarks.conftest import Adapter
from tests.support.media_files import wav_bytes
from tests.support.source_tree import ROOT
from voxtide.errors import VoxtideError


class Run(Protocol):
    def __call__(self, body: str | Exception, *arguments: str) -> tuple[int, dict[str, Any]]: ...


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adapter: Adapter) -> Run:
    """Runs the command with one fake peer over a short file, and returns its exit code and its last result."""
    speech = np.sin(np.arange(1600, dtype=np.float32))
    (tmp_path / "a.wav").write_bytes(wav_bytes(speech))
    (tmp_path / "a.txt").write_text("good morning", "utf-8")
    monkeypatch.setattr("benchmarks.audio.TRAILING_QUIET_S", 0.1)
    peer = Peer("fake.py", "moonshine-tiny-en", summary="a fake")
    monkeypatch.setattr(command, "PEERS", {"fake": peer})

    def go(body: str | Exception, *arguments: str) -> tuple[int, dict[str, Any]]:
        def fake_command(peer: Peer, progress: object) -> list[str]:
            if isinstance(body, Exception):
                raise body
            return adapter(body)

        monkeypatch.setattr(command, "command", fake_command)
        results = tmp_path / "results"
        code = command.main([*arguments, "--audio", str(tmp_path / "a.wav"), "--results", str(results)])
        paths = sorted(results.glob("????-??-??-??????-fake-a.wav*.json"), key=lambda path: path.stat().st_mtime_ns)
        return code, json.loads(paths[-1].read_text("utf-8")) if paths else {}

    return go


def test_a_peer_is_measured(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    code, result = run("output.ready()\nlist(audio())\noutput.final('Good evening.')\n", "fake")
    assert code == 0
    assert result["texts"] == ["Good evening."]
    assert result["figures"]["wer_percent"] == 50.0
    assert result["audio"]["talks"] == [{"name": "a.wav", "duration_s": 0.2, "utterances": 1}]
    assert result["machine"]["cores"] >= 1
    out, err = capsys.readouterr()
    assert "WER %: 50.0" in out
    assert "fake: playing a.wav in real time" in err


def test_no_result_replaces_another(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one that began in the same second."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Stopped:
            return cls(2026, 11, 30, 10, 0, 0, tzinfo=tz)

    monkeypatch.setattr(command, "datetime", Stopped)
    for text in ("one", "two", "three"):
        assert run(f"output.ready()\nlist(audio())\noutput.final({text!r})\n", "fake")[1]["texts"] == [text]
    names = [f"2026-11-30-100000-fake-a.wav{suffix}.json" for suffix in ("", "-2", "-3")]
    saved = [json.loads((tmp_path / "results" / name).read_text("utf-8")) for name in names]
    assert [result["texts"] for result in saved] == [["one"], ["two"], ["three"]]


@pytest.mark.parametrize("below", [".", "deeper"])
def test_a_place_that_takes_no_results_is_refused_before_playing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], below: str
) -> None:
    async def play(*_: object) -> None:
        raise AssertionError("it was played")

    monkeypatch.setattr(command, "measure", play)
    monkeypatch.setattr(command, "load_talks", play)
    (file := tmp_path / "file").write_text("", "utf-8")
    assert command.main(["voxtide", "--results", str(file / below)]) == 1
    error = capsys.readouterr().err
    assert f"results cannot be written to {file / below}: " in error
    assert "choose another by --results" in error


def test_a_result_that_cannot_be_written_any_more_is_printed(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The disk is full, or a network drive is gone; here the adapter removes the directory."""
    remove = f"import shutil\nshutil.rmtree({str(tmp_path / 'results')!r})\n"
    assert run(f"output.ready()\nlist(audio())\noutput.final('one')\n{remove}", "fake") == (1, {})
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1])["texts"] == ["one"]
    assert f"error: {tmp_path / 'results'} no longer takes results: " in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_keeps_no_part_of_a_result(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would be no result, and end every later table."""

    usual = Path.open

    def full(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> IO[Any]:
        if mode != "x":
            return usual(path, mode, *arguments, **options)
        path.touch()
        return open("/dev/full", "w", encoding="utf-8")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", full)
        assert run("output.ready()\nlist(audio())\noutput.final('one')\n", "fake") == (1, {})
    out, err = capsys.readouterr()
    assert json.loads(out.splitlines()[-1])["texts"] == ["one"]
    assert "No space left on device" in err
    assert command.main(["--table", "--results", str(tmp_path / "results")]) == 0


def test_a_peer_that_dies_has_a_result(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    code, result = run("sys.exit('no memory')", "all")
    assert (code, result["figures"]) == (1, {})
    assert result["failure"].endswith("no memory")
    assert "FAILED" in capsys.readouterr().out


def test_a_result_has_names_and_no_directories(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/Jane Doe")
    where = f"{tmp_path}/a b.py, /home/Jane Doe/x/c.py: see https://example.org/d/e, either/or"
    code, result = run(f"sys.exit({where!r})", "fake", "--talks", "3")
    assert (code, result["command"]) == (1, "benchmarks/run fake --audio a.wav --talks 3")
    assert result["failure"].endswith("  a b.py, c.py: see https://example.org/d/e, either/or")
    (path,) = (tmp_path / "results").iterdir()
    assert str(tmp_path) not in path.read_text("utf-8")
    assert where in capsys.readouterr().out  # the user needs them


def test_a_directory_of_speech_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if it is the current one."""
    labels: list[str] = []

    async def measure_all(options: object, label: str) -> int:
        labels.append(label)
        return 0

    monkeypatch.setattr(command, "_measure_all", measure_all)
    monkeypatch.chdir(tmp_path)
    for directory in (".", f"{tmp_path}/x/..", "prompts-en"):
        command.main(["voxtide", "--corpus", directory])
    assert labels == [tmp_path.name, tmp_path.name, "prompts-en"]


def test_a_peer_that_cannot_be_installed_has_a_result(run: Run) -> None:
    code, result = run(VoxtideError("fake could not be installed"), "fake")
    assert (code, result["failure"]) == (1, "fake could not be installed")


def test_a_peer_of_unknown_version_is_not_played_and_has_a_result(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(peer: Peer) -> str:
        raise VoxtideError("fake.txt does not pin fake")

    monkeypatch.setattr(command, "version", fail)
    code, result = run(AssertionError("it was played"), "fake")
    assert (code, result["failure"], result["version"]) == (1, "fake.txt does not pin fake", "unknown")


@pytest.mark.parametrize("arguments", [["nosuch"], ["voxtide", "--talks", "0"], ["voxtide", "--talks", "many"]])
def test_a_wrong_argument_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(arguments)
    assert "is not a number from 1 to" in (err := capsys.readouterr().err) or ", ".join(PEERS) in err


def test_a_peer_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 1
    assert "name a peer" in capsys.readouterr().err


def test_the_table_of_no_results_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--table", "--results", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "No result of a quiet machine yet.\n"


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["voxtide", "--audio", "no-such.wav"]) == 1
    assert "no-such.wav needs its text" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="the script is for Linux and macOS")
def test_the_script_sets_up_and_passes_its_arguments_on(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "benchmarks", tmp_path / "benchmarks", ignore=shutil.ignore_patterns(".env", "results"))
    programs = {
        "scripts/setup": 'echo "setup $*"\n',
        ".venv/bin/python": 'echo "$PYTHONPATH: $*"\n',
    }
    for name, body in programs.items():
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("#!/bin/sh\n" + body, "utf-8")
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        [tmp_path / "benchmarks" / "run", "all", "--talks", "1"],
        cwd="/",
        env={"PATH": os.defpath, "PYTHONPATH": "/mine"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout == f"setup bench\n{tmp_path}:/mine: -m benchmarks.command all --talks 1\n", done.stderr
