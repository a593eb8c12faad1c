"""A stream's view of Whisper. In: its audio and options. Out: hypotheses, and the language once it is certain.

Knows no decoding rules; the shared streaming decoder calls it.
"""

from __future__ import annotations

from dataclasses import replace

from voxtide.engines.whisper.model import MAX_WINDOW_S, Encoded, Prompt, WhisperModel
from voxtide.engines.whisper.tokenizer import Tokenizer
from voxtide.engines.whisper.words import pieces_of, well_timed
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.window_model import AudioBuffer
from voxtide.errors import UnsupportedOptionError
from voxtide.types import SAMPLE_RATE_HZ, StreamOptions

MIN_WINDOW_SAMPLES = 1600
"""Nothing is said in 100 ms."""
MAX_WINDOW_SAMPLES = MAX_WINDOW_S * SAMPLE_RATE_HZ
MAX_VOCABULARY_TOKENS = 180
"""Half the decoder's positions, less what else stands before the text."""
SURE_LANGUAGE = 0.8
"""From this probability on, the language is certain however little was heard."""
SURE_LANGUAGE_S = 3.0
"""From this much speech on it is taken as it is: more does not tell it better."""


class WhisperWindows:
    """`WindowModel` over Whisper."""

    def __init__(self, model: WhisperModel) -> None:
        self._model = model

    def open(self, audio: AudioBuffer, options: StreamOptions) -> WhisperReader:
        """A reader of a fresh stream.

        Raises:
            UnsupportedOptionError: The vocabulary is too long.
        """
        vocabulary = vocabulary_tokens(options.vocabulary, self._model.tokenizer)
        language = options.language if self._model.tokenizer.languages else None
        return WhisperReader(self._model, audio, Prompt(vocabulary, language))


class WhisperReader:
    """`WindowReader` over Whisper. Until the language is certain, each window is taken for what it sounds most like."""

    def __init__(self, model: WhisperModel, audio: AudioBuffer, prompt: Prompt) -> None:
        self._model = model
        self._audio = audio
        self._prompt = prompt
        self._finds_language = bool(model.tokenizer.languages) and prompt.language is None
        self.language: str | None = None

    @property
    def max_window_samples(self) -> int:
        return MAX_WINDOW_SAMPLES

    def drop_before(self, start: int) -> None:
        self._audio.drop_before(start)

    def transcribe(self, start: int, end: int, *, prefix: list[int], draft: list[int]) -> list[Piece]:
        if end - start < MIN_WINDOW_SAMPLES:
            return []
        encoded = self._model.encode(self._audio.between(start, end))
        if self._finds_language and self.language is None:
            self._find_language(encoded)
        tokens = self._model.transcribe(encoded, self._prompt, prefix)
        pieces = well_timed(pieces_of(tokens, self._model.tokenizer.bytes_of, is_continued=bool(prefix)))
        shift_s = start / SAMPLE_RATE_HZ
        return [replace(piece, start_s=piece.start_s + shift_s, end_s=piece.end_s + shift_s) for piece in pieces]

    def _find_language(self, encoded: Encoded) -> None:
        language, probability = self._model.language_of(encoded)
        self._prompt = replace(self._prompt, language=language)
        if probability >= SURE_LANGUAGE or encoded.audio_s >= SURE_LANGUAGE_S:
            self.language = language


def vocabulary_tokens(words: tuple[str, ...], tokenizer: Tokenizer) -> tuple[int, ...]:
    """The words as the decoder is told them: as if they had been said before.

    Raises:
        UnsupportedOptionError: They are too many.
    """
    tokens = tokenizer.encode(f" {', '.join(words)}.") if words else []
    if any(token >= tokenizer.end for token in tokens):
        raise UnsupportedOptionError(
            "engine 'whisper' cannot take a vocabulary with one of its own marks, such as <|en|>"
        )
    if len(tokens) > MAX_VOCABULARY_TOKENS:
        raise UnsupportedOptionError(
            f"engine 'whisper' cannot take so long a vocabulary: its {len(words)} words are {len(tokens)} tokens, and "
            f"there is room for {MAX_VOCABULARY_TOKENS}; leave out those that are least likely to be said"
        )
    return tuple(tokens)
