"""Tokens become words with times; the reader keeps to what a `WindowReader` promises."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tests.support.pulled_models import between, model_directory, recording
from voxtide.config import Settings
from voxtide.engines.moonshine import load
from voxtide.engines.moonshine.engine import MIN_WINDOW_SAMPLES, MoonshineWindows
from voxtide.engines.moonshine.model import MoonshineModel, Token
from voxtide.engines.moonshine.stem import BLOCK_SAMPLES, GRID_SAMPLES
from voxtide.engines.windowed.engine import WindowedEngine
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.window_model import AudioBuffer, WindowReader
from voxtide.models.store import ModelStore
from voxtide.transcript.events import Delta
from voxtide.types import SAMPLE_RATE_HZ, Pace, Samples, StreamOptions

PACES: tuple[Pace, ...] = ("live", "fast")
GO_FORWARD_S = {"go": 0.46, "forward": 0.64, "ten": 1.17, "meters": 1.53}
"""Where the words of goforward.wav begin, by the forced alignment that comes with it."""


@pytest.fixture(scope="module")
def windows() -> MoonshineWindows:
    return MoonshineWindows(MoonshineModel.load(model_directory("moonshine-tiny-en")))


def reader_of(windows: MoonshineWindows, samples: Samples) -> tuple[AudioBuffer, WindowReader]:
    audio = AudioBuffer()
    reader = windows.open(audio, StreamOptions())
    audio.append(samples)
    return audio, reader


def starts_of(pieces: list[Piece]) -> dict[str, float]:
    return {piece.spoken: piece.start_s for piece in pieces if not piece.is_punctuation}


def silence(duration_s: float) -> Samples:
    return np.zeros(round(duration_s * SAMPLE_RATE_HZ), np.float32)


@pytest.mark.parametrize("pause_s", [0.0, 0.9, 1.7])
def test_words_lie_where_they_are_said(windows: MoonshineWindows, pause_s: float) -> None:
    """Also in a window that begins late in the stream."""
    samples = np.concatenate([silence(pause_s), recording("goforward.wav")])
    audio, reader = reader_of(windows, samples)
    pieces = reader.transcribe(round(pause_s * SAMPLE_RATE_HZ), audio.end, prefix=[], guess=[])
    expected = {word: pytest.approx(start_s + pause_s, abs=0.15) for word, start_s in GO_FORWARD_S.items()}
    assert starts_of(pieces) == expected


def test_times_lie_in_order_and_in_the_window(windows: MoonshineWindows) -> None:
    audio, reader = reader_of(windows, between(recording("two_cities.wav"), 8.3, 16.0))
    pieces = reader.transcribe(0, audio.end, prefix=[], guess=[])
    words = [piece for piece in pieces if not piece.is_punctuation]
    assert len(words) >= 12
    for before, after in zip(words, words[1:], strict=False):
        assert 0 <= before.start_s < before.end_s <= after.start_s
    assert words[-1].end_s <= audio.end / SAMPLE_RATE_HZ + 0.2
    assert all(piece.end_s - piece.start_s < 1.5 for piece in words)


def test_pieces_are_words_and_the_punctuation_after_them(windows: MoonshineWindows) -> None:
    audio, reader = reader_of(windows, between(recording("beckett.wav"), 0.0, 3.3))
    pieces = reader.transcribe(0, audio.end, prefix=[], guess=[])
    words = [piece for piece in pieces if not piece.is_punctuation]
    assert [piece.spoken for piece in words] == ["ever", "tried", "ever", "failed"]
    assert all(piece.text.startswith(" ") for piece in words)
    assert len(pieces) > len(words)
    assert all(piece.tokens and piece.logprob <= 0 for piece in pieces)


def test_equal_arguments_give_equal_pieces(windows: MoonshineWindows) -> None:
    """Whatever the reader was asked before, and however the audio came."""
    samples = between(recording("two_cities.wav"), 1.0, 5.0)
    audio, reader = reader_of(windows, samples)
    whole = reader.transcribe(0, audio.end, prefix=[], guess=[])
    prefix = list(whole[0].tokens + whole[1].tokens)
    guess = [token for piece in whole[2:5] for token in piece.tokens]
    expected = reader.transcribe(0, audio.end, prefix=prefix, guess=guess)
    assert [piece.spoken for piece in expected] == [piece.spoken for piece in whole[2:]]
    other_audio, other = reader_of(windows, samples[:0])
    for start in range(0, len(samples), 9000):
        other_audio.append(samples[start : start + 9000])
        other.transcribe(0, other_audio.end, prefix=[], guess=guess)
    assert other.transcribe(0, audio.end, prefix=prefix, guess=guess) == expected


def test_a_window_begins_on_the_grid(windows: MoonshineWindows) -> None:
    audio, reader = reader_of(windows, recording("goforward.wav"))
    on_grid = reader.transcribe(10 * GRID_SAMPLES, audio.end, prefix=[], guess=[])
    assert reader.transcribe(11 * GRID_SAMPLES - 1, audio.end, prefix=[], guess=[]) == on_grid


def test_nothing_is_said_in_no_time(windows: MoonshineWindows) -> None:
    _, reader = reader_of(windows, recording("goforward.wav"))
    assert reader.transcribe(0, 0, prefix=[], guess=[]) == []
    assert reader.transcribe(9600, 9600 + MIN_WINDOW_SAMPLES - 1, prefix=[], guess=[]) == []
    reader.transcribe(9600, 9600 + MIN_WINDOW_SAMPLES, prefix=[], guess=[])  # long enough for the convolutions


def test_the_longest_window_has_a_position_for_each_frame(windows: MoonshineWindows) -> None:
    _, reader = reader_of(windows, np.resize(recording("beckett.wav"), 50 * SAMPLE_RATE_HZ))
    start = GRID_SAMPLES - 1  # as far off the grid as may be
    assert reader.transcribe(start, start + reader.max_window_samples, prefix=[], guess=[])


def test_dropped_audio_still_serves_the_windows_after_it(windows: MoonshineWindows) -> None:
    audio, reader = reader_of(windows, recording("goforward.wav"))
    start = 5 * BLOCK_SAMPLES + 3 * GRID_SAMPLES
    expected = reader.transcribe(start, audio.end, prefix=[], guess=[])
    reader.drop_before(start)
    assert start - BLOCK_SAMPLES < audio.start <= start
    assert reader.transcribe(start, audio.end, prefix=[], guess=[]) == expected


def loaded(model: str | None = None) -> WindowedEngine:
    model_directory("moonshine-tiny-en")  # skips the test where it is not here
    settings = replace(Settings.from_environment(os.environ), is_offline=True)
    return load(model=model, store=ModelStore.from_settings(settings), num_threads=2)


async def told(engine: WindowedEngine, samples: Samples, options: StreamOptions) -> str:
    async with engine.open(options) as stream:
        await stream.feed(samples)
        await stream.finish()
        return "".join([event.text async for event in stream if isinstance(event, Delta)])


async def test_streams_share_one_model_and_a_fixed_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    async with loaded() as engine:
        monkeypatch.setattr(onnxruntime, "InferenceSession", None)  # no other model can be loaded from now on
        num_threads = threading.active_count()
        texts = await asyncio.gather(*(told(engine, recording("goforward.wav"), StreamOptions()) for _ in range(8)))
        assert all(text.startswith("Go forward") for text in texts)
        assert threading.active_count() == num_threads


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One for each run of the model from now on."""
    runs: list[None] = []
    transcribe = MoonshineModel.transcribe

    def counted(*arguments: Any, **keywords: Any) -> list[Token]:
        runs.append(None)
        return transcribe(*arguments, **keywords)

    monkeypatch.setattr(MoonshineModel, "transcribe", counted)
    return runs


async def test_the_fast_pace_runs_the_model_less_often(runs: list[None]) -> None:
    samples = between(recording("two_cities.wav"), 0.0, 14.0)
    async with loaded() as engine:
        assert await told(engine, samples, StreamOptions(pace="fast"))
        num_fast = len(runs)
        assert await told(engine, samples, StreamOptions(interim=False))
    assert 1 <= num_fast <= 4
    assert len(runs) > 6 * num_fast


async def test_what_is_no_voice_does_not_run_the_model(runs: list[None]) -> None:
    time_s = np.arange(5 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    noise = np.random.default_rng(5).normal(0, 1, len(time_s))
    sounds = (0.05 * noise, 0.3 * noise, 0.3 * np.sin(2 * np.pi * 440 * time_s), np.where(time_s % 0.3 < 1e-4, 0.8, 0))
    async with loaded() as engine:
        for samples in sounds:
            for pace in PACES:
                assert await told(engine, samples, StreamOptions(pace=pace)) == ""
    assert runs == []


async def test_a_directory_is_known_by_its_name() -> None:
    directory = model_directory("moonshine-tiny-en")
    async with loaded(str(directory)) as engine:
        assert engine.info.model == directory.name
