"""Runs the examples as their docstrings describe, with the scripted engine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.media_files import wav_bytes
from tests.support.pulled_models import model_directory
from tests.support.source_tree import ROOT
from voxtide.audio import encode_pcm
from voxtide.audio.encodings import Encoding
from voxtide.engines.scripted import speak


def run(*arguments: str, example: str = "voxtral_realtime.py") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / example), *arguments]
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


DEMO_WORDS = {"ever", "tried", "failed", "no", "matter", "try", "again", "fail", "better"}


def compare(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(*arguments, "--engine", "scripted", example="streaming_vs_chunked.py")


def test_chunks_and_streaming_are_compared_in_a_table(tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(wav_bytes(speak("ever tried no matter")))
    (tmp_path / "talk.txt").write_text("Ever tried. No matter.")
    done = compare("--compare", str(path), "--chunk", "0.6,2")
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split("  ")[0] for line in done.stdout.splitlines()[:4]]
    assert rows == ["way", "chunks of 0.6 s", "chunks of 2 s", "streaming"]
    assert "0 (0.0 %)" in done.stdout.splitlines()[3]


def test_the_demo_of_the_comparison_plays_the_demo_recording_in_both_ways() -> None:
    model_directory("moonshine-tiny-en")
    done = run("--demo", "--chunk", "5", example="streaming_vs_chunked.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(re.match(r" *\d+\.\d s  (streaming  |chunks of 5 s)  +\w", line) for line in done.stdout.splitlines())
    for way in ("streaming", "chunks of 5 s"):
        text = " ".join(line.partition(way)[2].strip() for line in done.stdout.splitlines())
        spoken = re.findall(r"[a-z]+", text.lower())
        assert len(DEMO_WORDS.intersection(spoken)) >= len(DEMO_WORDS) - 1, text  # a word may be wrong


def test_the_comparison_without_a_file_is_of_the_demo_recording() -> None:
    """Its text is known, and so is the time of each word."""
    done = compare("--compare", "--chunk", "10")
    assert (done.returncode, done.stderr) == (0, "")
    assert "  0/12  " in done.stdout.splitlines()[1]
    assert "word times: known, by forced alignment" in done.stdout


def test_the_comparison_refuses_wrong_arguments() -> None:
    done = compare("--compare", "--chunk", "99")
    assert done.stderr == "error: --chunk '99': '99' is not in 0.5 to 60 seconds\n"
    assert "one of the arguments --demo --compare is required" in compare().stderr


def test_a_reader_of_stdout_that_has_gone_is_no_traceback(tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    path.write_bytes(wav_bytes(speak("no")))
    example = ROOT / "examples" / "streaming_vs_chunked.py"
    command = [sys.executable, str(example), "--compare", str(path), "--chunk", "1", "--engine", "scripted"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert (process.stderr.read(), process.wait(60)) == ("", 141)
