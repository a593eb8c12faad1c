"""Adapter for WhisperLiveKit: whisper_live_kit.py MODEL_DIR. In: audio on stdin. Out: text of one session.

Without its server: raw audio into one `AudioProcessor`. Its policy is local agreement on faster-whisper; the default
policy (simulstreaming) needs the PyTorch weights too, which voxtide's store does not have.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
from adapter_io import CHUNK_BYTES, SAMPLE_RATE_HZ, Output
from whisperlivekit import AudioProcessor, TranscriptionEngine


async def main(model_directory: str) -> None:
    """Transcribe stdin."""
    output = Output()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    engine = TranscriptionEngine(
        model_path=model_directory,
        lan="en",
        backend="faster-whisper",
        backend_policy="localagreement",
        pcm_input=True,
        warmup_file="",  # its own is downloaded
        log_level="WARNING",
    )
    engine.asr.transcribe(np.zeros(SAMPLE_RATE_HZ, np.float32))  # the first call is slower
    processor = AudioProcessor(transcription_engine=engine)
    results = await processor.create_tasks()
    output.ready()
    await asyncio.gather(_feed(reader, processor), _show(results, output))
    await processor.cleanup()


async def _feed(reader: asyncio.StreamReader, processor: AudioProcessor) -> None:
    while piece := await reader.read(CHUNK_BYTES):
        await processor.process_audio(piece)
    await processor.process_audio(b"")  # the end


async def _show(results: AsyncIterator[Any], output: Output) -> None:
    """Each result has all committed lines, and the text after them."""
    final = ""
    async for result in results:
        if result.error:
            raise SystemExit(f"whisperlivekit: {result.error}")
        committed = " ".join(line.text.strip() for line in result.lines if line.text)
        if not committed.startswith(final):
            raise SystemExit(f"whisperlivekit took back committed text: {final!r} became {committed!r}")
        output.final(committed[len(final) :])
        output.interim(result.buffer_transcription)
        final = committed


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
