"""Adapter for faster-whisper in chunks: faster_whisper_chunks.py MODEL_DIR CHUNK_S. In: audio on stdin. Out: text.

The way of a program without streaming: record some seconds, transcribe them, show the text, take what was recorded
meanwhile. No audio is dropped. Options are faster-whisper's defaults, with int8 weights as usual on a CPU.
"""

from __future__ import annotations

import sys

import numpy as np
from adapter_io import BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, Output, audio
from faster_whisper import WhisperModel


def main(model_directory: str, chunk_s: float) -> None:
    """Transcribe stdin."""
    output = Output()
    model = WhisperModel(model_directory, device="cpu", compute_type="int8", local_files_only=True)
    _text(model, bytes(SAMPLE_RATE_HZ * BYTES_PER_SAMPLE))  # the first call is slower
    output.ready()
    for chunk in audio(round(chunk_s * SAMPLE_RATE_HZ) * BYTES_PER_SAMPLE):
        output.final_line(_text(model, chunk))


def _text(model: WhisperModel, pcm: bytes) -> str:
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    segments, _ = model.transcribe(samples, language="en")
    return "".join(segment.text for segment in segments)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
