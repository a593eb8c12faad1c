"""The command line as a process: signals, pipes and terminals."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

import pytest

from tests.support.spoken import MAIN, PAUSE, Spawn, Tones, Voxtide, pcm, spoken
from tests.support.terminal import Terminal
from tests.support.waiting import wait_for_process
from voxtide.engines.scripted import speak
from voxtide.types import SAMPLE_RATE_HZ

SCRIPTED = ("transcribe", "--engine", "scripted")
LIMIT_S = 30
"""Timeout, far longer than any of these tests takes."""


def test_bytes_on_stdin_become_text(spawn: Spawn) -> None:
    process = spawn(*SCRIPTED, "-")
    out, err = process.communicate(pcm(spoken("no matter")), timeout=LIMIT_S)
    assert (process.returncode, out) == (0, b"no matter\n")
    assert err.startswith(b"voxtide: note: reading stdin as raw audio: pcm_s16le, 16000 Hz, mono; ")
    assert err.count(b"\n") == 1


def test_options_describe_raw_audio_on_stdin(spawn: Spawn) -> None:
    stereo = spoken("no matter").repeat(2)
    process = spawn(*SCRIPTED, "-", "--encoding", "pcm_f32le", "--sample-rate", "16000", "--channels", "2")
    out, _ = process.communicate(stereo.astype("<f4").tobytes(), timeout=LIMIT_S)
    assert (process.returncode, out) == (0, b"no matter\n")


def read_until(process: subprocess.Popen[bytes], kind: str) -> dict[str, object]:
    """The first event of a kind."""
    assert process.stdout
    for line in process.stdout:
        record: dict[str, object] = json.loads(line)
        if record["type"] == kind:
            return record
    raise AssertionError(f"no event {kind!r}")


def transcribing(spawn: Spawn, *arguments: object) -> subprocess.Popen[bytes]:
    """A process that has received a sentence and waits for more on its stdin."""
    process = spawn(*SCRIPTED, "-", "--encoding", "pcm_s16le", "--pace", "real", "--format", "jsonl", *arguments)
    assert process.stdin
    process.stdin.write(pcm(spoken("ever tried.")) + pcm(speak("ever")))
    process.stdin.flush()
    return process


def test_events_are_written_while_audio_arrives(spawn: Spawn) -> None:
    process = transcribing(spawn)
    assert read_until(process, "segment")["text"] == "ever tried."
    assert process.poll() is None


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_audio_and_the_rest_is_still_transcribed(spawn: Spawn, number: int, code: int) -> None:
    process = transcribing(spawn)
    read_until(process, "segment")
    process.send_signal(number)
    records = [json.loads(line) for line in process.stdout or ()]
    assert process.wait(LIMIT_S) == code
    assert records[-1]["type"] == "finished"


@pytest.mark.parametrize("doc_format", ["txt", "json"])
def test_no_file_is_announced_for_what_is_no_audio(spawn: Spawn, tmp_path: Path, doc_format: str) -> None:
    process = spawn(*SCRIPTED, "-", "-o", tmp_path / f"notes.{doc_format}")
    _, err = process.communicate(b"<!DOCTYPE html><html></html>", timeout=LIMIT_S)
    assert err == b"voxtide: error: stdin is text, not audio; give its encoding if it is raw audio\n"
    assert os.listdir(tmp_path) == []


def test_a_signal_loses_no_audio_that_a_paced_pipe_received(spawn: Spawn) -> None:
    process = spawn(*SCRIPTED, "-", "--encoding", "pcm_s16le", "--pace", "real", "--format", "jsonl")
    audio = spoken("ever tried.", "no matter.")  # received at once, as from a recorder while the model loads
    assert process.stdin
    process.stdin.write(pcm(audio))
    process.stdin.flush()
    read_until(process, "started")
    process.send_signal(signal.SIGINT)
    records = [json.loads(line) for line in process.stdout or ()]
    assert records[-1]["audio_s"] == pytest.approx(audio.size / SAMPLE_RATE_HZ, abs=0.01)
    assert [record["text"] for record in records if record["type"] == "segment"] == ["ever tried.", "no matter."]


def test_the_text_before_a_signal_is_written(spawn: Spawn, tmp_path: Path) -> None:
    process = spawn(*SCRIPTED, "-", "--format", "live", "--output", tmp_path / "out.srt")
    assert process.stdin
    assert process.stdout
    process.stdin.write(pcm(spoken("ever tried.")) + pcm(PAUSE))
    process.stdin.flush()
    assert process.stdout.readline() == b"ever tried.\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(LIMIT_S) == 130
    assert "ever tried." in (tmp_path / "out.srt").read_text()
    assert os.listdir(tmp_path) == ["out.srt"]


def speaking(spawn: Spawn, *arguments: object, **options: object) -> subprocess.Popen[bytes]:
    """A process that has received a sentence, the beginning of another, and waits for more on its stdin."""
    process = spawn(*SCRIPTED, "-", "--encoding", "pcm_s16le", *arguments, **options)
    assert process.stdin
    process.stdin.write(pcm(spoken("ever tried.")) + pcm(spoken("ever failed.", "no"))[: -2 * PAUSE.size])
    process.stdin.flush()
    return process


@pytest.mark.parametrize(
    ("doc_format", "text"),
    [
        ("txt", "ever tried.\n"),
        ("srt", "1\n00:00:00,000 --> 00:00:00,960\never tried.\n"),
        ("vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:00.960\never tried.\n"),
    ],
)
def test_a_live_source_prints_text_as_it_becomes_final(spawn: Spawn, doc_format: str, text: str) -> None:
    process = speaking(spawn, "--format", doc_format)
    assert process.stdout
    assert process.stderr
    assert process.stdout.read(len(text)).decode() == text
    assert process.poll() is None
    assert process.stdin
    process.stdin.close()
    assert "ever failed." in process.stdout.read().decode()  # communicate() would skip what is already buffered
    assert process.stderr.read() == b""
    assert process.wait(LIMIT_S) == 0


def test_the_same_document_is_printed_at_once_and_as_it_becomes_final(
    spawn: Spawn, tones: Tones, voxtide: Voxtide
) -> None:
    sentences = ["ever tried.", "ever failed.", "no matter."]
    path = tones("talk.wav", *sentences)
    for doc_format in ("txt", "srt", "vtt"):
        live, _ = spawn(*SCRIPTED, "-", "--format", doc_format).communicate(pcm(spoken(*sentences)), LIMIT_S)
        assert live.decode() == voxtide(*SCRIPTED, path, "--format", doc_format).stdout


@pytest.mark.parametrize(
    ("doc_format", "suffix"), [("txt", "txt"), ("json", "json"), ("jsonl", "jsonl"), ("live", "txt")]
)
def test_text_without_a_reader_goes_to_a_file(spawn: Spawn, tmp_path: Path, doc_format: str, suffix: str) -> None:
    read_end, write_end = os.pipe()
    process = speaking(spawn, "--format", doc_format, stdout=write_end, cwd=tmp_path)
    os.close(write_end)
    os.close(read_end)
    _, err = process.communicate(timeout=LIMIT_S)
    (path,) = tmp_path.iterdir()
    assert path.suffix == f".{suffix}"
    assert err.decode() == f"voxtide: the reader of stdout is gone; the last text and the rest go to {path}\n"
    assert process.returncode == 141
    assert "ever tried." in path.read_text()
    assert "ever failed." in path.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_text_for_a_full_disk_goes_to_a_file(spawn: Spawn, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = speaking(spawn, stdout=full.fileno(), cwd=tmp_path)
    _, err = process.communicate(timeout=LIMIT_S)
    (path,) = tmp_path.iterdir()
    full_message = "stdout is full: No space left on device; the last text and the rest go to"
    assert err.decode() == f"voxtide: {full_message} {path}\n"
    assert process.returncode == 141
    assert path.read_text() == "ever tried.\never failed.\nno\n"


def test_a_closed_terminal_ends_the_audio_and_keeps_the_text(tmp_path: Path) -> None:
    arguments = (*SCRIPTED, "-", "--encoding", "pcm_s16le", "--output", tmp_path / "notes.srt", "--format", "live")
    read_end, write_end = os.pipe()
    with terminal_process(*arguments, stdin=read_end) as (process, ours):
        os.close(read_end)
        os.write(write_end, pcm(spoken("ever tried.", "ever")))
        output = ""
        while "tried." not in output:
            output += os.read(ours, 65536).decode()
        with open(os.devnull) as other:
            os.dup2(other.fileno(), ours)  # closes the terminal
        assert process.wait(LIMIT_S) == 129
    os.close(write_end)
    text = (tmp_path / "notes.srt").read_text()
    assert "ever tried." in text
    assert os.listdir(tmp_path) == ["notes.srt"]


KILLED: dict[str, str] = {
    "txt": r"ever tried\.\never failed\.\n",
    "srt": r"1\n.*\never tried\.\n\n2\n.*\never failed\.\n",
    "vtt": r"WEBVTT\n\n.*\never tried\.\n\n.*\never failed\.\n",
    "json": r'.*"text": "ever tried. ever failed."',
    "jsonl": r'.*"text": " failed\."',
}


@pytest.mark.parametrize("suffix", KILLED)
def test_a_killed_session_left_its_final_words_and_the_next_recovers_them(
    spawn: Spawn, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"notes.{suffix}"
    process = speaking(spawn, "--output", target)
    partial = tmp_path / f"notes.voxtide-partial.{suffix}"
    wait_for_process(process, lambda: partial.exists() and "failed." in partial.read_text())
    process.kill()
    process.wait()
    text = partial.read_text()
    assert re.match(KILLED[suffix], text, re.DOTALL)
    if suffix == "json":
        assert [segment["text"] for segment in json.loads(text)["segments"]] == ["ever tried.", "ever failed."]
    _, err = spawn(*SCRIPTED, "-", "--output", target).communicate(pcm(spoken("no")), LIMIT_S)
    recovered = tmp_path / f"notes.recovered.{suffix}"
    assert f"that was killed is in {recovered}" in err.decode()
    assert recovered.read_text() == text
    assert sorted(os.listdir(tmp_path)) == sorted([recovered.name, target.name])


MICROPHONE = """\
import os, sys
import numpy
os.write(2, b"ALSA lib pcm.c: Unknown PCM")
class PortAudioError(Exception): pass
class Status: input_overflow = False
class InputStream:
    def __init__(self, **options): self.options = options
    def start(self):
        samples = numpy.frombuffer(open(os.environ["SPEECH"], "rb").read(), "<i2").astype("f4") / 32768
        for at in range(0, len(samples), 320):
            block = samples[at : at + 320, None]
            self.options["callback"](block, len(block), None, Status())
    def close(self): pass
def query_hostapis(): return [{"name": "ALSA"}]
def query_devices(device=None, kind=None):
    name = "late" if "voxtide.engines.scripted.engine" in sys.modules else "early"
    entry = {"index": 0, "name": name, "hostapi": 0, "max_input_channels": 1, "default_samplerate": 16000.0}
    return entry if kind else [entry]
"""
"""The module sounddevice, with a microphone that has recorded SPEECH as soon as it is started."""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_microphone_records_while_the_model_loads_and_its_text_is_kept(
    spawn: Spawn, tmp_path: Path, number: int, code: int
) -> None:
    (tmp_path / "sounddevice.py").write_text(MICROPHONE)
    (tmp_path / "speech.raw").write_bytes(pcm(spoken("ever tried.", "no")))
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {
        "PYTHONPATH": path,
        "SPEECH": str(tmp_path / "speech.raw"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    target = tmp_path / "out" / "notes.txt"
    target.parent.mkdir()
    process = spawn(*SCRIPTED, "mic", "--format", "live", "--output", target, env=environment)
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline() == b"ever tried.\n"
    assert process.stdout.readline() == b"no\n"
    process.send_signal(number)
    assert process.wait(LIMIT_S) == code
    partial = target.with_name("notes.voxtide-partial.txt")
    assert process.stderr.read().decode().splitlines() == [
        "voxtide: Listening on microphone 'early'. Ctrl-C stops.",
        f"voxtide: final text is saved in {partial}, which becomes notes.txt at the end",
    ]
    assert (target.read_text(), os.listdir(target.parent)) == ("ever tried.\nno\n", ["notes.txt"])
    again = spawn(*SCRIPTED, "mic", "--output", target, env=environment)
    _, err = again.communicate(timeout=LIMIT_S)
    assert again.returncode == 2
    assert b"notes.txt exists; --append adds to it, --force replaces it" in err


def test_sources_skipped_after_a_signal_are_counted(spawn: Spawn, tones: Tones) -> None:
    process = transcribing(spawn, tones("a.wav", "one"), tones("b.wav", "two"))
    read_until(process, "segment")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert err == b"voxtide: stopped; 2 of 3 sources not transcribed\n"


SLOW = """\
import sys
from voxtide.cli import main
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine
import voxtide.api
voxtide.api.open_engine = lambda *_, **__: ScriptedEngine(ScriptedConfig(slowness=2.0))
sys.argv[0] = "voxtide"
main()
"""


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    # Audio that takes 16 s to transcribe, so the first signal leaves work to finish.
    arguments = ["--debug", "transcribe", "-", "--format", "jsonl", "--output", str(tmp_path / "out.jsonl")]
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write(pcm(spoken(*["ever tried. ever failed."] * 3)))
        process.stdin.flush()
        wait_for_process(process, lambda: any('"speech_started"' in path.read_text() for path in tmp_path.iterdir()))
        process.send_signal(signal.SIGINT)
        assert any(b"SIGINT number 1" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 130
        assert b"SIGINT number 2" in process.stderr.read()
    assert os.listdir(tmp_path) == []


def test_ctrl_c_before_the_stream_starts_stops_at_once(spawn: Spawn, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")  # opening it blocks: there is no writer
    process = spawn(*SCRIPTED, tmp_path / "pipe.wav", "-o", tmp_path / "out.txt")
    wait_for_process(process, lambda: any(tmp_path.glob("*.voxtide-partial*")))
    process.send_signal(signal.SIGINT)
    assert process.wait(LIMIT_S) == 130
    assert sorted(os.listdir(tmp_path)) == ["pipe.wav"]


PRESSED = f"""\
import os, signal, sys
module, number = sys.argv.pop(1), signal.SIGINT
if "," in module:
    module, _, name = module.partition(",")
    number = signal.Signals[name]
def press(event, arguments):
    if event == "import" and arguments[0] == module:
        os.write(2, b"^C")
        os.kill(os.getpid(), number)
sys.addaudithook(press)
{MAIN}
"""
"""The program with Ctrl-C pressed just before it imports the module named by its first argument; "MODULE,SIGTERM"
stands for another signal."""


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("voxtide.cli.app", ["--help"]),  # the first import of `main`
        ("typer.main", ["--version"]),
        ("voxtide.errors", ["transcribe", "no.wav"]),
        ("voxtide.cli.models", ["models", "list"]),  # while the arguments are parsed
        ("numpy", ["transcribe", "no.wav"]),  # the command has begun
    ],
)
def test_ctrl_c_during_startup_is_silent(module: str, arguments: list[str]) -> None:
    command = [sys.executable, "-W", "error", "-c", PRESSED, module, *arguments]
    done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"^C")


def starting(module: str, *arguments: object) -> subprocess.Popen[bytes]:
    """The program that is sent a signal while it starts; see `PRESSED`."""
    command = [sys.executable, "-W", "error", "-c", PRESSED, module, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


LOADS = "voxtide.engines.scripted.engine"
"""Imported when the model is loaded."""

DEFERRED = b"^Cvoxtide: stopping; what was received is still transcribed. Ctrl-C again stops at once\n"


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_while_the_model_loads_loses_nothing_that_a_pipe_received(
    tmp_path: Path, name: str, code: int
) -> None:
    target = tmp_path / "notes.txt"
    with starting(f"{LOADS},{name}", *SCRIPTED, "-", "--encoding", "pcm_s16le", "-o", target) as process:
        assert process.stdin
        process.stdin.write(pcm(spoken("ever tried.", "no")))  # less than a pipe holds, and the pipe stays open
        process.stdin.flush()
        assert process.wait(LIMIT_S) == code
        assert process.stderr
        assert process.stderr.read().startswith(DEFERRED)
    assert (target.read_text(), os.listdir(tmp_path)) == ("ever tried.\nno\n", ["notes.txt"])


@pytest.mark.parametrize("pace", ["real", "fast"])
@pytest.mark.parametrize("raw", [["--encoding", "pcm_s16le"], []])
def test_a_signal_while_the_model_loads_does_not_wait_for_audio(tmp_path: Path, pace: str, raw: list[str]) -> None:
    with starting(LOADS, *SCRIPTED, "-", "--pace", pace, *raw, "-o", tmp_path / "notes.txt") as process:
        assert process.wait(LIMIT_S) == 130
        assert process.stderr
        assert process.stderr.read() == DEFERRED
    assert (tmp_path / "notes.txt").read_text() == ""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_while_the_model_loads_for_a_file_stops_at_once(
    tones: Tones, tmp_path: Path, name: str, code: int
) -> None:
    (tmp_path / "out").mkdir()
    with starting(
        f"{LOADS},{name}", *SCRIPTED, tones("talk.wav", "one"), "-o", tmp_path / "out" / "talk.txt"
    ) as process:
        assert process.wait(LIMIT_S) == code
        assert process.stdout
        assert process.stderr
        assert (process.stdout.read(), process.stderr.read()) == (b"", b"^C")
    assert os.listdir(tmp_path / "out") == []


def test_two_signals_while_the_model_loads_stop_at_once(tmp_path: Path) -> None:
    twice = PRESSED.replace("os.kill(os.getpid(), number)", "[os.kill(os.getpid(), number) for _ in range(2)]")
    command = [sys.executable, "-c", twice, LOADS, *SCRIPTED, "-", "-o", str(tmp_path / "notes.txt")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(pcm(spoken("ever tried.")))
        process.stdin.flush()
        assert process.wait(LIMIT_S) == 130
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("doc_format", ["txt", "jsonl", "live", "json"])
def test_a_closed_pipe_is_silent(spawn: Spawn, tones: Tones, doc_format: str) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    process = spawn(*SCRIPTED, tones("talk.wav", "ever tried."), "--format", doc_format, stdout=write_end)
    os.close(write_end)
    _, err = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, err) == (141, b"")


@pytest.mark.parametrize("environment", [{}, {"PYTHONUNBUFFERED": "1"}])
@pytest.mark.parametrize("arguments", [[*SCRIPTED, "talk.wav"], ["--help"]])
def test_a_full_disk_is_one_line(
    spawn: Spawn, tones: Tones, tmp_path: Path, arguments: list[str], environment: dict[str, str]
) -> None:
    tones("talk.wav", "ever tried.")
    with open("/dev/full", "w") as full:
        process = spawn(*arguments, stdout=full, cwd=tmp_path, env=os.environ | environment)
        _, err = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, err) == (1, b"voxtide: error: cannot write to stdout: No space left on device\n")


def test_a_closed_stdout_is_not_an_error(tones: Tones, tmp_path: Path) -> None:
    path = tones("talk.wav", "ever tried.")
    done = subprocess.run(
        [
            "bash",
            "-c",
            f'exec "{sys.executable}" -c "{MAIN}" transcribe -e scripted "{path}" -o "{tmp_path}/out.txt" >&-',
        ],
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out.txt").read_text() == "ever tried.\n"


def closing(arguments: str, redirection: str, directory: Path, data: bytes = b"") -> subprocess.CompletedProcess[str]:
    """Run a command in a shell that closes a stream."""
    return subprocess.run(
        ["bash", "-c", f'cat | exec "{sys.executable}" -W error -c "{MAIN}" {arguments} {redirection}'],
        input=data.decode("latin-1"),
        encoding="latin-1",
        capture_output=True,
        cwd=directory,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize("source", ["-", "talk.wav"])
@pytest.mark.parametrize("doc_format", ["txt", "json", "live"])
def test_the_text_of_a_closed_stdout_goes_to_a_file(tones: Tones, tmp_path: Path, source: str, doc_format: str) -> None:
    tones("talk.wav", "ever tried.")
    arguments = f"transcribe -e scripted {source} -f {doc_format}"
    done = closing(arguments, ">&-", tmp_path, (tmp_path / "talk.wav").read_bytes())
    (path,) = tmp_path.glob("voxtide-*")
    assert (done.returncode, done.stderr) == (141, f"voxtide: stdout is closed; the text goes to {path}\n")
    assert "ever tried." in path.read_text()


def test_no_file_takes_the_number_of_a_closed_stdout() -> None:
    """Libraries print to it."""
    opening = 'os.open(os.devnull, os.O_WRONLY); os.write(1, b"x")'
    script = f"import os, voxtide.cli; voxtide.cli._prepare_stdout(); {opening}"
    done = subprocess.run(
        ["bash", "-c", f"exec '{sys.executable}' -c '{script}' <&- >&-"],
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT_S,
        check=False,
    )
    assert done.stderr.endswith("OSError: [Errno 9] Bad file descriptor\n")


def test_other_commands_report_a_closed_stdout(tmp_path: Path) -> None:
    done = closing("--version", ">&-", tmp_path)
    assert (done.returncode, done.stderr) == (1, "voxtide: error: cannot write to stdout: it is closed\n")


@pytest.mark.parametrize(
    ("redirection", "state"),
    [("", "empty"), ("< /dev/null", "empty"), ("<&-", "closed; write the audio to it, or name a file")],
)
@pytest.mark.parametrize("encoding", ["", "--encoding pcm_s16le"])
def test_a_stdin_without_audio_is_an_error(tmp_path: Path, redirection: str, state: str, encoding: str) -> None:
    done = closing(f"transcribe -e scripted - {encoding}", redirection, tmp_path)
    assert (done.returncode, done.stderr) == (1, f"voxtide: error: stdin is {state}\n")


def test_output_is_utf8_in_any_locale(spawn: Spawn, tones: Tones) -> None:
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    out, _ = spawn(*SCRIPTED, tones("talk.wav", "déjà"), env=environment).communicate(timeout=LIMIT_S)
    assert out.decode("utf-8") == "déjà\n"


def test_debug_shows_the_traceback(spawn: Spawn) -> None:
    _, err = spawn("--debug", *SCRIPTED, "no.wav").communicate(timeout=LIMIT_S)
    assert b"SourceNotFoundError" in err
    assert b"Traceback" in err


OWN_TERMINAL = "import fcntl, termios; fcntl.ioctl(1, termios.TIOCSCTTY, 0); "
"""Makes the terminal the controlling terminal, so that Ctrl-C typed there becomes a signal."""


@contextmanager
def terminal_process(
    *arguments: object,
    columns: int = 60,
    num_rows: int = 12,
    environment: dict[str, str] | None = None,
    stdin: int | None = None,
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A process with a terminal as its standard streams, and the terminal's other end."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", num_rows, columns, 0, 0))
    command = [sys.executable, "-c", OWN_TERMINAL + MAIN, *map(str, arguments)]
    inherited = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "LINES"}}
    process = subprocess.Popen(
        command,
        stdin=theirs if stdin is None else stdin,
        stdout=theirs,
        stderr=theirs,
        env=inherited | {"TERM": "xterm"} | (environment or {}),
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_all(ours: int) -> str:
    """All output of the process."""
    data = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            return data.decode()
        if not piece:
            return data.decode()
        data += piece


def shown(output: str, columns: int = 60, num_rows: int = 12) -> list[str]:
    """The lines a terminal would show. The terminal driver turns each LF into CR LF."""
    terminal = Terminal(columns, num_rows)
    terminal.write(output.replace("\r\n", "\n"))
    return terminal.text


def test_the_live_view_on_a_terminal(tones: Tones) -> None:
    with terminal_process(*SCRIPTED, tones("talk.wav", "try", "fail")) as (process, ours):
        output = read_all(ours)
        assert process.wait(LIMIT_S) == 0
    lines = shown(output)
    assert lines[:2] == ["try", "fail"]
    assert re.fullmatch(r"\d\.\d s  [█░]{8}  scripted", lines[2])
    assert len(lines) == 3
    assert " ms" not in output
    assert "\x1b[2m" in output
    assert output.endswith("\x1b[?25h")


def test_the_live_view_shows_latencies_on_request(tones: Tones) -> None:
    with terminal_process(*SCRIPTED, tones("talk.wav", "try", "fail"), "--metrics") as (process, ours):
        lines = shown(read_all(ours))
        assert process.wait(LIMIT_S) == 0
    assert lines[:2] == ["try", "fail"]
    assert re.match(r"\d\.\d s  .*speech end to final \d+/\d+ ms$", lines[2])
    assert lines[3].startswith("voxtide: metrics of ")


def test_no_color_sends_no_styles(tones: Tones) -> None:
    with terminal_process(*SCRIPTED, tones("talk.wav", "no"), environment={"NO_COLOR": "1"}) as (_, ours):
        output = read_all(ours)
    assert not re.search(r"\x1b\[[0-9;]*m", output)
    assert shown(output)[0] == "no"


@pytest.mark.parametrize("doc_format", ["live", "txt"])
def test_a_dumb_terminal_gets_plain_lines(tones: Tones, doc_format: str) -> None:
    arguments = (*SCRIPTED, tones("talk.wav", "no"), "-f", doc_format)
    with terminal_process(*arguments, environment={"TERM": "dumb"}) as (_, ours):
        assert read_all(ours) == "no\r\n"


def test_the_progress_bar_does_not_overwrite_a_document_on_a_terminal(tones: Tones) -> None:
    with terminal_process(*SCRIPTED, tones("talk.wav", "no matter"), "-f", "txt") as (process, ours):
        output = read_all(ours)
        assert process.wait(LIMIT_S) == 0
    assert "no matter\r\n" in output


def test_ctrl_c_typed_on_the_terminal_keeps_the_text(tones: Tones) -> None:
    path = tones("talk.wav", "ever tried.", *["ever failed."] * 20)
    with terminal_process(*SCRIPTED, path) as (process, ours):
        output = ""
        while "ever" not in output:
            output += os.read(ours, 65536).decode()
        os.write(ours, b"\x03")
        output += read_all(ours)
        assert process.wait(LIMIT_S) == 130
    lines = shown(output.replace("^C", ""))
    assert lines[0].startswith("ever")
    assert lines[-1].endswith("scripted")
    assert output.endswith("\x1b[?25h")


def test_the_demo_on_a_terminal(tones: Tones) -> None:
    with terminal_process("demo", "-e", "scripted", "--pace", "fast", columns=90, num_rows=40) as (process, ours):
        lines = shown(read_all(ours), 90, 40)
        assert process.wait(LIMIT_S) == 0
    assert lines[0].startswith("A recording")
    assert "w1 w2 w3" in lines
    assert any(line.strip().startswith("first text") for line in lines)
