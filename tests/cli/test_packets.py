"""No packet leaves the machine, and no file appears in the home directory, unless the user asked for it.

Each command runs in its own process, with an environment in which no library takes the run for a test.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias
from urllib.request import Request, urlopen

import pytest

from tests.support.pulled_models import model_directory
from tests.support.source_tree import PACKAGE
from tests.support.spoken import MAIN

SPEECH = PACKAGE / "data" / "beckett.wav"
KEPT_VARIABLES = ("PATH", "PYTHONPATH", "SYSTEMROOT")
LIMIT_S = 90
"""Timeout, far longer than any of these tests takes."""

Run: TypeAlias = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home directory, which must be as empty at the end as it is now."""
    path = tmp_path / "home"
    path.mkdir()
    yield path
    assert [str(found.relative_to(path)) for found in path.rglob("*")] == []


@pytest.fixture
def run(home: Path) -> Iterator[Run]:
    """Starts a command that may download nothing, as the arguments of `tracer` if there is one."""
    own = {"HOME": str(home), "VOXTIDE_OFFLINE": "1", "VOXTIDE_MODELS": str(model_directory("silero-vad").parent)}
    environ = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ} | own
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object, tracer: list[str] | None = None) -> subprocess.Popen[bytes]:
        command = [*(tracer or ()), sys.executable, "-c", MAIN, *map(str, arguments)]
        pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
        started.append(subprocess.Popen(command, env=environ, start_new_session=True, **pipes))  # type: ignore[call-overload]  # Popen's own
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[list[str]]:
    """A command line that records the system calls of the command after it. No Internet address may be among them.

    A name look-up is a packet to port 53, and an upload begins with one.
    """
    strace = shutil.which("strace")
    calls = tmp_path / "calls"
    if strace is None or subprocess.run([strace, "-f", "-o", calls, "true"], capture_output=True).returncode:
        pytest.skip("strace is not installed, or may not trace")
    yield [strace, "-f", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(calls)]
    text = calls.read_text(errors="replace")
    assert "exited with" in text
    assert re.findall(r".*\bAF_INET6?\b.*", text) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("transcribe", SPEECH),
        ("demo",),  # 10 s, longer than onnxruntime waits before its first upload
        pytest.param(("transcribe", SPEECH, "--engine", "whisper", "-m", "whisper-tiny.en"), marks=pytest.mark.whisper),
    ],
    ids=["transcribe", "demo", "whisper"],
)
def test_a_command_sends_nothing(run: Run, traced: list[str], arguments: tuple[object, ...]) -> None:
    process = run(*arguments, tracer=traced)
    out, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, err
    assert b"better" in out.lower()  # the last word; in real time, a busy machine may understand another before it


def test_a_server_sends_nothing_but_answers(run: Run, traced: list[str]) -> None:
    process = run("serve", "--port", "0", tracer=traced)
    assert process.stdout
    address = next(found[0].decode() for line in process.stdout if (found := re.search(rb"http://\S+(?=/v1)", line)))
    audio = SPEECH.read_bytes()
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n%b\r\n--b--\r\n' % audio
    request = Request(f"{address}/v1/audio/transcriptions", body, {"Content-Type": "multipart/form-data; boundary=b"})
    with urlopen(request, timeout=LIMIT_S) as answer:
        assert b"Fail better" in answer.read()
    os.killpg(process.pid, signal.SIGINT)  # strace itself ignores it
    process.communicate(timeout=LIMIT_S)


def test_without_strace_nothing_is_kept_either(run: Run) -> None:
    process = run("transcribe", SPEECH)
    _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, err
