from __future__ import annotations

import asyncio
import re
import time

import pytest

from tests.support.spoken import Voxtide
from voxtide.audio.pacing import paced
from voxtide.audio.source import AudioSource
from voxtide.cli.transcribe import command as transcribe

SPEED = 10
"""The recording is played this many times faster than real time."""


def test_the_demo_explains_itself_and_flushes_at_each_pause(voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch) -> None:
    def accelerated(source: AudioSource) -> AudioSource:
        return paced(
            source,
            clock=lambda: time.monotonic() * SPEED,
            sleep=lambda duration_s: asyncio.sleep(duration_s / SPEED),
        )

    monkeypatch.setattr(transcribe, "paced", accelerated)
    result = voxtide("demo", "--engine", "scripted")
    assert result.exit_code == 0
    assert result.stdout.startswith("A recording")
    lines = result.stdout.splitlines()
    marks = [
        number for number, line in enumerate(lines) if re.fullmatch(r"-- flushed: final \d+ ms after the flush", line)
    ]
    assert len(marks) == 6  # the recording has six sentences
    assert lines[marks[0] - 1] == "w1 w2 w3"
    assert re.search(r"flush +p50 \d+ ms", result.stderr)


def test_the_longer_recording_at_fast_pace(voxtide: Voxtide) -> None:
    result = voxtide("demo", "--engine", "scripted", "--recording", "two_cities", "--pace", "fast")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) > 10


@pytest.mark.parametrize("arguments", [("--recording", "hamlet"), ("--pace", "slow"), ("--engine", "scriptd")])
def test_an_invalid_option_is_a_usage_error(voxtide: Voxtide, arguments: tuple[str, str]) -> None:
    assert voxtide("demo", *arguments).exit_code == 2
