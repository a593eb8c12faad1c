"""The engines under contract test, each with matching audio and its allowed word error rate."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
import pytest

from tests.support import voxtral_checkpoint
from tests.support.live_servers import CuttableProxy, ServerThread, port_of, voxtide_server
from tests.support.pulled_models import between, recording
from tests.support.vllm_server import MODEL, serving_vllm
from voxtide.client.config import ClientConfig
from voxtide.client.transport.websocket import ClientSocket
from voxtide.config import Settings
from voxtide.engines.local import queues
from voxtide.engines.local.stream import LocalEngine
from voxtide.engines.registry import load_engine
from voxtide.engines.remote import RemoteEngine
from voxtide.engines.remote_stream import ConnectedEngine
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine, speak
from voxtide.engines.vllm import VllmEngine
from voxtide.engines.voxtral import load as load_voxtral
from voxtide.errors import EngineFailedError
from voxtide.models.store import ModelStore
from voxtide.types import SAMPLE_RATE_HZ, Samples, StreamOptions
from voxtide.voxtral.config import SAMPLES_PER_TOKEN

AnyEngine: TypeAlias = LocalEngine | ConnectedEngine
"""Engines that count open streams and unread events: all of them."""


@dataclass(frozen=True)
class Clip:
    """Audio, its text, and positions of silence between sentences, in samples."""

    samples: Samples = field(repr=False)
    text: str
    pauses: tuple[int, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True, kw_only=True)
class EngineCase:
    """One engine under contract test.

    Attributes:
        name: Used in the test id.
        make_engine: Loads a new engine for up to 64 streams.
        clip: The audio of most tests, a few seconds.
        others: Eight clips with different words.
        word_error_rate: The share of the words of `clip` that may be wrong. 0: the text must be exact.
        errors_per_flush: Average number of word errors that a flush at a random position may cause, by cutting a word.
        num_examples: Random plans per test; a real model takes about a second for each.
        num_crowd: Concurrent streams in the load test.
        kill: Makes an engine fail permanently; returns a part of the error message.
        shrink: Limits an engine's queues during a test, to a number of events and of samples.
        watch: Collects the recogniser or socket of each stream in a weak set.
    """

    name: str
    make_engine: Callable[[], AnyEngine]
    clip: Clip
    others: tuple[Samples, ...] = field(repr=False)
    word_error_rate: float = 0.0
    errors_per_flush: float = 0.0
    num_examples: int = 60
    num_crowd: int = 64
    kill: Callable[[Any], str] = lambda engine: kill_local(engine)
    shrink: Callable[[pytest.MonkeyPatch, Any, int, int], None] = lambda *arguments: shrink_local(*arguments)
    watch: Callable[[pytest.MonkeyPatch, Any], weakref.WeakSet[Any]] = lambda *arguments: watch_local(*arguments)

    @property
    def is_exact(self) -> bool:
        return self.word_error_rate == 0


def scripted(name: str, config: ScriptedConfig) -> EngineCase:
    clip = _spoken("To be, or not", "to be:", "that is", "the question.", pause_s=0.8)
    others = tuple(speak(f"stream {number} says {word}") for number, word in enumerate("abcdefgh"))
    return EngineCase(name=name, make_engine=lambda: ScriptedEngine(config, num_threads=3), clip=clip, others=others)


def real(name: str, engine: str, model: str | None = None, *, num_examples: int) -> EngineCase:
    """An engine that runs a model, on real speech."""
    beckett, cities = recording("beckett.wav"), recording("two_cities.wav")
    clip = Clip(
        between(beckett, 0.0, 6.2),
        "Ever tried. Ever failed. No matter. Try again.",
        tuple(round(pause_s * SAMPLE_RATE_HZ) for pause_s in (1.65, 3.35, 4.75)),
    )
    others = (
        *(between(beckett, *span) for span in ((0.0, 3.3), (3.3, 6.1), (6.1, 9.9))),
        *(between(cities, *span) for span in ((1.0, 4.6), (4.6, 8.3), (8.3, 13.1), (16.9, 20.8), (20.8, 24.2))),
    )
    return EngineCase(
        name=name,
        make_engine=lambda: _load(engine, model),
        clip=clip,
        others=others,
        word_error_rate=0.25,
        errors_per_flush=1.0,
        num_examples=num_examples,
        num_crowd=6,
    )


def connected(name: str, servers: _Servers, make: Callable[..., ConnectedEngine]) -> EngineCase:
    """A remote engine; `make` takes the server's address. The server runs the scripted engine."""
    return replace(
        scripted(name, ScriptedConfig()),
        make_engine=lambda: servers.engine(make),
        num_examples=6,
        num_crowd=16,
        kill=servers.kill,
        shrink=shrink_connected,
        watch=watch_connected,
    )


class _Servers:
    """A server, and a proxy to it for each engine; all in one thread, started when first needed."""

    def __init__(self, serving: Callable[[ServerThread], str]) -> None:
        self._serving = serving
        self._thread: ServerThread | None = None
        self._url = ""
        self._proxies: weakref.WeakKeyDictionary[ConnectedEngine, CuttableProxy] = weakref.WeakKeyDictionary()

    def engine(self, make: Callable[..., ConnectedEngine]) -> ConnectedEngine:
        if self._thread is None:
            self._thread = ServerThread()
            self._url = self._serving(self._thread)
        proxy = self._thread.enter(CuttableProxy(port_of(self._url)).open())
        engine = make(proxy.url, max_streams=64, config=ClientConfig(reconnect_s=0.3))
        self._proxies[engine] = proxy
        return engine

    def kill(self, engine: ConnectedEngine) -> str:
        assert self._thread is not None
        self._thread.wait_for(self._proxies[engine].cut)
        return "cannot reach http://127.0.0.1"

    def close(self) -> None:
        if self._thread is not None:
            self._thread.close()


VOXTIDE = _Servers(lambda thread: thread.enter(voxtide_server()))
VLLM = _Servers(lambda thread: thread.enter(serving_vllm()).url)


def kill_local(engine: LocalEngine) -> str:
    engine.fail(EngineFailedError("the model is gone"))
    return "the model is gone"


def shrink_local(patch: pytest.MonkeyPatch, _: LocalEngine, num_events: int, num_samples: int) -> None:
    patch.setattr(queues, "OUTBOX_EVENTS", num_events)
    patch.setattr(queues, "INBOX_SAMPLES", num_samples)


def shrink_connected(
    patch: pytest.MonkeyPatch, engine: RemoteEngine | VllmEngine, num_events: int, num_samples: int
) -> None:
    small = replace(engine.config, max_events=num_events, replay_s=num_samples / SAMPLE_RATE_HZ)
    patch.setattr(engine, "config", small)


def watch_local(patch: pytest.MonkeyPatch, engine: LocalEngine) -> weakref.WeakSet[Any]:
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    make = engine.make_recogniser

    def make_watched(options: StreamOptions) -> Any:
        recogniser = make(options)
        alive.add(recogniser)
        return recogniser

    patch.setattr(engine, "make_recogniser", make_watched)
    return alive


def watch_connected(patch: pytest.MonkeyPatch, _: ConnectedEngine) -> weakref.WeakSet[Any]:
    alive: weakref.WeakSet[Any] = weakref.WeakSet()
    make = ClientSocket.open

    async def make_watched(*arguments: Any) -> ClientSocket:
        socket = await make(*arguments)
        alive.add(socket)
        return socket

    patch.setattr(ClientSocket, "open", make_watched)
    return alive


def threads_of(engine: AnyEngine) -> list[threading.Thread]:
    """The threads an engine started."""
    return list(engine.pool.threads) if isinstance(engine, LocalEngine) else []


def voxtral() -> EngineCase:
    """Voxtral with a small model that recognises tones."""
    text = "to be or not to be that is the question."
    pauses = (6, 16, 31)  # frames
    others = tuple(voxtral_checkpoint.speak(f"to {a} {b}") for a, b in permutations(("be", "or", "not", "that"), 2))
    return EngineCase(
        name="voxtral",
        make_engine=_load_voxtral,
        clip=Clip(voxtral_checkpoint.speak(text), text, tuple(frame * SAMPLES_PER_TOKEN for frame in pauses)),
        others=others[:8],
        num_examples=6,
    )


@cache
def cases() -> tuple[EngineCase, ...]:
    return (
        scripted("scripted", ScriptedConfig()),
        scripted("scripted-stable-only", ScriptedConfig(is_revising=False, delay_ms=80)),
        connected("remote", VOXTIDE, RemoteEngine),
        connected("vllm", VLLM, partial(VllmEngine, model=MODEL)),
        real("moonshine", "moonshine", num_examples=5),
        voxtral(),
        real("whisper", "whisper", "whisper-tiny.en", num_examples=2),
    )


def _load_voxtral() -> LocalEngine:
    """In fp32, where a stream's text is independent of its batch, with a window that the clip fills and wraps."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        model = voxtral_checkpoint.write(Path(directory), voxtral_checkpoint.tone_tensors())
        return load_voxtral(
            model=str(model),
            store=None,
            num_threads=1,
            max_streams=64,
            device="cpu",
            weights="fp32",
            window_minutes=40 * 0.08 / 60,
        )


def _load(engine: str, model: str | None) -> LocalEngine:
    settings = replace(Settings.from_environment(os.environ), is_offline=True)
    loaded = load_engine(engine, model=model, store=ModelStore.from_settings(settings), num_threads=2, max_streams=64)
    assert isinstance(loaded, LocalEngine)
    return loaded


def _spoken(*phrases: str, pause_s: float) -> Clip:
    """Phrases with silence before, between and after them."""
    pause = np.zeros(round(pause_s * SAMPLE_RATE_HZ), np.float32)
    samples, pauses = pause, []
    for phrase in phrases:
        pauses.append(len(samples) - len(pause) // 2)
        samples = np.concatenate([samples, speak(phrase), pause])
    return Clip(samples, " ".join(phrases), tuple(pauses[1:]))
