"""Moonshine behind the seam. In: a model directory. Out: an engine. Knows neither threads nor decoding rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from voxtide.audio.vad import VadModel
from voxtide.engines.model_files import model_name
from voxtide.engines.moonshine.memory import give_back_free_memory
from voxtide.engines.moonshine.model import FRAME_S, MAX_WINDOW_SAMPLES, MoonshineModel, Token
from voxtide.engines.moonshine.stem import BLOCK_SAMPLES, GRID_SAMPLES
from voxtide.engines.windowed.config import FAST, LIVE
from voxtide.engines.windowed.engine import WindowedEngine
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.window_model import AudioBuffer
from voxtide.models.store import ModelStore, Progress
from voxtide.types import SAMPLE_RATE_HZ, EngineInfo, StreamOptions

DEFAULT_MODEL = "moonshine-tiny-en"

MIN_WINDOW_SAMPLES = 1600
"""The convolutions need 895 samples; nothing is said in 100 ms."""

AFTER_PEAK_S = 0.16
"""A word ends about this long after the decoder looked for its last token (median over 96 aligned words: 153 ms)."""
CHARACTER_S = 0.055
"""A long word of one token takes at least this per letter."""
MAX_WORD_GAP_S = 0.45
"""If the next word's start is further from the last token than this, there was a pause between them."""


class MoonshineWindows:
    """`WindowModel` over Moonshine."""

    def __init__(self, model: MoonshineModel) -> None:
        self._model = model

    def open(self, audio: AudioBuffer, options: StreamOptions) -> MoonshineReader:
        return MoonshineReader(self._model, audio)


class MoonshineReader:
    """`WindowReader` over Moonshine: tokens become pieces with times read off the cross-attention."""

    language: str | None = None

    def __init__(self, model: MoonshineModel, audio: AudioBuffer) -> None:
        self._model = model
        self._audio = audio
        self._stem = model.stem_cache(audio)

    @property
    def max_window_samples(self) -> int:
        return MAX_WINDOW_SAMPLES

    def drop_before(self, start: int) -> None:
        self._audio.drop_before(start // BLOCK_SAMPLES * BLOCK_SAMPLES)

    def transcribe(self, start: int, end: int, *, prefix: list[int], guess: list[int]) -> list[Piece]:
        start = start // GRID_SAMPLES * GRID_SAMPLES
        if end - start < MIN_WINDOW_SAMPLES:
            return []
        window = self._stem.window(start, end)
        tokens = self._model.transcribe(window, prefix=prefix, guess=guess)[len(prefix) :]
        groups = self._group(tokens)
        next_starts = [group[0].frame * FRAME_S for group in groups[1:]] + [float("inf")]
        pieces = [self._piece(group, next_start_s) for group, next_start_s in zip(groups, next_starts, strict=False)]
        shift_s = start / SAMPLE_RATE_HZ
        return [replace(piece, start_s=piece.start_s + shift_s, end_s=piece.end_s + shift_s) for piece in pieces]

    def _group(self, tokens: list[Token]) -> list[list[Token]]:
        """Tokens of one word together, a word's trailing punctuation apart."""
        tokenizer = self._model.tokenizer
        groups: list[list[Token]] = []
        was_punctuation = False
        for token in tokens:
            text = tokenizer.text([token.number])
            is_punctuation = not any(c.isalnum() for c in text) and text not in ("'", "-", " ")
            if not groups or tokenizer.starts_word(token.number) or is_punctuation != was_punctuation:
                groups.append([])
            groups[-1].append(token)
            was_punctuation = is_punctuation
        return groups

    def _piece(self, group: list[Token], next_start_s: float) -> Piece:
        start_s, last_s = group[0].frame * FRAME_S, group[-1].frame * FRAME_S
        text = self._model.tokenizer.text([token.number for token in group])
        end_s = max(last_s + AFTER_PEAK_S, start_s + CHARACTER_S * len(text.strip()))
        end_s = next_start_s if next_start_s - last_s < MAX_WORD_GAP_S else min(end_s, next_start_s)
        numbers = tuple(token.number for token in group)
        logprob = sum(token.logprob for token in group) / len(group)
        return Piece(text, numbers, start_s, end_s, logprob)


def load(
    *,
    model: str | None = None,
    store: ModelStore,
    num_threads: int | None = None,
    max_streams: int | None = None,
    progress: Progress | None = None,
) -> WindowedEngine:
    """Load Moonshine, pulling it first if it is not there.

    Args:
        model: A directory with a checkpoint of the same layout, or None for `moonshine-tiny-en`.
        store: Where models lie.
        num_threads: Threads that compute; None for one per core.
        max_streams: Streams at once; None for the engine's own bound.
        progress: Told how far a pull is.

    Raises:
        ModelError: A model cannot be had or used.
    """
    name = model or DEFAULT_MODEL
    directory = Path(name) if Path(name).is_dir() else store.ensure(name, progress)
    voice = VadModel.from_store(store, progress)
    windows = MoonshineWindows(MoonshineModel.load(directory))
    give_back_free_memory()
    return WindowedEngine(
        EngineInfo(name="moonshine", model=model_name(name), languages=("en",), is_revising=True, word_times="read"),
        windows,
        voice,
        live=LIVE,
        fast=FAST,
        num_threads=num_threads,
        max_streams=max_streams,
    )
