"""Adapter for Moonshine's own library: moonshine_native.py MODEL_DIR. In: audio on stdin. Out: text of one stream.

The library's defaults: an update each 0.5 s, or as often as its last one took. A line is final when it is completed.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from adapter_io import SAMPLE_RATE_HZ, Output, audio
from moonshine_voice import ModelArch, Transcriber, TranscriptEventListener


class Lines(TranscriptEventListener):
    """Shows lines. Those that are not complete are interim, in their order."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._open: dict[int, str] = {}

    def on_line_text_changed(self, event: Any) -> None:
        if not event.line.is_complete:
            self._open[event.line.line_id] = event.line.text
            self._output.interim(" ".join(self._open.values()))

    def on_line_completed(self, event: Any) -> None:
        self._open.pop(event.line.line_id, None)
        self._output.final_line(event.line.text)
        self._output.interim(" ".join(self._open.values()))

    def on_error(self, event: Any) -> None:
        raise SystemExit(f"moonshine-voice: {event.error}")


def main(model_directory: str) -> None:
    """Transcribe stdin."""
    output = Output()
    transcriber = Transcriber(model_directory, ModelArch.TINY)
    stream = transcriber.create_stream()
    stream.add_listener(Lines(output))
    stream.start()
    output.ready()
    for piece in audio():
        stream.add_audio((np.frombuffer(piece, "<i2") / 32768).tolist(), SAMPLE_RATE_HZ)
    stream.stop()


if __name__ == "__main__":
    main(sys.argv[1])
