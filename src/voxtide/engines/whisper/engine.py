"""Whisper as an engine. In: a model's name. Out: an engine. Knows neither threads nor stability rules."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from voxtide.audio.vad import VadModel
from voxtide.engines.model_files import model_name
from voxtide.engines.whisper.library import HUB_SIZES_MB, fetch_from_hub, hub_name
from voxtide.engines.whisper.model import MAX_WINDOW_S, Encoded, Prompt, WhisperModel
from voxtide.engines.whisper.tokenizer import Tokenizer
from voxtide.engines.whisper.words import pieces_of, well_timed
from voxtide.engines.windowed.config import StabilityConfig, WindowedConfig
from voxtide.engines.windowed.engine import WindowedEngine, default_num_threads
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.window_model import AudioBuffer, WindowRequest
from voxtide.errors import UnknownModelError, UnsupportedOptionError
from voxtide.models.store import ModelStore, Progress
from voxtide.types import SAMPLE_RATE_HZ, EngineInfo, StreamOptions

ENGINE = "whisper"
"""The engine's name; its models in the manifest have it too."""
DEFAULT_MODEL = "whisper-base"

STABILITY = StabilityConfig(min_logprob=-1.0)

LIVE = WindowedConfig(
    update_frames=31,
    updates_per_decision=1,
    speculate_frames=None,
    min_window_s=1.0,
    max_window_s=8.0,
    context_s=3.0,
    stability=replace(
        STABILITY,
        margin_s=2.5,
        deadline_s=6.0,
        show_logprob=-0.4,
        show_agreed_logprob=-1.0,
        show_last_logprob=-0.2,
        show_age_s=0.7,
    ),
    pause_stability=STABILITY,
)
"""For live speech: one update, which is also a decision, per second; it takes 0.1 to 0.3 s on one core. During speech
it is a draft, and only words that ended 2.5 s ago become final: the others at the next pause, from a whole decode."""

FAST = WindowedConfig(
    update_frames=437,
    updates_per_decision=1,
    speculate_frames=None,
    pause_frames=None,
    min_speech_s=10.0,
    max_window_s=2.0,
    context_s=1.5,
    stability=STABILITY,
)
"""For files: an update at the first pause after 10 s of speech, or after 14 s without a pause. With context and pauses,
windows stay below the model's limit of 28 s."""

MIN_WINDOW_SAMPLES = 1600
"""No word fits into 100 ms."""
MAX_WINDOW_SAMPLES = MAX_WINDOW_S * SAMPLE_RATE_HZ
MAX_VOCABULARY_TOKENS = 180
"""Half the decoder's positions, less the special tokens before the text."""
SURE_LANGUAGE = 0.8
"""From this probability on, the detected language is final for any length of speech."""
SURE_LANGUAGE_S = 3.0
"""From this much speech on, the detected language is final: more speech does not improve it."""


class WhisperWindows:
    """`WindowModel` over Whisper."""

    def __init__(self, model: WhisperModel) -> None:
        self._model = model

    def open(self, audio: AudioBuffer, options: StreamOptions) -> WhisperReader:
        """Open a reader for a new stream.

        Raises:
            UnsupportedOptionError: The vocabulary is too long or contains a special token.
        """
        vocabulary = vocabulary_tokens(options.vocabulary, self._model.tokenizer)
        language = options.language if self._model.tokenizer.languages else None
        drafts = options.pace == "live"
        return WhisperReader(self._model, audio, Prompt(vocabulary, language, options.task), drafts=drafts)

    def has_room_for(self, vocabulary: tuple[str, ...]) -> bool:
        """Whether the words have few enough tokens."""
        return len(_encoded(vocabulary, self._model.tokenizer)) <= MAX_VOCABULARY_TOKENS


class WhisperReader:
    """`WindowReader` over Whisper. Detects the language anew in each window until it is certain."""

    def __init__(self, model: WhisperModel, audio: AudioBuffer, prompt: Prompt, *, drafts: bool) -> None:
        """`drafts`: whether windows in the middle of speech are drafts, see `WhisperModel.encode`."""
        self._model = model
        self._audio = audio
        self._prompt = prompt
        self._drafts = drafts
        self._detects_language = bool(model.tokenizer.languages) and prompt.language is None
        self.language: str | None = None

    @property
    def max_window_samples(self) -> int:
        return MAX_WINDOW_SAMPLES

    def drop_before(self, start: int) -> None:
        self._audio.drop_before(start)

    def transcribe(self, request: WindowRequest) -> list[Piece]:
        start, end, prefix = request.start, request.end, request.prefix
        if end - start < MIN_WINDOW_SAMPLES:
            return []
        is_draft = self._drafts and not request.is_last
        encoded = self._model.encode(self._audio.between(start, end), is_draft=is_draft)
        if self._detects_language and self.language is None:
            self._detect_language(encoded)
        tokens = self._model.transcribe(encoded, self._prompt, prefix, is_speech=request.is_speech)
        pieces = well_timed(pieces_of(tokens, self._model.tokenizer.bytes_of, is_continued=bool(prefix)))
        shift_s = start / SAMPLE_RATE_HZ
        return [replace(piece, start_s=piece.start_s + shift_s, end_s=piece.end_s + shift_s) for piece in pieces]

    def _detect_language(self, encoded: Encoded) -> None:
        language, probability = self._model.language_of(encoded)
        self._prompt = replace(self._prompt, language=language)
        if probability >= SURE_LANGUAGE or encoded.audio_s >= SURE_LANGUAGE_S:
            self.language = language


def vocabulary_tokens(words: tuple[str, ...], tokenizer: Tokenizer) -> tuple[int, ...]:
    """The words as tokens of a preceding text, which biases the decoder to them.

    Raises:
        UnsupportedOptionError: They are too many or contain a special token.
    """
    tokens = _encoded(words, tokenizer)
    if any(token >= tokenizer.end for token in tokens):
        raise UnsupportedOptionError(
            "engine 'whisper' cannot use a vocabulary that contains a special token, such as <|en|>"
        )
    if len(tokens) > MAX_VOCABULARY_TOKENS:
        raise UnsupportedOptionError(
            f"engine 'whisper' cannot use this vocabulary: its {len(words)} words are {len(tokens)} tokens, and the "
            f"limit is {MAX_VOCABULARY_TOKENS}; remove the least likely words"
        )
    return tuple(tokens)


def _encoded(words: tuple[str, ...], tokenizer: Tokenizer) -> list[int]:
    return tokenizer.encode(f" {', '.join(words)}.") if words else []


def load(
    *,
    model: str | None = None,
    store: ModelStore,
    num_threads: int | None = None,
    max_streams: int | None = None,
    progress: Progress | None = None,
    device: str = "cpu",
    compute_type: str | None = None,
) -> WindowedEngine:
    """Load Whisper. Downloads the model first if it is missing.

    Args:
        model: A model of the manifest, a directory with a CTranslate2 model, or a name on the Hugging Face hub, short
            ("small") or whole ("Systran/faster-whisper-small"); None for `whisper-base`.
        store: Where models are stored.
        num_threads: Worker threads; None for one per core, at most 8.
        max_streams: Most concurrent streams; None for the engine's default.
        progress: Called with the progress of a download.
        device: `cpu`, `cuda`, `cuda:N` or `auto`, which is `cuda` if there is a GPU.
        compute_type: CTranslate2's type of numbers; None for `int8` on a CPU and `float16` on a GPU.

    Raises:
        ConfigError: The device or the type of numbers cannot be used.
        ModelError: A model cannot be downloaded or loaded.
        MissingExtraError: faster-whisper is not installed.
    """
    name = model or DEFAULT_MODEL
    num_threads = default_num_threads() if num_threads is None else num_threads
    directory = locate(name, store, progress)
    whisper = WhisperModel.load(directory, num_threads=num_threads, device=device, compute_type=compute_type)
    return WindowedEngine(
        _info(name, whisper.tokenizer),
        WhisperWindows(whisper),
        VadModel.from_store(store, progress),
        live=LIVE,
        fast=FAST,
        num_threads=num_threads,
        max_streams=max_streams,
    )


def _info(name: str, tokenizer: Tokenizer) -> EngineInfo:
    return EngineInfo(
        name=ENGINE,
        model=model_name(name),
        languages=tokenizer.languages or ("en",),
        is_revising=True,
        word_times="read",
        can_use_vocabulary=True,
        can_translate=bool(tokenizer.languages),
    )


def locate(name: str, store: ModelStore, progress: Progress | None) -> Path:
    """The directory of a model, given as a directory, a name in the manifest or a name on the Hugging Face hub.

    Raises:
        UnknownModelError: The name is none of these, or another engine's model.
        ModelError: The model cannot be downloaded.
        MissingExtraError: The name is one of the hub, and faster-whisper is not installed.
    """
    if Path(name).is_dir():
        return Path(name)
    ours = [status.model.name for status in store.list() if status.model.engine == ENGINE]
    if name in ours:
        return store.ensure(name, progress)
    if on_hub := hub_name(name):
        return fetch_from_hub(on_hub, is_offline=store.is_offline)
    if "/" in name or os.sep in name:
        raise UnknownModelError(
            f"there is no directory {name!r}; give that of a CTranslate2 model, or OWNER/NAME on the Hugging Face hub"
        )
    raise UnknownModelError(
        f"there is no Whisper model {name!r}; choose from {', '.join(ours)}, or give a model's directory, its name on "
        f"the Hugging Face hub, or one of {', '.join(HUB_SIZES_MB)}"
    )
