"""The engines the contract is put to, each with audio it understands and how exact it must be."""

from __future__ import annotations

import os
import wave
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files

import numpy as np

from voxtide.config import Settings
from voxtide.engines.pooled import PooledEngine
from voxtide.engines.registry import load_engine
from voxtide.engines.scripted import ScriptedConfig, ScriptedEngine, speak
from voxtide.models.store import ModelStore
from voxtide.types import SAMPLE_RATE_HZ, Samples


@dataclass(frozen=True)
class Clip:
    """Audio, what is said in it, and where between sentences it is silent, in samples."""

    samples: Samples = field(repr=False)
    text: str
    pauses: tuple[int, ...]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE_HZ


@dataclass(frozen=True, kw_only=True)
class EngineCase:
    """One engine under the contract.

    Attributes:
        name: Shown in the test's id.
        make_engine: Loads a fresh engine with room for 64 streams.
        clip: The audio most tests use, a few seconds.
        others: Eight clips with different words.
        word_error_rate: Words of `clip` the engine may get wrong, as a share. 0: it must be exact.
        errors_per_flush: Words that a flush at any place may spoil, on average: a word cut in two is two others.
        num_examples: How many random plans a test tries; a real model takes a second for each.
    """

    name: str
    make_engine: Callable[[], PooledEngine]
    clip: Clip
    others: tuple[Samples, ...] = field(repr=False)
    word_error_rate: float = 0.0
    errors_per_flush: float = 0.0
    num_examples: int = 60

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
        _between(beckett, 0.0, 6.2),
        "Ever tried. Ever failed. No matter. Try again.",
        tuple(round(pause_s * SAMPLE_RATE_HZ) for pause_s in (1.65, 3.35, 4.75)),
    )
    others = (
        *(_between(beckett, *span) for span in ((0.0, 3.3), (3.3, 6.1), (6.1, 9.9))),
        *(_between(cities, *span) for span in ((1.0, 4.6), (4.6, 8.3), (8.3, 13.1), (16.9, 20.8), (20.8, 24.2))),
    )
    return EngineCase(
        name=name,
        make_engine=lambda: _load(engine, model),
        clip=clip,
        others=others,
        word_error_rate=0.25,
        errors_per_flush=1.0,
        num_examples=num_examples,
    )


@cache
def cases() -> tuple[EngineCase, ...]:
    return (
        scripted("scripted", ScriptedConfig()),
        scripted("scripted-stable-only", ScriptedConfig(is_revising=False, delay_ms=80)),
        real("moonshine", "moonshine", num_examples=5),
        real("whisper", "whisper", "whisper-tiny.en", num_examples=2),
    )


@cache
def recording(name: str) -> Samples:
    """One of the recordings the package ships."""
    with files("voxtide.data").joinpath(name).open("rb") as file, wave.open(file) as wav:
        pcm = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
    return (pcm / 32768).astype(np.float32)


def _load(engine: str, model: str | None) -> PooledEngine:
    settings = replace(Settings.from_environment(os.environ), is_offline=True)
    loaded = load_engine(engine, model=model, store=ModelStore.from_settings(settings), num_threads=2, max_streams=64)
    assert isinstance(loaded, PooledEngine)
    return loaded


def _spoken(*phrases: str, pause_s: float) -> Clip:
    """Phrases with silence before, between and after them."""
    pause = np.zeros(round(pause_s * SAMPLE_RATE_HZ), np.float32)
    samples, pauses = pause, []
    for phrase in phrases:
        pauses.append(len(samples) - len(pause) // 2)
        samples = np.concatenate([samples, speak(phrase), pause])
    return Clip(samples, " ".join(phrases), tuple(pauses[1:]))


def _between(samples: Samples, start_s: float, end_s: float) -> Samples:
    return samples[round(start_s * SAMPLE_RATE_HZ) : round(end_s * SAMPLE_RATE_HZ)]
