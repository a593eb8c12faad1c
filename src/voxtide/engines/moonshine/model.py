"""Runs Moonshine. In: a window's raw frames, the tokens its text must begin with, draft tokens. Out: tokens.

Knows nothing of streams or words. Safe to call from several threads at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from voxtide.engines.model_files import require_files
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
from voxtide.engines.moonshine.stem import ENCODER_STRIDES, StemCache, StemWindow
from voxtide.engines.moonshine.tokenizer import BEGIN, END, Tokenizer
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
MAX_LOOP_TOKENS = 8
MIN_LOOPS = 4
"""A pattern of up to 8 tokens four times in a row is a loop; speakers do repeat a word three times."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its id, natural log probability, and the window's frame at its attention peak."""

    id: int
    logprob: float
    frame: int


_Tensor: TypeAlias = NDArray[np.float32]


class _Decoder:
    """The decoder's session and the names of its inputs and outputs."""

    def __init__(self, session: OnnxSession, num_layers: int) -> None:
        self.cross_names = cross_names(num_layers)
        self._session = session
        self._past_names = past_names(num_layers)
        self._outputs = ["best_tokens", "logprobs", "attention", *present_names(num_layers)]

    def run(
        self, tokens: list[int], *, position: int, first_choice: int, cross: list[_Tensor], past: list[_Tensor]
    ) -> tuple[list[int], list[float], _Tensor, list[_Tensor]]:
        """Run tokens from `position` on, with the keys and values of the audio (`cross`) and of the earlier tokens.

        Returns:
            For each token from `first_choice` on, the best next token and its log probability; for all tokens, their
            attention [tokens, frames]; the past including them.
        """
        feeds: dict[str, Any] = {
            "tokens": np.array([tokens], np.int64),
            "position": np.array([position], np.int64),
            "first_choice": np.array([first_choice], np.int64),
            **dict(zip(self.cross_names, cross, strict=True)),
            **dict(zip(self._past_names, past, strict=True)),
        }
        best, logprobs, attention, *present = self._session.run(self._outputs, feeds)
        return best[0].tolist(), logprobs[0].tolist(), attention, present


class MoonshineModel:
    """The three sessions and the tokenizer of one checkpoint directory."""

    def __init__(
        self, stem: OnnxSession, encoder: OnnxSession, decoder: OnnxSession, tokenizer: Tokenizer, num_layers: int
    ) -> None:
        self.tokenizer = tokenizer
        self._stem = stem
        self._encoder = encoder
        self._decoder = _Decoder(decoder, num_layers)

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

    def transcribe(self, window: StemWindow, *, prefix: list[int], draft: list[int]) -> list[Token]:
        """The likeliest tokens for a window, after the fixed `prefix`.

        Draft tokens that the model agrees with cost one run together. Prefix and draft change the rounding, because
        the activations of tokens in one run are quantised together: equal windows give equal tokens only for equal
        prefixes and drafts.

        Args:
            window: At least three raw frames, of at most `MAX_WINDOW_SAMPLES` of audio.
            prefix: Tokens the text begins with.
            draft: Tokens that probably follow the prefix.

        Returns:
            The prefix's tokens (with log probability 0) and those after it, without the end token.
        """
        feeds = {"raw_frames": window.raw_frames, "mean": window.mean, "gain": window.gain}
        cross = self._encoder.run(self._decoder.cross_names, feeds)
        limit = math.ceil(cross[0].shape[2] * MOONSHINE_FRAME_S * MAX_TOKENS_PER_S) + EXTRA_TOKENS
        decoding = _Decoding(self._decoder, cross)
        decoding.run([BEGIN, *prefix, *draft], num_certain=len(prefix))
        while decoding.next_token != END and len(decoding.tokens) < limit:
            decoding.run([decoding.next_token], num_certain=0)
            if _is_looping(decoding.tokens):
                break
        return decoding.result()


class _Decoding:
    """The decoder's state over one window: tokens so far, the next token, and the layers' keys and values."""

    def __init__(self, decoder: _Decoder, cross: list[_Tensor]) -> None:
        self._decoder = decoder
        self._cross = cross
        self._past = [tensor[:, :, :0] for tensor in cross]
        self._attention: list[_Tensor] = []
        self._logprobs: list[float] = []
        self._num_inputs = 0
        self.tokens: list[int] = []
        self.next_token = BEGIN
        self._next_logprob = 0.0

    def run(self, inputs: list[int], *, num_certain: int) -> None:
        """Run tokens; those after the first `num_certain` + 1 are kept only as far as the model agrees with them."""
        best, logprobs, attention, present = self._decoder.run(
            inputs, position=self._num_inputs, first_choice=num_certain, cross=self._cross, past=self._past
        )
        draft = inputs[num_certain + 1 :]
        num_agreed = next((i for i, token in enumerate(draft) if best[i] != token), len(draft))
        num_kept = num_certain + 1 + num_agreed
        if self._num_inputs:
            self.tokens.append(self.next_token)
            self._logprobs.append(self._next_logprob)
        self.tokens += inputs[1:num_kept]
        self._logprobs += [0.0] * num_certain + logprobs[:num_agreed]
        self._attention.append(attention[:num_kept])
        self._num_inputs += num_kept
        self.next_token, self._next_logprob = best[num_agreed], logprobs[num_agreed]
        self._past = present if num_kept == len(inputs) else [tensor[:, :, : self._num_inputs] for tensor in present]

    def result(self) -> list[Token]:
        frames = _monotone_path(np.concatenate(self._attention)[: len(self.tokens)])
        return [
            Token(token_id, logprob, frame)
            for token_id, logprob, frame in zip(self.tokens, self._logprobs, frames, strict=True)
        ]


def _is_looping(tokens: list[int]) -> bool:
    return any(
        len(tokens) >= MIN_LOOPS * n and tokens[-n * MIN_LOOPS :] == tokens[-n:] * MIN_LOOPS
        for n in range(1, MAX_LOOP_TOKENS + 1)
    )


def _monotone_path(attention: _Tensor) -> list[int]:
    """The frame of each token: the likeliest path through the attention [tokens, frames] that never goes back."""
    if not len(attention):
        return []
    scores = np.log(attention + 1e-6)
    best = scores[0]
    came_from = []
    for row in scores[1:]:
        reached = np.maximum.accumulate(best)
        # The best path to each frame comes from the frame where the running maximum last rose.
        came_from.append(np.maximum.accumulate(np.where(best == reached, np.arange(len(best)), 0)))
        best = reached + row
    path = [int(best.argmax())]
    for sources in reversed(came_from):
        path.append(int(sources[path[-1]]))
    return path[::-1]
