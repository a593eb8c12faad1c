"""Adapter for WhisperLiveKit: whisper_live_kit.py MODEL_DIR POLICY. In: audio on stdin. Out: text of one session.

Without its server: raw audio into one `AudioProcessor`. Both policies use faster-whisper: `localagreement` as it is,
`simulstreaming`, its default, for the encoder; the decoder runs in PyTorch with the same weights.
"""

from __future__ import annotations

import asyncio
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from adapter_io import BYTES_PER_SAMPLE, CHUNK_BYTES, SAMPLE_RATE_HZ, Output
from ctranslate2_decoder import alignment_heads, checkpoint, read_weights
from whisperlivekit import AudioProcessor, TranscriptionEngine


async def main(model_directory: str, policy: str) -> None:
    """Transcribe stdin."""
    output = Output()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    processor = AudioProcessor(transcription_engine=_engine(Path(model_directory), policy))
    results = await processor.create_tasks()
    output.ready()
    await asyncio.gather(_feed(reader, processor), _show(results, output))
    await processor.cleanup()


def _engine(directory: Path, policy: str) -> TranscriptionEngine:
    with TemporaryDirectory() as temporary:
        models: dict[str, str] = {"model_path": str(directory)}
        if policy == "simulstreaming":
            decoder = checkpoint(read_weights(directory))
            dims: Any = decoder["dims"]
            path = Path(temporary) / f"{directory.name}.pt"
            torch.save(decoder, path)
            models = {
                "encoder_model_path": str(directory),
                "decoder_model_path": str(path),
                "custom_alignment_heads": alignment_heads(directory, dims["n_text_layer"], dims["n_text_head"]),
            }
        with wave.open(f"{temporary}/quiet.wav", "wb") as quiet:
            quiet.setparams((1, BYTES_PER_SAMPLE, SAMPLE_RATE_HZ, 0, "NONE", ""))
            quiet.writeframes(bytes(SAMPLE_RATE_HZ * BYTES_PER_SAMPLE))
        return TranscriptionEngine(
            lan="en",
            backend="faster-whisper",
            backend_policy=policy,
            pcm_input=True,
            warmup_file=f"{temporary}/quiet.wav",  # its own is downloaded
            log_level="WARNING",
            **models,
        )


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
    asyncio.run(main(sys.argv[1], sys.argv[2]))
