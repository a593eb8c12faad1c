"""Recordings that the scripted engine transcribes, and fixtures that run commands."""

from __future__ import annotations

import logging
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.support.spoken import MAIN, Spawn, Tones, Voxtide, pcm, spoken
from voxtide.cli.app import app
from voxtide.types import SAMPLE_RATE_HZ


@pytest.fixture
def tones(tmp_path: Path) -> Tones:
    """Writes a WAV file that the scripted engine transcribes as the given sentences."""

    def write(name: str, *sentences: str) -> Path:
        path = tmp_path / name
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            file.writeframes(pcm(spoken(*sentences)))
        return path

    return write


@pytest.fixture
def voxtide() -> Voxtide:
    """Runs a command in this process. Its logging ends with it: the stderr that it logs to is closed afterwards."""

    def run(*arguments: object, **options: object) -> Result:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(logging.getLogger(), "handlers", [*logging.getLogger().handlers])
            return CliRunner().invoke(app, [str(argument) for argument in arguments], **options)  # type: ignore[arg-type]  # CliRunner's own

    return run


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Starts a command in its own process, killed at the end of the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-W", "error", "-c", MAIN, *map(str, arguments)]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        process = subprocess.Popen(command, **{**pipes, **options})  # type: ignore[call-overload]  # Popen's own
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()
