"""Adapter for voxtide: voxtide_engine.py MODEL_DIR ENGINE. In: audio on stdin. Out: text of one live stream.

Uses the public Python API, with the default model of the engine and the defaults of a live stream.
"""

from __future__ import annotations

import asyncio
import sys

from adapter_io import CHUNK_BYTES, Output

import voxtide
from voxtide.audio.encodings import Encoding, PcmDecoder


async def main(engine_name: str) -> None:
    """Transcribe stdin."""
    output = Output()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    options = voxtide.StreamOptions(pace="live")
    async with voxtide.open_engine(engine_name) as engine, engine.open(options) as stream:
        output.ready()
        await asyncio.gather(_feed(reader, stream), _show(stream, output))


async def _feed(reader: asyncio.StreamReader, stream: voxtide.EngineStream) -> None:
    decoder = PcmDecoder(Encoding.PCM_S16LE)
    while piece := await reader.read(CHUNK_BYTES):
        await stream.feed(decoder.feed(piece))
    await stream.finish()


async def _show(stream: voxtide.EngineStream, output: Output) -> None:
    async for event in stream:
        match event:
            case voxtide.Delta(text):
                output.final(text)
            case voxtide.Interim(text):
                output.interim(text)
            case _:
                pass


if __name__ == "__main__":
    asyncio.run(main(sys.argv[2]))
