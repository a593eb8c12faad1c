"""Live servers for the real clients, started by `voxtide serve`, and the audio that clients send."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import soxr

from tests.support.conformance_clients import FIRST, SECOND, SPEECH_S, LiveServer
from tests.support.pulled_models import between, model_directory, recording
from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.engines.scripted import speak
from voxtide.types import SAMPLE_RATE_HZ, Samples

KEY = "a-key-of-the-tests"

STOPPED_BY_SIGTERM = 128 + signal.SIGTERM
END_S = 30.0
"""A server without connections stops within this time, on two busy cores."""

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Less than OpenAI's limit: a client refused in the middle of 20 MiB would fail on its own unsent bytes."""


@pytest.fixture(scope="package")
def audio_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The utterances in the drivers' formats."""
    directory = tmp_path_factory.mktemp("audio")
    speech = between(recording("beckett.wav"), 0.0, SPEECH_S)
    for name, samples in (("first", speak(FIRST)), ("second", speak(SECOND)), ("speech", speech)):
        pcm = encode_pcm(samples, Encoding.PCM_S16LE)
        (directory / f"{name}.pcm").write_bytes(pcm)
        (directory / f"{name}.24k").write_bytes(encode_pcm(resampled(samples, 24_000), Encoding.PCM_S16LE))
        (directory / f"{name}.mulaw").write_bytes(encode_pcm(resampled(samples, 8_000), Encoding.PCM_MULAW))
        with wave.open(str(directory / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, SAMPLE_RATE_HZ, 0, "NONE", "not compressed"))
            file.writeframes(pcm)
    return directory


def resampled(samples: Samples, rate_hz: int) -> Samples:
    return soxr.resample(samples, SAMPLE_RATE_HZ, rate_hz)


@pytest.fixture(scope="package")
def server(audio_dir: Path) -> Iterator[LiveServer]:
    """A server with a key that transcribes coded tones."""
    with serving(audio_dir, "--engine", "scripted") as live:
        yield live


@pytest.fixture(scope="package")
def speech_server(audio_dir: Path) -> Iterator[LiveServer]:
    """A server with a key that transcribes English."""
    model_directory("moonshine-tiny-en"), model_directory("silero-vad")
    with serving(audio_dir, "--engine", "moonshine") as live:
        yield live


@contextmanager
def serving(audio_dir: Path, *arguments: str) -> Iterator[LiveServer]:
    """`voxtide serve` on a free port. Asserts that it stops on SIGTERM."""
    if sys.platform == "win32":
        pytest.skip("the clients are set up by a script for Linux and macOS")
    command = [Path(sys.executable).with_name("voxtide"), "serve", "--port", "0", "--capacity", "100"]
    command += ["--max-message-bytes", str(MAX_MESSAGE_BYTES), *arguments]
    log = audio_dir / "serve.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            command, env={**os.environ, "VOXTIDE_KEYS": KEY}, stdout=subprocess.PIPE, stderr=stderr, text=True
        )
    assert process.stdout is not None
    try:
        addresses = (re.search(r"http://127\.0\.0\.1:\d+", line) for line in process.stdout)
        address = next(filter(None, addresses), None)
        assert address is not None, log.read_text("utf-8")
        yield LiveServer(address[0], KEY, audio_dir)
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_S) == STOPPED_BY_SIGTERM, log.read_text("utf-8")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
