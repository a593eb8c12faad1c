"""Adapter for RealtimeSTT: realtime_stt.py MODEL_DIR. In: audio on stdin. Out: text.

The library's defaults, with realtime text from the main model, so that both are of the same Whisper. An utterance ends
after its default of 0.6 s of silence. An error in any of its threads ends the adapter: without that thread, text would
be missing as if nothing had been recognised.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import traceback
import types
from typing import Any

from adapter_io import Output, audio

IDLE_S, LOOK_S = 0.5, 0.05
"""Idle for so long after the last audio: no utterance is recorded or transcribed any more."""


def main(model_directory: str) -> None:
    """Transcribe stdin."""
    output = Output()
    threading.excepthook = _end
    # Imported with the library, but used for microphones only.
    sys.modules["pyaudio"] = types.SimpleNamespace(paInt16=8, PyAudio=None)
    from RealtimeSTT import AudioToTextRecorder

    recorder = AudioToTextRecorder(
        model=model_directory,
        language="en",
        device="cpu",
        compute_type="int8",
        use_microphone=False,
        spinner=False,
        no_log_file=True,
        enable_realtime_transcription=True,
        use_main_model_for_realtime=True,
        on_realtime_transcription_update=output.interim,
    )
    threading.Thread(target=_finals, args=(recorder, output), daemon=True).start()
    output.ready()
    for piece in audio():
        recorder.feed_audio(piece)
    recorder.flush_audio_input()
    recorder.drain_audio_input()
    if recorder.is_recording:
        recorder.stop()
    _wait_until_idle(recorder)
    os._exit(0)  # its shutdown waits for threads that wait for audio


def _end(error: threading.ExceptHookArgs) -> None:
    """Report the error of a thread, and end with it."""
    traceback.print_exception(error.exc_value)  # the default hook is silent about SystemExit
    sys.stderr.flush()
    os._exit(1)


def _finals(recorder: Any, output: Output) -> None:
    """Show each utterance; `text` waits for the next one."""
    while True:
        output.final_line(recorder.text())


def _wait_until_idle(recorder: Any) -> None:
    """Wait until no utterance is left. The driver ends this process if that takes too long."""
    idle_s = 0.0
    while idle_s < IDLE_S:
        time.sleep(LOOK_S)
        is_idle = recorder.state in ("listening", "inactive") and not recorder.is_recording
        idle_s = idle_s + LOOK_S if is_idle else 0.0


if __name__ == "__main__":
    main(sys.argv[1])
