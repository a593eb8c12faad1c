from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.support.spoken import Voxtide
from tests.support.terminal import Terminal
from voxtide.audio.microphone import InputDevice
from voxtide.audio.source import AudioSource
from voxtide.cli import devices
from voxtide.errors import SourceNotFoundError
from voxtide.types import Samples

FOUND = [
    InputDevice(0, "Built-in", "ALSA", 2, 48_000, is_default=False),
    InputDevice(7, "USB Microphone", "ALSA", 1, 44_100, is_default=True),
]


class Loud(AudioSource):
    """A microphone at a constant level, interrupted by Ctrl-C."""

    num_chunks = 0

    async def open(self) -> None:
        pass

    async def read(self) -> Samples | None:
        await asyncio.sleep(0)
        self.num_chunks += 1
        if self.num_chunks == 12:
            os.kill(os.getpid(), signal.SIGINT)
            self.num_chunks = 0
        return np.full(1600, 0.1, np.float32)

    async def close(self) -> None:
        pass


def test_microphones_are_listed_with_the_default_marked(voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "list_devices", lambda: FOUND)
    lines = voxtide("devices").stdout.splitlines()
    assert lines == [
        "    0  Built-in  (ALSA, 2 channels, 48000 Hz)",
        "*   7  USB Microphone  (ALSA, 1 channels, 44100 Hz)",
    ]


def test_no_microphone_is_reported_without_failure(voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "list_devices", list)
    result = voxtide("devices")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "voxtide: no microphone found\n")


def test_the_meter_prints_the_level_until_ctrl_c(voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch) -> None:
    requested = {}

    def open_source(spec: str, *, device: str, chunk_ms: int) -> AudioSource:
        requested.update(spec=spec, device=device)
        return Loud("microphone", chunk_ms=chunk_ms)

    monkeypatch.setattr(devices, "open_source", open_source)
    result = voxtide("devices", "--meter", "--microphone", "USB")
    assert requested == {"spec": "mic", "device": "USB"}
    assert result.exit_code == 130
    assert set(result.stdout.splitlines()) == {"-20.0 dB"}


def test_the_meter_on_a_terminal_is_one_row_and_restores_the_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(columns=40)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(devices, "open_source", lambda *_, chunk_ms, **__: Loud("microphone", chunk_ms=chunk_ms))
    monkeypatch.setattr(devices.sys, "stdout", terminal)
    assert devices.devices(is_metering=True, device=None, is_on_terminal=True) == 130
    (row,) = terminal.text
    assert row.startswith(" -20.0 dB ████")
    assert terminal.is_cursor_shown


def test_a_missing_microphone_is_one_line(voxtide: Voxtide, monkeypatch: pytest.MonkeyPatch) -> None:
    def open_source(*arguments: object, **options: object) -> None:
        raise SourceNotFoundError("there is no microphone 9")

    monkeypatch.setattr(devices, "open_source", open_source)
    result = voxtide("devices", "--meter", "--microphone", "9")
    assert (result.exit_code, result.stderr) == (1, "voxtide: error: there is no microphone 9\n")


@pytest.mark.parametrize("missing", ["raise ImportError", "raise OSError('PortAudio library not found')"])
@pytest.mark.parametrize(
    "command", [["devices"], ["devices", "--meter"], ["transcribe", "mic", "-e", "scripted"]], ids=" ".join
)
def test_a_missing_microphone_package_is_one_line_and_exit_code_3(
    voxtide: Voxtide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], missing: str
) -> None:
    (tmp_path / "sounddevice.py").write_text(missing)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    result = voxtide(*command)
    assert result.exit_code == 3
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("voxtide: error: the microphone needs the package")
