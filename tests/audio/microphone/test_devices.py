"""The devices that record, with a fake of the module sounddevice."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from tests.support.fake_microphones import FakeLibrary
from tests.support.media_files import tone
from tests.support.waiting import wait_until
from voxtide.audio.microphone import InputDevice, MicrophoneSource, devices, list_devices
from voxtide.audio.microphone.devices import without_messages
from voxtide.errors import MissingExtraError, install_command


def test_only_devices_that_can_record_are_listed() -> None:
    assert list_devices(FakeLibrary()) == [
        InputDevice(0, "Headset", "ALSA", num_channels=1, sample_rate_hz=16_000, is_default=False),
        InputDevice(2, "USB Audio", "JACK", num_channels=8, sample_rate_hz=44_100, is_default=True),
    ]


def test_a_machine_without_microphones_has_an_empty_list() -> None:
    assert list_devices(FakeLibrary(devices=[], default_index=None)) == []


NOISY = """\
import os
os.write(2, b"ALSA lib pcm.c: Unknown PCM cards.pcm.rear\\n")
class PortAudioError(Exception): pass
def query_devices(device=None, kind=None):
    os.write(2, b"after\\n")
    if kind: raise PortAudioError
    return []
def query_hostapis(): return []
"""
"""The module sounddevice; PortAudio prints while it is imported."""


def test_messages_of_portaudio_are_logged_not_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sounddevice.py").write_text(NOISY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    caplog.set_level(logging.DEBUG, "voxtide.audio")
    assert list_devices() == []
    assert set(capfd.readouterr().err.split()) == {"after"}
    assert "PortAudio: ALSA lib pcm.c: Unknown PCM cards.pcm.rear" in caplog.text


def test_without_a_place_for_temporary_files_messages_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "sounddevice.py").write_text(NOISY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(devices, "TemporaryFile", partial(TemporaryFile, dir=tmp_path / "missing"))
    caplog.set_level(logging.DEBUG, "voxtide.audio")
    assert list_devices() == []
    assert set(capfd.readouterr().err.split()) == {"after"}
    assert "PortAudio's messages are dropped: [Errno 2]" in caplog.text


async def test_without_a_place_for_temporary_files_a_microphone_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "TemporaryFile", partial(TemporaryFile, dir="/missing"))
    library = FakeLibrary()
    async with MicrophoneSource(0, chunk_ms=20, library=library) as source:
        library.streams[0].record(tone(0.02))
        assert (await source.read()) is not None


def test_threads_redirect_messages_one_after_the_other() -> None:
    def other() -> None:
        with without_messages():
            is_in.set()
            may_leave.wait(60)

    stderr = os.fstat(2)
    is_in, may_leave = threading.Event(), threading.Event()
    thread = threading.Thread(target=other)
    with without_messages():
        thread.start()
        assert not is_in.wait(0.05)
    may_leave.set()
    thread.join()
    assert os.fstat(2) == stderr


def test_a_call_that_hangs_does_not_hide_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "MAX_HIDDEN_S", 0.01)
    stderr = os.fstat(2)
    with without_messages():
        wait_until(lambda: os.fstat(2) == stderr)
    assert os.fstat(2) == stderr


def test_without_a_thread_for_the_limit_messages_are_hidden_and_shown_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    stderr = os.fstat(2)
    with without_messages():
        assert os.fstat(2) != stderr
    assert os.fstat(2) == stderr


@pytest.mark.parametrize("use", [list_devices, lambda: asyncio.run(MicrophoneSource(chunk_ms=20).open())])
def test_without_the_extra_the_error_names_it(use: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MissingExtraError, match=re.escape(install_command("mic"))):
        use()


def test_without_portaudio_the_error_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(MissingExtraError, match="'PortAudio'.*apt-get install libportaudio2.*brew install portaudio"):
        list_devices()
