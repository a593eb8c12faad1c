"""The vLLM engine with a server that follows vLLM's rules, and with one that fails like vLLM."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from tests.support.stream_runs import read
from tests.support.vllm_server import MODEL, VllmServer, serving_vllm
from voxtide.client.config import ClientConfig
from voxtide.engines.base import EngineStream
from voxtide.engines.registry import load_engine
from voxtide.engines.scripted import speak
from voxtide.engines.vllm import VllmEngine
from voxtide.errors import ConfigError, ConnectionFailedError, UnsupportedOptionError
from voxtide.transcript.events import Delta, Flushed, TranscriptEvent
from voxtide.types import StreamOptions

CONFIG = ClientConfig(flush_timeout_s=0.2, end_timeout_s=0.2, reconnect_s=1.0)
PAUSE = np.zeros(1600, np.float32)


async def spoken(stream: EngineStream, *words: str) -> list[TranscriptEvent]:
    """Feed the words, each followed by a flush, without awaiting the answers."""
    reading = asyncio.create_task(read(stream))
    for word in words:
        await stream.feed(np.concatenate([speak(word), PAUSE]))
        await stream.flush()
    await stream.finish()
    return await reading


async def test_each_flush_is_a_generation_and_no_audio_is_discarded() -> None:
    async with serving_vllm() as server:
        async with VllmEngine(server.url, model=MODEL, config=CONFIG) as engine, engine.open() as stream:
            events = await spoken(stream, "to", "be", "or not")
        assert [event.text for event in events if isinstance(event, Flushed)] == ["to", "be", "or not"]
        assert "".join(event.text for event in events if isinstance(event, Delta)) == "to be or not"
    begin_append_end = ["input_audio_buffer.commit", "input_audio_buffer.append", "input_audio_buffer.commit"]
    assert server.kinds == ["session.update", *begin_append_end * 3]
    assert (server.num_discarded, server.num_ignored) == (0, 0)
    assert server.paths == ["/v1/realtime"]


@pytest.mark.parametrize("faults", [{"num_lost_dones": 2}, {"num_failing": 2}], ids=["no done", "an error"])
async def test_a_failed_generation_is_replayed(faults: dict[str, int]) -> None:
    async with serving_vllm(VllmServer(**faults)) as server:
        async with VllmEngine(server.url, model=MODEL, config=CONFIG) as engine, engine.open() as stream:
            events = await spoken(stream, "to", "be", "or not")
        assert [event.text for event in events if isinstance(event, Flushed)] == ["to", "be", "or not"]
        assert "".join(event.text for event in events if isinstance(event, Delta)) == "to be or not"
    assert 3 <= len(server.paths) <= 4  # the last one as a standby


async def test_the_error_names_an_unknown_model() -> None:
    async with serving_vllm() as server, VllmEngine(server.url, model="unknown", config=CONFIG) as engine:
        async with engine.open() as stream:
            with pytest.raises(ExceptionGroup) as failed:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(spoken(stream, "to"))
        error = failed.value.exceptions[0]
        assert isinstance(error, ConnectionFailedError)
        assert "`unknown` does not exist" in str(error)


async def test_info_and_invalid_arguments() -> None:
    engine = load_engine("vllm", server="http://h", model=MODEL, api_key="k", max_streams=1)
    assert (engine.info.name, engine.info.model, engine.info.is_revising) == ("vllm", MODEL, False)
    with pytest.raises(UnsupportedOptionError, match="delay"):
        engine.open(StreamOptions(delay_ms=480))
    with pytest.raises(UnsupportedOptionError, match="language"):
        engine.open(StreamOptions(language="en"))
    with pytest.raises(ConfigError, match="needs a model name"):
        load_engine("vllm", server="http://h")
    with pytest.raises(ConfigError, match="max_streams"):
        load_engine("vllm", server="http://h", model=MODEL, max_streams=0)
    await engine.close()


async def test_a_small_replay_buffer_suffices() -> None:
    """A stream without flushes is split into generations that fit."""
    config = replace(CONFIG, replay_s=2.0, flush_timeout_s=5.0)
    words = " ".join(["to", "be", "or", "not"] * 3)
    async with serving_vllm() as server:
        async with VllmEngine(server.url, model=MODEL, config=config) as engine, engine.open() as stream:
            reading = asyncio.create_task(read(stream))
            await stream.feed(speak(words))
            await stream.finish()
            events = await reading
        assert "".join(event.text for event in events if isinstance(event, Delta)).split() == words.split()
    assert server.kinds.count("input_audio_buffer.commit") >= 4
