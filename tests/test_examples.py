"""Runs the example as its docstring describes, with the scripted engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.media_files import wav_bytes
from tests.support.source_tree import ROOT
from voxtide.audio import encode_pcm
from voxtide.audio.encodings import Encoding
from voxtide.engines.scripted import speak


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "voxtral_realtime.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_file_prints_one_line_per_segment(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(wav_bytes(speak("no. yes.")))
    done = run("--file", str(tmp_path / "talk.wav"), "--engine", "scripted", "--chunk-duration", "40")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == ["no.", "yes."]
    assert all(line == line.strip() for line in done.stdout.splitlines())


def test_a_raw_file_is_read_at_its_rate(tmp_path: Path) -> None:
    (tmp_path / "talk.raw").write_bytes(encode_pcm(speak("no"), Encoding.PCM_S16LE))
    done = run("--file", str(tmp_path / "talk.raw"), "--sample-rate", "16000", "--engine", "scripted")
    assert (done.stdout, done.stderr) == ("no\n", "")


def test_invalid_arguments_are_refused() -> None:
    assert "--sample-rate needs --file" in run("--demo", "--sample-rate", "8000").stderr
    assert "has no delay of 7 ms" in run("--demo", "--delay", "7", "--engine", "scripted").stderr
    assert run("--file", "no-such.wav", "--engine", "scripted").stderr == "error: there is no file no-such.wav\n"
