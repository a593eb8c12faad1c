"""The command with the scripted engine, its errors, and the demo recording with moonshine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from errno import ENOSPC
from pathlib import Path

import numpy as np
import pytest

from tests.support.media_files import wav_bytes
from tests.support.pulled_models import model_directory
from tests.support.spoken import Spawn, Tones, Voxtide
from tests.support.terminal import Terminal
from voxtide.bench.compare import ways

SCRIPTED = ("compare", "--engine", "scripted")
LIMIT_S = 60


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Output of 100 columns, wherever the tests run."""
    monkeypatch.setenv("COLUMNS", "100")


def test_the_output_has_the_terminals_width(voxtide: Voxtide, tones: Tones, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    done = voxtide(*SCRIPTED, tones("a recording of a long name, spoken by a machine.wav", "no"), "--chunk", "1")
    assert 30 < max(map(len, done.stdout.splitlines())) <= 40


def test_a_recording_is_compared(voxtide: Voxtide, tones: Tones, tmp_path: Path) -> None:
    (tmp_path / "talk.txt").write_text("Ever tried, no.")
    path, out, plot = tones("talk.wav", "ever tried no"), tmp_path / "out.json", tmp_path / "out.svg"
    done = voxtide(*SCRIPTED, path, "--chunk", "0.6,2", "--words", "--json", out, "--plot", plot)
    assert (done.exit_code, done.stderr.splitlines()) == (
        0,
        [
            "voxtide: transcribing chunks of 0.6 s",
            "voxtide: transcribing chunks of 2 s",
            "voxtide: playing 2 s in real time",
        ],
    )
    assert "\nspoken   word  chunks of 0.6 s  chunks of 2 s  streaming: shown  streaming: final\n" in done.stdout
    assert "\nerrors: against talk.txt, after whisper-normalizer" in done.stdout
    assert "\x1b" not in done.stdout, "no control codes off the terminal"
    document = json.loads(out.read_text("utf-8"))
    short, long, streaming = document["ways"]
    assert (long["text"], streaming["text"]) == ("ever tried no", "ever tried no")
    assert (long["errors"]["errors"], streaming["errors"]["errors"]) == (0, 0)
    assert short["errors"]["errors"] >= 1 and short["words_cut_and_missing"] == 1
    assert document["is_complete"] is True and document["word_times"] == "read"
    for word in document["words"]:
        assert word["final_s"]["chunks of 2 s"] >= 1.4, "no chunk is complete before"
        assert word["end_s"] <= word["final_s"]["streaming"] < word["end_s"] + 1.5
    assert plot.read_text("utf-8").startswith("<?xml")


def test_on_a_terminal_both_ways_are_side_by_side(
    voxtide: Voxtide, tones: Tones, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voxtide.cli.app._is_on_terminal", lambda: True)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((80, 24)))
    terminal = Terminal(80, 24)
    terminal.write(voxtide(*SCRIPTED, tones("talk.wav", "ever tried", "no"), "--chunk", "1,2").stdout)
    at = next(number for number, line in enumerate(terminal.text) if line.startswith("in chunks of 1 s"))
    assert terminal.text[at].split() == ["in", "chunks", "of", "1", "s", "│", "streaming"]
    assert terminal.text[at + 1].endswith("│ ever tried no")
    assert terminal.text[at + 3] == "2.2 s of 2.2 s"
    assert any(line.startswith("chunks of 2 s") for line in terminal.text)


def test_a_recording_without_a_text_has_no_errors(voxtide: Voxtide, tones: Tones) -> None:
    done = voxtide(*SCRIPTED, tones("talk.wav", "no"), "--chunk", "1")
    assert done.exit_code == 0
    assert "note: no errors: the spoken text is not known; name it with --reference FILE" in done.stdout
    assert "word times: as scripted reads them from the whole recording" in done.stdout


@pytest.mark.parametrize(("language", "normaliser"), [("English", "EnglishText"), ("French", "BasicText")])
def test_the_language_decides_how_errors_are_counted(
    voxtide: Voxtide, tones: Tones, tmp_path: Path, language: str, normaliser: str
) -> None:
    (tmp_path / "talk.txt").write_text("no")
    done = voxtide(*SCRIPTED, tones("talk.wav", "no"), "--chunk", "1", "--language", language)
    assert f" {normaliser}Normalizer" in done.stdout


def test_more_than_ten_minutes_are_left_out_by_name(
    voxtide: Voxtide, tones: Tones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways, "MAX_AUDIO_S", 1.0)
    monkeypatch.setattr("voxtide.cli.compare.command.MAX_AUDIO_S", 1.0)
    path = tones("talk.wav", "ever tried no matter")
    done = voxtide(*SCRIPTED, path, "--chunk", "1")
    assert "\nnote: only the first 1 s of 2 s are compared\n" in done.stdout
    assert "talk.wav, 1.0 s, scripted tones" in " ".join(done.stdout.split())  # a long path wraps
    (tmp_path / "talk.txt").write_text("ever tried no matter")
    refused = voxtide(*SCRIPTED, path, "--chunk", "1")
    assert refused.exit_code == 2
    assert "talk.txt is the text of all of it: cut the recording and its text" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["mic"], 2, "a microphone plays once, and every way needs all of it: record it, and name the file"),
        (["rtsp://camera/1"], 2, "rtsp://camera/1 plays once"),
        (["no.wav"], 1, "there is no file no.wav"),
        (["."], 1, ". is a directory"),
        (["--chunk", "1,0.1"], 2, "--chunk '1,0.1': '0.1' is not in 0.5 to 60 seconds"),
        (["--chunk", "1, 0.1 "], 2, "--chunk '1, 0.1 ': '0.1' is not in 0.5 to 60 seconds"),
        (["--chunk", "1, x "], 2, "--chunk '1, x ': 'x' is no number; write seconds, such as 1,3,5"),
        (["--plot", "talk.png"], 2, "--plot talk.png must end in .svg"),
        (["--plot", "talk.SVG"], 2, "--plot talk.SVG must end in .svg"),
        (["--json", "."], 2, "cannot write --json .: it is a directory; name a file in it"),
        (["--json", 300 * "a"], 2, "File name too long; name another file"),
        (["--plot", "no/talk.svg"], 2, "cannot write --plot no/talk.svg: there is no directory no"),
        (["--json", "no/talk.json"], 2, "cannot write --json no/talk.json: there is no directory no"),
        (["--reference", "no.txt"], 2, "cannot read the reference no.txt: No such file or directory"),
        (["--language", "frnch"], 2, "there is no language 'frnch'"),
    ],
)
def test_what_cannot_be_compared_is_refused(voxtide: Voxtide, arguments: list[str], code: int, message: str) -> None:
    done = voxtide(*SCRIPTED, *arguments)
    assert done.exit_code == code
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_its_help_has_its_own_exit_codes(voxtide: Voxtide) -> None:
    text = " ".join(voxtide("compare", "--help").stdout.split())
    assert "0 compared" in text and "130 stopped by Ctrl-C; what was measured has been printed and written" in text
    assert "at least one source failed" not in text


def test_a_recording_without_audio_is_refused(voxtide: Voxtide, tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.write_bytes(wav_bytes(np.zeros(0, np.float32)))
    done = voxtide(*SCRIPTED, path)
    assert done.exit_code == 1
    assert "empty.wav" in done.stderr


def test_a_plot_without_word_times_is_refused_before_anything_is_measured(voxtide: Voxtide, tmp_path: Path) -> None:
    path = tmp_path / "quiet.wav"
    path.write_bytes(wav_bytes(np.zeros(8000, np.float32)))
    done = voxtide(*SCRIPTED, path, "--plot", tmp_path / "quiet.svg")
    assert done.exit_code == 2
    assert done.stderr.startswith("voxtide: error: --plot needs the times of words, but the engine found no words")


def test_a_plot_without_matplotlib_names_the_extra(
    voxtide: Voxtide, tones: Tones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = voxtide(*SCRIPTED, tones("talk.wav", "no"), "--plot", tmp_path / "talk.svg")
    assert done.exit_code == 3
    assert "matplotlib" in done.stderr and "bench" in done.stderr


def test_a_file_that_cannot_be_written_is_named_beside_the_table(
    voxtide: Voxtide, tones: Tones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, plot = tmp_path / "out.json", tmp_path / "out.svg"
    monkeypatch.setattr("voxtide.cli.compare.command.document_of", lambda *_, **__: out.mkdir())
    done = voxtide(*SCRIPTED, tones("talk.wav", "no"), "--chunk", "1", "--json", out, "--plot", plot)
    assert done.exit_code == 2
    assert "chunks of 1 s" in done.stdout
    assert f"cannot write --json {out}: Is a directory" in done.stderr
    assert plot.exists(), "one failure does not cost the other file"


def test_files_are_replaced_as_a_whole(
    voxtide: Voxtide, tones: Tones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(ENOSPC, "No space left on device")

    out, plot = tmp_path / "out.json", tmp_path / "out.svg"
    for path in (out, plot):
        path.write_text("older")
    monkeypatch.setattr("os.replace", full)
    done = voxtide(*SCRIPTED, tones("talk.wav", "no"), "--chunk", "1", "--json", out, "--plot", plot)
    assert done.exit_code == 2 and "No space left on device" in done.stderr
    assert [path.read_text() for path in (out, plot)] == ["older", "older"]


def test_the_recording_and_its_text_are_not_replaced(voxtide: Voxtide, tones: Tones, tmp_path: Path) -> None:
    path, text = tones("talk.wav", "no"), tmp_path / "talk.txt"
    text.write_text("no")
    before = path.read_bytes()
    for out, what in ((path, "the recording"), (text, "the spoken text")):
        done = voxtide(*SCRIPTED, path, "--chunk", "1", "--json", out)
        assert done.exit_code == 2
        assert f"--json {out} is {what} itself; name another file" in done.stderr
    assert (path.read_bytes(), text.read_text()) == (before, "no")


def test_files_are_written_although_the_reader_of_stdout_has_gone(
    voxtide: Voxtide, tones: Tones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("the pipe is closed")

    monkeypatch.setattr("voxtide.cli.compare.command.typer.echo", refuse)
    voxtide(*SCRIPTED, tones("talk.wav", "no"), "--chunk", "1", "--json", tmp_path / "out.json")
    assert json.loads((tmp_path / "out.json").read_text("utf-8"))["is_complete"] is True


def test_control_characters_of_a_name_do_not_reach_the_terminal(voxtide: Voxtide, tones: Tones) -> None:
    done = voxtide(*SCRIPTED, tones("ta\x1b[31mlk\n.wav", "no"), "--chunk", "1")
    assert done.exit_code == 0
    assert "ta\\x1b[31mlk\\n.wav, " in done.stdout and "\x1b" not in done.stdout


def test_the_server_that_is_measured_is_no_other_program(
    voxtide: Voxtide, tones: Tones, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers: list[str | None] = []
    monkeypatch.setattr("voxtide.cli.compare.command.OtherPrograms", servers.append)
    done = voxtide("compare", tones("talk.wav", "no"), "--server", "http://127.0.0.1:1")
    assert done.exit_code == 1 and "cannot reach" in done.stderr
    assert servers == ["http://127.0.0.1:1"]


def read_err_until(process: subprocess.Popen[bytes], text: str) -> None:
    """Read lines of stderr up to one that has `text`."""
    assert process.stderr
    while text not in (line := process.stderr.readline().decode()):
        assert line, "the process ended"


def test_ctrl_c_while_it_plays_reports_the_part_that_was_played(spawn: Spawn, tones: Tones) -> None:
    process = spawn(*SCRIPTED, tones("talk.wav", *["ever tried."] * 40), "--chunk", "5")
    read_err_until(process, "in real time")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1.5)  # it plays a minute; let a word be played
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert "note: stopped after " in out.decode()
    assert "\nstreaming " in out.decode()


SLOW = """\
import sys
from voxtide.cli import main
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine
import voxtide.api
voxtide.api.open_engine = lambda *_, **__: ScriptedEngine(ScriptedConfig(slowness=0.5))
sys.argv[0] = "voxtide"
main()
"""


def test_ctrl_c_while_chunks_are_measured_reports_the_ways_that_are_done(tones: Tones) -> None:
    command = [sys.executable, "-c", SLOW, "compare", str(tones("talk.wav", *["ever tried."] * 4)), "--chunk", "5,1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        read_err_until(process, "chunks of 1 s")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert "\nchunks of 5 s " in out.decode()
    assert "\nchunks of 1 s " not in out.decode()


def test_moonshine_compares_the_demo_recording(voxtide: Voxtide, tmp_path: Path) -> None:
    model_directory("moonshine-tiny-en")
    done = voxtide("compare", "--chunk", "1,5", "--json", tmp_path / "out.json")
    assert done.exit_code == 0, done.stderr
    assert "beckett.wav, 10.0 s, moonshine moonshine-tiny-en" in done.stdout
    assert "word times: known, by forced alignment" in done.stdout
    document = json.loads((tmp_path / "out.json").read_text("utf-8"))
    short, long, streaming = document["ways"]
    assert streaming["errors"]["errors"] <= 1
    assert streaming["errors"]["errors"] < short["errors"]["errors"], "one-second chunks cut words"
    assert streaming["spoken_to_shown_s"]["p50"] < long["spoken_to_shown_s"]["p50"]
    assert len(document["words"]) == 12
