"""The remote engine: its info, against a real voxtide server, and behind a gateway."""

from __future__ import annotations

import asyncio
import logging

import numpy as np
import pytest

from tests.support.live_servers import voxtide_server
from tests.support.stream_runs import read
from voxtide.client.config import ClientConfig
from voxtide.client.transport.replay_buffer import MAX_UTTERANCES
from voxtide.engines.base import Engine
from voxtide.engines.registry import load_engine
from voxtide.engines.remote import MAX_PHRASE_CHARS, RemoteEngine
from voxtide.engines.scripted import speak
from voxtide.errors import CapacityError, ConfigError, ConnectionFailedError, UnsupportedOptionError
from voxtide.transcript.events import (
    Delta,
    Flushed,
    Interim,
    LanguageDetected,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    TranscriptEvent,
)
from voxtide.types import StreamOptions

PAUSE = np.zeros(12_800, np.float32)
CONFIG = ClientConfig(reconnect_s=1.0)


async def transcribe(engine: Engine, options: StreamOptions | None = None) -> list[TranscriptEvent]:
    async with engine.open(options) as stream:
        reading = asyncio.create_task(read(stream))
        samples = np.concatenate([speak("to be"), PAUSE])
        for start in range(0, len(samples), 1280):
            await stream.feed(samples[start : start + 1280])
            await asyncio.sleep(0.005)  # audio sent at once gets no interim text
        await stream.flush()
        await stream.finish()
        return await reading


async def test_every_event_of_a_voxtide_server_arrives() -> None:
    async with voxtide_server() as url, RemoteEngine(url, config=CONFIG) as engine:
        events = await transcribe(engine)
        kinds = {Delta, Interim, LanguageDetected, SegmentEnded, SpeechStarted, SpeechStopped, Flushed}
        assert {type(event) for event in events} >= kinds
        assert engine.info.model == "tones"
        assert engine.info.is_revising
        assert not any(isinstance(it, Interim) for it in await transcribe(engine, StreamOptions(interim=False)))


async def test_a_gateway_changes_nothing() -> None:
    """client -> voxtide with the remote engine -> voxtide with the scripted engine."""
    async with voxtide_server() as url:
        direct = await _transcribed(url)
        async with voxtide_server(lambda: RemoteEngine(url, config=CONFIG)) as gateway_url:
            via_gateway = await _transcribed(gateway_url)
    keep = (SegmentEnded, Flushed, SpeechStarted, SpeechStopped, LanguageDetected)
    assert [event for event in via_gateway if isinstance(event, keep)] == [
        event for event in direct if isinstance(event, keep)
    ]
    assert [event.text for event in via_gateway if isinstance(event, Flushed)] == ["to be"]


@pytest.mark.parametrize("prompt", ["moat", "moat " * 99, "守" * 999])
async def test_a_server_accepts_what_fits_of_a_prompt(prompt: str) -> None:
    async with voxtide_server() as url, RemoteEngine(url, config=CONFIG) as engine:
        kept = engine.fit_prompt(prompt)
        assert kept
        assert prompt.strip().endswith(kept)
        assert len(kept) > MAX_PHRASE_CHARS - 10 or kept == prompt
        assert await transcribe(engine, StreamOptions(vocabulary=(kept,)))


@pytest.mark.parametrize("gap", [" ", "\n", "\n\t "])
def test_a_whole_word_of_a_prompt_that_fits_is_kept(gap: str) -> None:
    last = f"moat{gap}{'x' * (MAX_PHRASE_CHARS - 4 - len(gap))}"
    fit_prompt = RemoteEngine("http://127.0.0.1:1", config=CONFIG).fit_prompt
    assert fit_prompt(f"the{gap}{last}") == last
    assert fit_prompt(f"the{gap}a{last}") == last.split()[-1]
    assert fit_prompt("x" * 999 + gap) == "x" * (MAX_PHRASE_CHARS + 1 - len(gap))


async def test_a_full_server_raises_capacity_error() -> None:
    async with voxtide_server(capacity=1) as url, RemoteEngine(url, config=CONFIG) as engine, engine.open():
        with pytest.raises(CapacityError, match="HTTP 503"):
            await engine.open().__aenter__()
        assert engine.num_open_streams == 1


async def test_unsupported_options_are_named() -> None:
    async with voxtide_server() as url, RemoteEngine(url, config=CONFIG) as engine:
        with pytest.raises(UnsupportedOptionError, match="81 ms"):
            await engine.open(StreamOptions(delay_ms=81)).__aenter__()
        with pytest.raises(UnsupportedOptionError, match="'xx'"):
            await engine.open(StreamOptions(language="xx")).__aenter__()
        assert engine.num_open_streams == 0


async def test_flushes_wait_while_too_many_are_unanswered() -> None:
    num_repeats = MAX_UTTERANCES
    async with voxtide_server() as url, RemoteEngine(url, config=CONFIG) as engine, engine.open() as stream:

        async def flush_often() -> None:
            for _ in range(num_repeats):
                await stream.feed(PAUSE[:1])
                await stream.flush()
                await stream.flush()

        flushing = asyncio.create_task(flush_often())
        done, _ = await asyncio.wait({flushing}, timeout=1.0)
        assert not done, "no events are read"
        reading = asyncio.create_task(read(stream))
        await flushing
        await stream.finish()
        assert sum(isinstance(event, Flushed) for event in await reading) == 2 * num_repeats


async def test_a_lost_connection_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with voxtide_server() as url:
        engine = RemoteEngine(url, config=ClientConfig(reconnect_s=0.1))
        stream = engine.open()
        await stream.__aenter__()
    with caplog.at_level(logging.WARNING, "voxtide.engines"):
        await stream.feed(speak("to be"))
        with pytest.raises(ConnectionFailedError):
            await read(stream)
    assert "engine remote lost its connection: http://127.0.0.1" in caplog.text
    await stream.close()
    await engine.close()


async def test_info_and_invalid_arguments() -> None:
    cloud = load_engine("remote", api_key="k")
    assert (cloud.info.name, cloud.info.model) == ("remote", "voxtral-mini-transcribe-realtime-latest")
    assert load_engine("remote", server="http://h").info.model == "default"
    assert load_engine("remote", server="http://h", model="m").info.model == "m"
    for arguments in ({"server": "h"}, {"api_key": "a b"}, {"max_streams": 0}):
        with pytest.raises(ConfigError):
            load_engine("remote", **arguments)  # type: ignore[arg-type]  # the point
    with pytest.raises(ConfigError, match=r"needs an API key: .* --api-key, or MISTRAL_API_KEY .* another server"):
        load_engine("remote")
    with pytest.raises(ConfigError, match="runs on this machine; use a server or a key with engine remote or vllm"):
        load_engine("scripted", server="http://h")


async def _transcribed(url: str) -> list[TranscriptEvent]:
    async with RemoteEngine(url, config=CONFIG) as engine:
        return await transcribe(engine)
