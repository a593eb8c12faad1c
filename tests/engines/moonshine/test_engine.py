"""Tokens become words with times; the reader fulfils the contract of `WindowReader`."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
import psutil
import pytest

from tests.support.pulled_models import between, model_directory, recording
from tests.support.stream_runs import silence, transcribe
from voxtide.config import Settings
from voxtide.engines.moonshine import load
from voxtide.engines.moonshine.decoding import Token
from voxtide.engines.moonshine.engine import MIN_WINDOW_SAMPLES, MoonshineWindows, spoken_pieces, trim_heap
from voxtide.engines.moonshine.model import MoonshineModel
from voxtide.engines.moonshine.stem import BLOCK_SAMPLES, GRID_SAMPLES
from voxtide.engines.moonshine.tokenizer import Tokenizer
from voxtide.engines.windowed.engine import WindowedEngine
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.window_model import AudioBuffer, WindowReader, WindowRequest
from voxtide.errors import UnsupportedOptionError
from voxtide.models.store import ModelStore
from voxtide.pipeline import run_stream
from voxtide.transcript.events import Delta, LanguageDoubted
from voxtide.types import SAMPLE_RATE_HZ, Pace, Samples, StreamOptions

PACES: tuple[Pace, ...] = ("live", "fast")
GO_FORWARD_S = {"go": 0.46, "forward": 0.64, "ten": 1.17, "meters": 1.53}
"""Starts of the words of goforward.wav, from the forced alignment that comes with it."""


@pytest.fixture(scope="module")
def windows() -> MoonshineWindows:
    return MoonshineWindows(MoonshineModel.load(model_directory("moonshine-tiny-en")))


def reader_of(windows: MoonshineWindows, samples: Samples) -> tuple[AudioBuffer, WindowReader]:
    audio = AudioBuffer()
    reader = windows.open(audio, StreamOptions())
    audio.append(samples)
    return audio, reader


def starts_of(pieces: list[Piece]) -> dict[str, float]:
    return {piece.normalised: piece.start_s for piece in pieces if not piece.is_punctuation}


@pytest.mark.parametrize("pause_s", [0.0, 0.9, 1.7])
def test_word_starts_match_a_forced_alignment(windows: MoonshineWindows, pause_s: float) -> None:
    """Also in a window that does not begin at the start of the stream."""
    samples = np.concatenate([silence(pause_s), recording("goforward.wav")])
    audio, reader = reader_of(windows, samples)
    pieces = reader.transcribe(WindowRequest(round(pause_s * SAMPLE_RATE_HZ), audio.end))
    expected = {word: pytest.approx(start_s + pause_s, abs=0.15) for word, start_s in GO_FORWARD_S.items()}
    assert starts_of(pieces) == expected


def test_times_are_in_order_and_inside_the_window(windows: MoonshineWindows) -> None:
    audio, reader = reader_of(windows, between(recording("two_cities.wav"), 8.3, 16.0))
    pieces = reader.transcribe(WindowRequest(0, audio.end))
    words = [piece for piece in pieces if not piece.is_punctuation]
    assert len(words) >= 12
    for before, after in zip(words, words[1:], strict=False):
        assert 0 <= before.start_s < before.end_s <= after.start_s
    assert words[-1].end_s <= audio.end / SAMPLE_RATE_HZ + 0.2
    assert all(piece.end_s - piece.start_s < 1.5 for piece in words)


def test_pieces_are_words_and_the_punctuation_after_them(windows: MoonshineWindows) -> None:
    audio, reader = reader_of(windows, between(recording("beckett.wav"), 0.0, 3.3))
    pieces = reader.transcribe(WindowRequest(0, audio.end))
    words = [piece for piece in pieces if not piece.is_punctuation]
    assert [piece.normalised for piece in words] == ["ever", "tried", "ever", "failed"]
    assert all(piece.text.startswith(" ") for piece in words)
    assert len(pieces) > len(words)
    assert all(piece.tokens and piece.logprob <= 0 for piece in pieces)


def test_equal_arguments_give_equal_pieces(windows: MoonshineWindows) -> None:
    """Independent of earlier calls and of how the audio was chunked."""
    samples = between(recording("two_cities.wav"), 1.0, 5.0)
    audio, reader = reader_of(windows, samples)
    whole = reader.transcribe(WindowRequest(0, audio.end))
    prefix = list(whole[0].tokens + whole[1].tokens)
    draft = [token for piece in whole[2:5] for token in piece.tokens]
    expected = reader.transcribe(WindowRequest(0, audio.end, prefix=prefix, draft=draft))
    assert [piece.normalised for piece in expected] == [piece.normalised for piece in whole[2:]]
    other_audio, other = reader_of(windows, samples[:0])
    for start in range(0, len(samples), 9000):
        other_audio.append(samples[start : start + 9000])
        other.transcribe(WindowRequest(0, other_audio.end, draft=draft))
    assert other.transcribe(WindowRequest(0, audio.end, prefix=prefix, draft=draft)) == expected


def test_a_window_begins_on_the_grid(windows: MoonshineWindows) -> None:
    audio, reader = reader_of(windows, recording("goforward.wav"))
    on_grid = reader.transcribe(WindowRequest(10 * GRID_SAMPLES, audio.end))
    assert reader.transcribe(WindowRequest(11 * GRID_SAMPLES - 1, audio.end)) == on_grid


def test_a_window_shorter_than_the_minimum_gives_nothing(windows: MoonshineWindows) -> None:
    _, reader = reader_of(windows, recording("goforward.wav"))
    assert reader.transcribe(WindowRequest(0, 0)) == []
    assert reader.transcribe(WindowRequest(9600, 9600 + MIN_WINDOW_SAMPLES - 1)) == []
    reader.transcribe(WindowRequest(9600, 9600 + MIN_WINDOW_SAMPLES))  # long enough for the convolutions


def test_the_longest_window_has_a_position_for_each_frame(windows: MoonshineWindows) -> None:
    _, reader = reader_of(windows, np.resize(recording("beckett.wav"), 50 * SAMPLE_RATE_HZ))
    start = GRID_SAMPLES - 1  # as far off the grid as possible
    assert reader.transcribe(WindowRequest(start, start + reader.max_window_samples))


def test_dropping_audio_does_not_change_later_windows(windows: MoonshineWindows) -> None:
    audio, reader = reader_of(windows, recording("goforward.wav"))
    start = 5 * BLOCK_SAMPLES + 3 * GRID_SAMPLES
    expected = reader.transcribe(WindowRequest(start, audio.end))
    reader.drop_before(start)
    assert start - BLOCK_SAMPLES < audio.start <= start
    assert reader.transcribe(WindowRequest(start, audio.end)) == expected


def loaded(model: str | None = None) -> WindowedEngine:
    model_directory("moonshine-tiny-en")  # skips the test if it is not pulled
    settings = replace(Settings.from_environment(os.environ), is_offline=True)
    return load(model=model, store=ModelStore.from_settings(settings), num_threads=2)


async def text_from(engine: WindowedEngine, samples: Samples, options: StreamOptions) -> str:
    async with engine.open(options) as stream:
        await stream.feed(samples)
        await stream.finish()
        return "".join([event.text async for event in stream if isinstance(event, Delta)])


async def test_streams_share_one_model_and_a_fixed_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    async with loaded() as engine:
        monkeypatch.setattr(onnxruntime, "InferenceSession", None)  # loading another model fails from now on
        num_threads = threading.active_count()
        texts = await asyncio.gather(
            *(text_from(engine, recording("goforward.wav"), StreamOptions()) for _ in range(8))
        )
        assert all(text.startswith("Go forward") for text in texts)
        assert threading.active_count() == num_threads


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each run of the model from now on."""
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
        assert await text_from(engine, samples, StreamOptions(pace="fast"))
        num_fast = len(runs)
        assert await text_from(engine, samples, StreamOptions(interim=False))
    assert 1 <= num_fast <= 4
    assert len(runs) > 6 * num_fast


async def test_sounds_that_are_not_speech_do_not_run_the_model(runs: list[None]) -> None:
    time_s = np.arange(5 * SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    noise = np.random.default_rng(5).normal(0, 1, len(time_s))
    sounds = (0.05 * noise, 0.3 * noise, 0.3 * np.sin(2 * np.pi * 440 * time_s), np.where(time_s % 0.3 < 1e-4, 0.8, 0))
    async with loaded() as engine:
        for samples in sounds:
            for pace in PACES:
                assert await text_from(engine, samples, StreamOptions(pace=pace)) == ""
    assert runs == []


@pytest.mark.parametrize("pace", PACES)
async def test_speech_in_no_language_of_the_model_is_doubted(pace: Pace) -> None:
    """Reversed, real speech is in none; to the model it sounds like much English."""
    english = between(recording("two_cities.wav"), 0.0, 25.0)
    async with loaded() as engine:
        for samples, num in ((english[::-1].copy(), 1), (english, 0)):
            result = await transcribe(engine, [samples], StreamOptions(pace=pace))
            assert len(result.text.split()) > 20
            assert [event.language for event in result.events if isinstance(event, LanguageDoubted)] == ["en"] * num


@pytest.mark.parametrize(
    ("words", "num_kept"),
    [
        (((" only", 8.1, -0.4), (".", 8.4, -0.5), (" Thank", 8.6, -1.2), (" you", 9.1, -0.1), (".", 9.1, -0.1)), 2),
        (((" for", 8.1, -0.4), (" you", 9.1, -0.1)), 1),  # the word before it is probable
        (((" for", 8.1, -1.2), (" you", 8.9, -1.2)), 2),  # all within the audio
    ],
)
def test_a_phrase_that_reaches_the_appended_quiet_is_invented(
    words: tuple[tuple[str, float, float], ...], num_kept: int
) -> None:
    pieces = [Piece(text, (0,), start_s, start_s, logprob) for text, start_s, logprob in words]
    assert spoken_pieces(pieces, 9.0) == pieces[:num_kept]


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize(
    ("name", "start_s", "end_s", "word"),
    [("librivox_0880.wav", 0.51, 1.11, "Not"), ("goforward.wav", 1.12, 1.58, "Ten")],
)
async def test_a_word_said_alone_has_text(name: str, start_s: float, end_s: float, word: str, pace: Pace) -> None:
    """Cut out of a sentence, it is doubtful to the model."""
    quiet = np.random.default_rng(1).normal(0, 1e-4, SAMPLE_RATE_HZ).astype(np.float32)
    samples = np.concatenate([quiet, between(recording(name), start_s, end_s), quiet, quiet])
    async with loaded() as engine:
        assert word in await text_from(engine, samples, StreamOptions(pace=pace))


async def test_a_word_without_text_is_no_silence() -> None:
    """The voice activity detector finds the beginning of a word; the model makes nothing of it."""
    begun = between(recording("beckett.wav"), 0.2, 0.46)
    pause = np.zeros(SAMPLE_RATE_HZ, np.float32)

    async def chunks() -> AsyncIterator[Samples]:
        yield np.concatenate([pause, begun, pause])

    async with loaded() as engine, engine.open(StreamOptions(pace="fast")) as stream:
        transcript = (await run_stream(chunks(), stream)).transcript
    assert transcript.text == ""
    assert [notice.code for notice in transcript.notices] == ["speech_untranscribed"]


async def test_the_end_of_a_prompt_with_too_many_words_or_too_long_ones_fits() -> None:
    many = ", ".join(f"word{number}" for number in range(1_200))
    async with loaded() as engine:
        assert engine.fit_prompt(many) == many[many.index("word200,") :]
        assert engine.fit_prompt("塔" * 500 + ", Tower") == "塔" * 200 + ", Tower"
        assert engine.fit_prompt("A tour of London.") == "A tour of London."


async def test_a_vocabulary_is_encoded_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long one takes longer than other sessions may wait."""
    threads = []
    encode = Tokenizer.encode

    def recorded(tokenizer: Tokenizer, text: str) -> list[int]:
        threads.append(threading.current_thread())
        return encode(tokenizer, text)

    monkeypatch.setattr(Tokenizer, "encode", recorded)
    async with loaded() as engine:
        await text_from(engine, recording("goforward.wav"), StreamOptions(vocabulary=("Dashwood",)))
    assert threads
    assert threading.current_thread() not in threads


async def test_too_long_a_vocabulary_is_refused_when_a_stream_is_entered() -> None:
    async with loaded() as engine:
        stream = engine.open(StreamOptions(vocabulary=("x" * 201,)))
        with pytest.raises(UnsupportedOptionError, match="201 characters"):
            await stream.__aenter__()


async def test_a_directory_is_reported_by_its_name() -> None:
    directory = model_directory("moonshine-tiny-en")
    async with loaded(str(directory)) as engine:
        assert engine.info.model == directory.name


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has malloc_trim")
def test_freed_memory_is_returned_to_the_system() -> None:
    process = psutil.Process()
    # Small pieces are allocated on the heap; the last one keeps the heap from shrinking by itself.
    pieces = [bytes(50_000) for _ in range(2000)]
    last = bytes(50_000)
    held_bytes = process.memory_info().rss
    del pieces

    trim_heap()

    assert process.memory_info().rss < held_bytes - 50_000_000
    assert last
