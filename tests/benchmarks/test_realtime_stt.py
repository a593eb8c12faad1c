"""The adapter of RealtimeSTT with a fake library: its text, and the errors of its threads."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.playing import PeerPlay, play_peer
from tests.support.source_tree import ROOT
from voxtide.errors import VoxtideError
from voxtide.transcript.events import Delta, Interim
from voxtide.types import SAMPLE_RATE_HZ

LIBRARY = """
import queue, threading


class AudioToTextRecorder:
    is_recording = False

    def __init__(self, *, model, on_realtime_transcription_update, **_):
        assert model == "the model"
        self.show = on_realtime_transcription_update
        self.texts = queue.Queue()
        self.state = "listening"
        self.num_bytes = 0

    def feed_audio(self, audio):
        self.num_bytes += len(audio)
        self.show(f"{self.num_bytes} bytes")

    def flush_audio_input(self):
        self.state = "transcribing"
        self.texts.put(f"{self.num_bytes} bytes.")

    def drain_audio_input(self):
        pass

    def text(self):
        text = self.texts.get()
        self.state = "listening"
        return text
"""


async def play(tmp_path: Path, library: str) -> PeerPlay:
    (tmp_path / "RealtimeSTT.py").write_text(library, "utf-8")
    command = [sys.executable, str(ROOT / "benchmarks" / "adapters" / "realtime_stt.py"), "the model"]
    return await play_peer(
        command, np.zeros(SAMPLE_RATE_HZ // 20, np.float32), extra_environment={"PYTHONPATH": str(tmp_path)}
    )


async def test_interim_and_final_texts_are_reported(tmp_path: Path) -> None:
    events = [one.event for one in (await play(tmp_path, LIBRARY)).events]
    shown = [Interim(f"{size} bytes", audio_s=0.0) for size in (640, 1280, 1600)]
    assert events == [*shown, Delta(" 1600 bytes.", audio_s=0.0)]


async def test_an_utterance_that_cannot_be_transcribed_ends_the_adapter_with_the_error(tmp_path: Path) -> None:
    library = LIBRARY.replace("return text", "raise RuntimeError('out of memory')")
    with pytest.raises(VoxtideError, match=r"(?s)exit code 1; its last lines:.*RuntimeError: out of memory$"):
        await play(tmp_path, library)


@pytest.mark.parametrize("error", ["RuntimeError('no voice detection')", "SystemExit('no voice detection')"])
async def test_so_does_a_thread_of_the_library(tmp_path: Path, error: str) -> None:
    """It records, for example; without it, `text` would wait until the adapter is cut off."""
    thread = f"def work(): raise {error}\n        threading.Thread(target=work, daemon=True).start()"
    library = LIBRARY.replace('self.state = "transcribing"', f'self.state = "transcribing"\n        {thread}')
    library = library.replace("self.texts.put", "str")
    with pytest.raises(VoxtideError, match=r"(?s)exit code 1; its last lines:.*no voice detection"):
        await play(tmp_path, library)
