"""Moonshine as an engine. In: a model directory. Out: an engine. Knows neither threads nor stability rules."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from voxtide.audio.vad import VadModel
from voxtide.engines.model_files import model_name
from voxtide.engines.moonshine.decoding import Token
from voxtide.engines.moonshine.model import MAX_WINDOW_SAMPLES, MOONSHINE_FRAME_S, MoonshineModel
from voxtide.engines.moonshine.stem import BLOCK_SAMPLES, GRID_SAMPLES, NO_SAMPLES
from voxtide.engines.moonshine.vocabulary import Vocabulary, phrases_of
from voxtide.engines.windowed.config import FAST, LIVE
from voxtide.engines.windowed.engine import WindowedEngine
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.window_model import AudioBuffer, WindowRequest
from voxtide.errors import UnsupportedOptionError
from voxtide.models.store import ModelStore, Progress
from voxtide.types import SAMPLE_RATE_HZ, EngineInfo, Samples, StreamOptions

DEFAULT_MODEL = "moonshine-tiny-en"

MIN_WINDOW_SAMPLES = 1600
"""The convolutions need 895 samples, and no word fits into 100 ms."""

AFTER_PEAK_S = 0.16
"""A word ends about this long after the attention peak of its last token (median over 96 aligned words: 153 ms)."""
CHARACTER_S = 0.055
"""Least duration per letter of a long word that is one token."""
MIN_INVENTED_TOKENS, INVENTED_FRAMES = 5, 5
"""No speech has this many tokens in as many frames, 120 ms."""
INVENTED_LOGPROB = -0.8
"""Below it, a word directly before one that begins after the end of the audio is invented with it: such a "Thank" has
-1.0 to -1.3 [nat]."""
MAX_WORD_GAP_S = 0.45
"""If the next word starts later than this after the last token, a pause lies between them."""


QUIET_S = 0.6
"""Quiet appended to a window at whose end speech seems to end. Text of speech that reaches the window's end has more
errors than that of speech with a pause after it; waiting for a real pause would take too long."""
QUIET_RMS = 1e-4
"""-80 dB of full scale: no microphone produces digital zeros."""


def quiet() -> Samples:
    """`QUIET_S` of faint noise, the same each time."""
    return np.random.default_rng(0).normal(0.0, QUIET_RMS, round(QUIET_S * SAMPLE_RATE_HZ)).astype(np.float32)


class MoonshineWindows:
    """`WindowModel` over Moonshine."""

    def __init__(self, model: MoonshineModel) -> None:
        self._model = model

    def open(self, audio: AudioBuffer, options: StreamOptions) -> MoonshineReader:
        """Open a reader for a new stream.

        Raises:
            UnsupportedOptionError: The vocabulary is too long.
        """
        phrases_of(options.vocabulary)  # checks it; the reader encodes it later
        return MoonshineReader(self._model, audio, options.vocabulary)

    def has_room_for(self, vocabulary: tuple[str, ...]) -> bool:
        """Whether the words and phrases are few and short enough."""
        try:
            phrases_of(vocabulary)
        except UnsupportedOptionError:
            return False
        return True


class MoonshineReader:
    """`WindowReader` over Moonshine: groups tokens to pieces and takes their times from the cross-attention."""

    language: str | None = None

    def __init__(self, model: MoonshineModel, audio: AudioBuffer, words: tuple[str, ...]) -> None:
        self._model = model
        self._audio = audio
        self._words = words
        self._stem = model.stem_cache(audio)
        self._quiet = quiet()

    @cached_property
    def _vocabulary(self) -> Vocabulary | None:
        """Made with the first window, on a worker: a long list takes longer than the event loop may wait."""
        return Vocabulary.of(self._words, self._model.tokenizer)

    @property
    def max_window_samples(self) -> int:
        return MAX_WINDOW_SAMPLES - len(self._quiet)

    def drop_before(self, start: int) -> None:
        self._audio.drop_before(start // BLOCK_SAMPLES * BLOCK_SAMPLES)

    def transcribe(self, request: WindowRequest) -> list[Piece]:
        start, end, prefix = request.start // GRID_SAMPLES * GRID_SAMPLES, request.end, request.prefix
        if end - start < MIN_WINDOW_SAMPLES:
            return []
        window = self._stem.window(start, end, rest=self._quiet if request.is_last else NO_SAMPLES)
        transcribed = self._model.transcribe(window, prefix=prefix, draft=request.draft, vocabulary=self._vocabulary)
        tokens = transcribed[len(prefix) :]
        groups = self._group(tokens[: self._num_spoken(tokens)])
        next_starts = [group[0].frame * MOONSHINE_FRAME_S for group in groups[1:]] + [float("inf")]
        pieces = [self._piece(group, next_start_s) for group, next_start_s in zip(groups, next_starts, strict=False)]
        pieces = spoken_pieces(pieces, (end - start) / SAMPLE_RATE_HZ)
        shift_s = start / SAMPLE_RATE_HZ
        return [replace(piece, start_s=piece.start_s + shift_s, end_s=piece.end_s + shift_s) for piece in pieces]

    def _num_spoken(self, tokens: list[Token]) -> int:
        """How many tokens, in whole words, precede those that the model invents beyond the end of the audio.

        Invented text, such as a telephone number after "press", can be probable; but its tokens all attend to the last
        frames.
        """
        num = len(tokens)
        while num >= MIN_INVENTED_TOKENS and (
            tokens[num - 1].frame - tokens[num - MIN_INVENTED_TOKENS].frame <= INVENTED_FRAMES
        ):
            num -= 1
        if num == len(tokens):
            return num
        num -= MIN_INVENTED_TOKENS - 1
        while num and not self._model.tokenizer.starts_word(tokens[num].id):
            num -= 1
        return num

    def _group(self, tokens: list[Token]) -> list[list[Token]]:
        """Group the tokens of each word; its trailing punctuation is a group of its own."""
        tokenizer = self._model.tokenizer
        groups: list[list[Token]] = []
        was_punctuation = False
        for token in tokens:
            text = tokenizer.text([token.id])
            is_punctuation = not any(c.isalnum() for c in text) and text not in ("'", "-", " ")
            if not groups or tokenizer.starts_word(token.id) or is_punctuation != was_punctuation:
                groups.append([])
            groups[-1].append(token)
            was_punctuation = is_punctuation
        return groups

    def _piece(self, group: list[Token], next_start_s: float) -> Piece:
        start_s, last_s = group[0].frame * MOONSHINE_FRAME_S, group[-1].frame * MOONSHINE_FRAME_S
        text = self._model.tokenizer.text([token.id for token in group])
        end_s = max(last_s + AFTER_PEAK_S, start_s + CHARACTER_S * len(text.strip()))
        end_s = next_start_s if next_start_s - last_s < MAX_WORD_GAP_S else min(end_s, next_start_s)
        token_ids = tuple(token.id for token in group)
        logprob = sum(token.logprob for token in group) / len(group)
        return Piece(text, token_ids, start_s, end_s, logprob)


def spoken_pieces(pieces: list[Piece], length_s: float) -> list[Piece]:
    """The pieces up to the first word that begins after `length_s`, in the quiet that is appended to the audio.

    The model sometimes adds "Thank you." there. Improbable words directly before such a word belong to it.
    """
    late = (i for i, piece in enumerate(pieces) if not piece.is_punctuation and piece.start_s > length_s)
    num = next(late, len(pieces))
    while 0 < num < len(pieces) and not pieces[num - 1].is_punctuation and pieces[num - 1].logprob < INVENTED_LOGPROB:
        num -= 1
    return pieces[:num]


def load(
    *,
    model: str | None = None,
    store: ModelStore,
    num_threads: int | None = None,
    max_streams: int | None = None,
    progress: Progress | None = None,
) -> WindowedEngine:
    """Load Moonshine. Pulls the model first if it is missing.

    Args:
        model: A directory with a checkpoint of the same layout, or None for `moonshine-tiny-en`.
        store: Where models are stored.
        num_threads: Worker threads; None for one per core, at most 8.
        max_streams: Most concurrent streams; None for the engine's default.
        progress: Called with the progress of a download.

    Raises:
        ModelError: A model cannot be downloaded or loaded.
    """
    name = model or DEFAULT_MODEL
    directory = Path(name) if Path(name).is_dir() else store.ensure(name, progress)
    vad = VadModel.from_store(store, progress)
    windows = MoonshineWindows(MoonshineModel.load(directory))
    trim_heap()
    return WindowedEngine(
        EngineInfo(
            name="moonshine",
            model=model_name(name),
            languages=("en",),
            is_revising=True,
            word_times="read",
            can_use_vocabulary=True,
        ),
        windows,
        vad,
        live=LIVE,
        fast=FAST,
        num_threads=num_threads,
        max_streams=max_streams,
    )


def trim_heap() -> None:
    """Return freed heap memory to the system. A no-op without glibc's `malloc_trim`.

    Building the graphs copies the weights several times; glibc would keep 60 MB of freed copies.
    """
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
