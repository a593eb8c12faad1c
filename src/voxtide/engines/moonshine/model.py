"""Runs Moonshine. In: a window's raw frames, the tokens its text must begin with, draft tokens. Out: tokens.

Knows nothing of streams or words. Safe to call from several threads at once.
"""

from __future__ import annotations

import math
from pathlib import Path

from voxtide.engines.model_files import require_files
from voxtide.engines.moonshine.decoding import Decoder, Decoding, Token
from voxtide.engines.moonshine.graph import (
    MAX_POSITIONS,
    build_decoder,
    build_encoder,
    build_stem,
    count_layers,
    cross_names,
    past_names,
    present_names,
)
from voxtide.engines.moonshine.rescoring import Rescoring
from voxtide.engines.moonshine.stem import ENCODER_STRIDES, StemCache, StemWindow
from voxtide.engines.moonshine.tokenizer import BEGIN, Tokenizer
from voxtide.engines.moonshine.vocabulary import Vocabulary
from voxtide.engines.moonshine.weights import read_weights
from voxtide.engines.windowed.window_model import AudioBuffer
from voxtide.models.onnx_session import OnnxSession, load_onnx
from voxtide.types import SAMPLE_RATE_HZ

ENCODER, DECODER, TOKENIZER = "encoder_model.ort", "decoder_model_merged.ort", "tokenizer.bin"
MODEL_FILES = (ENCODER, DECODER, TOKENIZER)
"""The files of a Moonshine model's directory."""
MOONSHINE_FRAME_SAMPLES = math.prod(ENCODER_STRIDES)
MOONSHINE_FRAME_S = MOONSHINE_FRAME_SAMPLES / SAMPLE_RATE_HZ
MAX_WINDOW_SAMPLES = MAX_POSITIONS * MOONSHINE_FRAME_SAMPLES
"""49 s. Such a window has fewer frames than positions, because the kernels reach beyond the last strides."""
MAX_TOKENS_PER_S = 6.5
"""Fluent English stays under this (Moonshine's authors use the same bound); more is a repetition loop."""
EXTRA_TOKENS = 6
"""Room above the rate for very short windows: one long word and its punctuation."""


class MoonshineModel:
    """The three sessions and the tokenizer of one checkpoint directory."""

    def __init__(
        self, stem: OnnxSession, encoder: OnnxSession, decoder: OnnxSession, tokenizer: Tokenizer, num_layers: int
    ) -> None:
        self.tokenizer = tokenizer
        self._stem = stem
        self._encoder = encoder
        self._decoder = Decoder(
            decoder, cross=cross_names(num_layers), past=past_names(num_layers), present=present_names(num_layers)
        )

    @classmethod
    def load(cls, directory: Path) -> MoonshineModel:
        """Read encoder_model.ort, decoder_model_merged.ort and tokenizer.bin.

        Raises:
            ModelCorruptError: A file is missing or invalid.
        """
        require_files(directory, MODEL_FILES, kind="Moonshine model")
        encoder = read_weights(directory / ENCODER)
        decoder = read_weights(directory / DECODER)
        return cls(
            load_onnx(build_stem(encoder), name=f"{directory}/{ENCODER}"),
            load_onnx(build_encoder(encoder, decoder), name=f"{directory}/{ENCODER}"),
            load_onnx(build_decoder(decoder), name=f"{directory}/{DECODER}"),
            Tokenizer.load(directory / TOKENIZER),
            count_layers(decoder),
        )

    def stem_cache(self, audio: AudioBuffer) -> StemCache:
        """The raw-frame cache of a new stream."""
        return StemCache(self._stem, audio)

    def transcribe(
        self, window: StemWindow, *, prefix: list[int], draft: list[int], vocabulary: Vocabulary | None = None
    ) -> list[Token]:
        """The likeliest tokens for a window, after the fixed `prefix`.

        Draft tokens that the model agrees with cost one run together. Prefix and draft change the rounding, because
        the activations of tokens in one run are quantised together: equal windows give equal tokens only for equal
        prefixes and drafts.

        Args:
            window: At least three raw frames, of at most `MAX_WINDOW_SAMPLES` of audio.
            prefix: Tokens the text begins with.
            draft: Tokens that probably follow the prefix.
            vocabulary: Words to expect after the prefix; None for none, at no cost.

        Returns:
            The prefix's tokens (with log probability 0) and those after it, without the end token.
        """
        feeds = {"raw_frames": window.raw_frames, "mean": window.mean, "gain": window.gain}
        cross = self._encoder.run(self._decoder.cross_names, feeds)
        limit = math.ceil(cross[0].shape[2] * MOONSHINE_FRAME_S * MAX_TOKENS_PER_S) + EXTRA_TOKENS
        decoding = Decoding(self._decoder, cross, watched=vocabulary.first_tokens if vocabulary else None)
        num_agreed = decoding.run([BEGIN, *prefix, *draft], num_certain=len(prefix))
        decoding.finish(limit, draft[num_agreed:])
        if vocabulary is not None:
            decoding = Rescoring(vocabulary, self.tokenizer, limit).apply(decoding, len(prefix))
        return decoding.result()
