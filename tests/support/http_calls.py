"""Requests to the HTTP endpoints over a real socket, and audio to post."""

from __future__ import annotations

import asyncio
import http.client
import io
import wave
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import numpy as np

from tests.support.serving import Answer, RunningServer, running
from voxtide.audio.encodings import Encoding, encode_pcm
from voxtide.engines.base import Engine
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine, speak
from voxtide.server.config import ServerConfig
from voxtide.server.http.endpoints import http_endpoints
from voxtide.types import SAMPLE_RATE_HZ, Samples

PATH = "/v1/audio/transcriptions"
BOUNDARY = "a-boundary"
ANSWER_S = 60.0
"""Timeout of a response, for a real model on two busy cores."""

MISTRAL = {"stream": "false", "diarize": "false"}
"""Fields that Mistral's SDK always sends."""


def scripted() -> Engine:
    return ScriptedEngine(ScriptedConfig(delay_ms=80))


@asynccontextmanager
async def files_server(
    config: ServerConfig | None = None,
    *,
    load: Callable[[], Engine] = scripted,
) -> AsyncIterator[RunningServer]:
    """A server with all HTTP endpoints."""
    async with running(config, load=load, endpoints=http_endpoints) as server:
        yield server


def wav(samples: Samples) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE_HZ)
        writer.writeframes(encode_pcm(samples, Encoding.PCM_S16LE))
    return file.getvalue()


def spoken(text: str) -> bytes:
    """A WAV file that the scripted engine transcribes as `text`."""
    return wav(speak(text))


def silence(audio_s: float) -> bytes:
    return wav(np.zeros(round(audio_s * SAMPLE_RATE_HZ), np.float32))


def form(fields: Sequence[tuple[str, str]], file: bytes | None = None, name: str = "talk.wav") -> bytes:
    """A multipart body."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields
    ]
    if file is not None:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        parts.append(head.encode() + file + b"\r\n")
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def transcribed(
    server: RunningServer,
    file: bytes | None,
    *more: tuple[str, str],
    headers: Mapping[str, str] | None = None,
    path: str = PATH,
    **fields: str,
) -> Answer:
    """Post a form with a file."""
    body = form([("model", "any"), *fields.items(), *more], file)
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return await call(server, "POST", path, body, kind | dict(headers or {}))


async def call(
    server: RunningServer, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    return await asyncio.to_thread(_call, server.port, method, path, body, headers or {})


def _call(port: int, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())
    finally:
        connection.close()
