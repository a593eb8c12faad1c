"""The raw client against a server in this process, and the load of paced sessions."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from tests.support.waiting import until
from voxtide.bench.figures.server import ServerLoad, talk
from voxtide.bench.load.paced import text_chunks
from voxtide.bench.load.raw_client import CHUNK_SAMPLES, END, FLUSH, RawClient, framed_audio, framed_chunks
from voxtide.bench.load.serving import Served, serving
from voxtide.engines.scripted import speak
from voxtide.errors import VoxtideError


async def test_a_raw_client_gets_the_text_of_its_audio() -> None:
    messages: list[dict[str, str]] = []
    async with serving(Served()) as server:
        client = await RawClient.open(server.port, lambda text: messages.append(json.loads(text)))
        for frame in (
            *framed_chunks(speak("who built the white tower")),
            framed_audio(np.zeros(800, np.float32)),
            FLUSH,
        ):
            client.send(frame)
        await until(lambda: bool(messages) and messages[-1]["type"] == "transcription.done")
        assert messages[-1]["text"].startswith("who built the white")
        assert (await server.holdings()).num_sessions == 1
        client.send(END)
        await until(lambda: client.is_lost)


async def test_a_refused_handshake_raises() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        with pytest.raises(VoxtideError, match="503"):
            await RawClient.open(server.sockets[0].getsockname()[1], lambda text: None)


def test_text_chunks_are_found_with_the_engine_alone() -> None:
    chunks = text_chunks(talk())
    assert len(chunks) == 5
    assert chunks == sorted(chunks)
    assert chunks[-1] < len(talk()) // CHUNK_SAMPLES


def test_a_load_is_sustained_up_to_the_limit() -> None:
    load = ServerLoad(600, 2.0, 20.0, 1.0, 0.7)
    assert load.is_sustained
    assert not ServerLoad(600, 2.0, 20.1, 1.0, 0.7).is_sustained
