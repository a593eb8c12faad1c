"""Whisper runs. In: samples of up to 30 s, tokens its text must begin with. Out: timed tokens.

Whisper was made for windows of exactly 30 s, and its encoder takes as long for one second as for thirty. Encoding only
the audio that is there costs in proportion to it; but then the decoder does not see where the audio ends, and says it
again and again. So the encoding of the missing silence, which is always the same, is computed once and put behind.
Over 81 windows of 1 to 8 s this changes 5 % of the words against full windows, at their cut ends above all, where
padding of 4 s in front of the encoder changes 10 to 27 %; it takes a quarter of the time.

Knows nothing of streams or words. Safe to call from several threads at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxtide.engines.whisper.library import Loaded, load_from
from voxtide.engines.whisper.tokenizer import Tokenizer, language_code
from voxtide.types import SAMPLE_RATE_HZ, Samples

MAX_WINDOW_S = 28
"""Longest audio at once: room for `PAD_S` is left of Whisper's 30 s."""
PAD_S = 1.5
"""Silence encoded together with the audio, so that its end sounds like one; 0.5 s is too little, 2 s no better."""
FRAME_S = 0.02
"""One frame of the encoder."""
NUM_FRAMES = 1500
SILENT_LEVEL = -1.0
"""Of the features in silence. It depends on the loudest sound of the window; from -1.5 to -0.5 makes no difference."""
FRAME_SAMPLES = round(FRAME_S * SAMPLE_RATE_HZ)

MAX_TOKENS = 224
"""What the decoder has room for, half its positions; the other half is for the vocabulary."""
MAX_TOKENS_PER_S = 7.0
"""Fluent English stays under this; more is a repetition loop."""
MAX_TOKENS_PER_S_ELSEWHERE = 25.0
"""Scripts that the tokenizer knows little of take up to three tokens for a letter."""
EXTRA_TOKENS = 8
"""Room above the rate for very short windows."""

NO_SPEECH = 0.6
NO_SPEECH_LOGPROB = -0.95
"""Where the model says both that nobody speaks and that the text is a guess, it hears noise. Silence, noise, tones and
clicks give 0.7 to 0.92 and -1.0 to -2.0; speech gives 0.7 at most, and -0.9 where it does."""
MIN_PROBABILITY = 1e-6


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its number, natural log probability, and where in the window it begins and ends."""

    id: int
    logprob: float
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the encoder made of a window of `audio_s` seconds."""

    frames: Samples  # [1, 1500, width]
    audio_s: float


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the decoder is told before the text: words to expect, and the language (None for models that know one)."""

    vocabulary: tuple[int, ...] = ()
    language: str | None = None


class WhisperModel:
    """A loaded model with its tokenizer."""

    def __init__(self, loaded: Loaded) -> None:
        self.tokenizer = Tokenizer(loaded.vocabulary, loaded.language_tokens)
        self._loaded = loaded
        silence = np.full((loaded.num_mels, 2 * NUM_FRAMES), SILENT_LEVEL, np.float32)
        self._silence = self._encode(silence)

    @classmethod
    def load(cls, directory: Path, *, num_threads: int) -> WhisperModel:
        """Read a model in CTranslate2's form. `num_threads` calls run at once, each on one thread.

        Raises:
            MissingExtraError: faster-whisper is not installed.
            ModelCorruptError: The directory holds no such model, or its files cannot be used.
        """
        return cls(load_from(directory, num_threads=num_threads))

    def encode(self, samples: Samples) -> Encoded:
        """Encode 0.1 to `MAX_WINDOW_S` seconds of audio."""
        audio_s = len(samples) / SAMPLE_RATE_HZ
        assert 0.1 <= audio_s <= MAX_WINDOW_S, audio_s
        num_frames = math.ceil((audio_s + PAD_S) / FRAME_S)
        padded = np.pad(samples, (0, num_frames * FRAME_SAMPLES - len(samples)))
        frames = self._encode(self._loaded.features(padded))
        return Encoded(np.concatenate([frames, self._silence[:, num_frames:]], axis=1), audio_s)

    def _encode(self, features: Samples) -> Samples:
        """Features [mels, 2 n] -> frames [1, n, width]."""
        features = np.ascontiguousarray(features[None], np.float32)
        return np.array(self._loaded.network.encode(self._loaded.view(features)), np.float32)

    def language_of(self, encoded: Encoded) -> tuple[str, float]:
        """The likeliest language, an ISO 639-1 code, and its probability. Only for models that know several."""
        token, probability = self._loaded.network.detect_language(self._loaded.view(encoded.frames))[0][0]
        return language_code(token), probability

    def transcribe(self, encoded: Encoded, prompt: Prompt, prefix: list[int]) -> list[Token]:
        """The likeliest tokens after the `prefix` that is certain; none where the model hears noise.

        Equal arguments give equal tokens.
        """
        start = self.tokenizer.start_of(prompt.vocabulary, prompt.language)
        frames = self._loaded.view(encoded.frames)
        rate = MAX_TOKENS_PER_S if prompt.language in (None, "en") else MAX_TOKENS_PER_S_ELSEWHERE
        num_tokens = min(max(math.ceil(encoded.audio_s * rate), len(prefix)) + EXTRA_TOKENS, MAX_TOKENS)
        (found,) = self._loaded.network.generate(
            frames,
            [[*start, self.tokenizer.no_timestamps, *prefix]],
            beam_size=1,
            max_length=2 * num_tokens,  # the library takes half of it
            suppress_blank=False,  # forbids an end after the prefix, so that words are made up where there are no more
            return_no_speech_prob=True,
        )
        ids: list[int] = found.sequences_ids[0]
        if len(ids) <= len(prefix):
            return []
        (aligned,) = self._loaded.network.align(frames, start, [ids], math.ceil(encoded.audio_s / FRAME_S) * 2)
        tokens = _timed(ids, aligned.text_token_probs, aligned.alignments)[len(prefix) :]
        logprob = sum(token.logprob for token in tokens) / len(tokens)
        return [] if found.no_speech_prob > NO_SPEECH and logprob < NO_SPEECH_LOGPROB else tokens


def _timed(ids: list[int], probabilities: list[float], path: list[tuple[int, int]]) -> list[Token]:
    """Tokens with times. The path goes through (token, frame) pairs, and through the end of text behind the tokens."""
    first_frames: dict[int, int] = {}
    for token, frame in path:
        first_frames.setdefault(token, frame)
    starts_s = [first_frames[i] * FRAME_S for i in range(len(ids) + 1)]
    return [
        Token(token_id, math.log(max(probability, MIN_PROBABILITY)), start_s, end_s)
        for token_id, probability, start_s, end_s in zip(ids, probabilities, starts_s, starts_s[1:], strict=False)
    ]
