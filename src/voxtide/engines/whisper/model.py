"""Runs Whisper. In: samples of up to 28 s, tokens the text must begin with. Out: timed tokens.

Whisper was trained on windows of exactly 30 s; padding every window to 30 s makes the encoder cost the same for one
second as for thirty. Encoding only the audio costs in proportion to its length, but then the decoder does not see
where the audio ends and repeats it. So the encoding of silence, which is always the same, is computed once and
appended to the encoded audio. Over 81 windows of 1 to 8 s this changes 5 % of the words against full windows, mostly
at the cut ends, in a quarter of the time; padding the audio by 4 s before the encoder changes 10 to 27 %.

A decoding step costs in proportion to the frames that it attends to: with `base`, 6 ms at 1500 frames and 3 ms at 600.
A draft, whose text is decoded again before it counts, has only `DRAFT_SILENCE_FRAMES` of silence and no second attempt.

Knows nothing of streams or words. Safe to call from several threads at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voxtide.engines.whisper.library import Loaded, device_error, load_from
from voxtide.engines.whisper.loops import is_loop, without_loops
from voxtide.engines.whisper.tokenizer import Tokenizer, language_code
from voxtide.types import SAMPLE_RATE_HZ, Samples, Task

MAX_WINDOW_S = 28
"""Longest window: leaves room for `PAD_S` in Whisper's 30 s."""
PAD_S = 1.5
"""Silence encoded together with the audio, so that the decoder sees its end; 0.5 s is too little, 2 s no better."""
WHISPER_FRAME_S = 0.02
"""Duration of an encoder frame."""
NUM_FRAMES = 1500
DRAFT_SILENCE_FRAMES = 100
"""Silence after the audio of a draft, 2 s. Even with 4 s, utterances by themselves had 18 wrong words of 600, not 10.
As text that a whole decode replaces, drafts cost no accuracy, and a live stream a quarter less."""
SILENT_LEVEL = -1.0
"""The features' value in silence. In real audio it depends on the loudest sound; -1.5 to -0.5 give the same results."""
WHISPER_FRAME_SAMPLES = round(WHISPER_FRAME_S * SAMPLE_RATE_HZ)

MAX_TOKENS = 224
"""Half of the decoder's positions; the other half is for the vocabulary."""
MAX_TOKENS_PER_S = 7.0
"""Fluent English stays under this; more is a repetition loop."""
MAX_TOKENS_PER_S_MULTILINGUAL = 25.0
"""Scripts that are rare in the vocabulary take up to three tokens per character."""
EXTRA_TOKENS = 8
"""Room above the rate for very short windows."""

NO_SPEECH = 0.6
NO_SPEECH_LOGPROB = -0.95
"""A window above this no-speech probability and below this mean log probability is noise. Silence, noise, tones and
clicks give 0.7 to 0.92 and -1.0 to -2.0; speech gives at most 0.7, and then -0.9."""
SURE_LOGPROB = -0.5
"""Text below this mean log probability is decoded again with a beam: greedy decoding leaves out words at the start of
unclear speech. Of clear speech in five languages, one window in 49 is below it."""
FALLBACK_BEAM = 5
"""Beam of the second attempt at improbable text: the width that Whisper's authors use at temperature 0."""
MIN_PROBABILITY = 1e-6


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its id, natural log probability, and times in the window."""

    id: int
    logprob: float
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class _Decoded:
    """The tokens after the prefix, and the probability that the window holds no speech."""

    tokens: list[Token]
    no_speech: float

    @property
    def logprob(self) -> float:
        """The mean over the tokens, of which there is at least one."""
        return sum(token.logprob for token in self.tokens) / len(self.tokens)


@dataclass(frozen=True, slots=True)
class Encoded:
    """The encoder's output for a window of `audio_s` seconds, [1, frames, width]; 1500 frames if it is no draft."""

    frames: Samples
    audio_s: float
    is_draft: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """The decoder's input before the text. The language is None for an English-only model, which has no task."""

    vocabulary: tuple[int, ...] = ()
    language: str | None = None
    task: Task = "transcribe"


class WhisperModel:
    """A loaded model with its tokenizer."""

    def __init__(self, loaded: Loaded) -> None:
        self.tokenizer = Tokenizer(loaded.vocabulary, loaded.language_tokens)
        self._loaded = loaded
        silence = np.full((loaded.num_mels, 2 * NUM_FRAMES), SILENT_LEVEL, np.float32)
        self._silence = self._encode(silence)

    @classmethod
    def load(
        cls, directory: Path, *, num_threads: int, device: str = "cpu", compute_type: str | None = None
    ) -> WhisperModel:
        """Load a CTranslate2 model, as `load_from`.

        Raises:
            ConfigError: The device or the type of numbers cannot be used.
            MissingExtraError: faster-whisper is not installed.
            ModelCorruptError: The directory has no such model, or its files are invalid.
        """
        loaded = load_from(directory, num_threads=num_threads, device=device, compute_type=compute_type)
        try:
            return cls(loaded)
        except (RuntimeError, MemoryError) as error:  # CTranslate2 loads CUDA's libraries when it first uses them
            raise device_error(loaded.device, error) from error

    def encode(self, samples: Samples, *, is_draft: bool = False) -> Encoded:
        """Encode 0.1 to `MAX_WINDOW_S` seconds of audio. A draft's text is cheaper and less certain."""
        audio_s = len(samples) / SAMPLE_RATE_HZ
        assert 0.1 <= audio_s <= MAX_WINDOW_S, audio_s
        num_frames = math.ceil((audio_s + PAD_S) / WHISPER_FRAME_S)
        padded = np.pad(samples, (0, num_frames * WHISPER_FRAME_SAMPLES - len(samples)))
        frames = self._encode(self._loaded.features(padded))
        end = num_frames + DRAFT_SILENCE_FRAMES if is_draft else NUM_FRAMES
        return Encoded(np.concatenate([frames, self._silence[:, num_frames:end]], axis=1), audio_s, is_draft)

    def _encode(self, features: Samples) -> Samples:
        """Features [mels, 2 n] -> frames [1, n, width]."""
        features = np.ascontiguousarray(features[None], np.float32)
        return self._loaded.array(self._loaded.network.encode(self._loaded.view(features), to_cpu=True))

    def language_of(self, encoded: Encoded) -> tuple[str, float]:
        """The likeliest language (ISO 639-1) and its probability. Only for multilingual models."""
        token, probability = self._loaded.network.detect_language(self._loaded.view(encoded.frames))[0][0]
        return language_code(token), probability

    def transcribe(self, encoded: Encoded, prompt: Prompt, prefix: list[int], *, is_speech: bool) -> list[Token]:
        """The likeliest tokens after the fixed `prefix`; empty if the audio is noise.

        Improbable or looping text is decoded again with a beam, except of a draft. The likelier text without a loop is
        returned; if both loop, one occurrence of the phrase is kept. Whisper's own program draws at random here, at
        rising temperatures; a beam gives equal tokens for equal arguments.

        With `is_speech`, the VAD detected at least 0.25 s of speech after the prefix: text is returned however doubtful
        it is, also if the model itself takes the window for noise.
        """
        found = self._decode(encoded, prompt, prefix, beam_size=1)
        if not found.tokens or (found.logprob >= SURE_LOGPROB and not self._loops(found)):
            return found.tokens
        if not is_speech and found.no_speech > NO_SPEECH and found.logprob < NO_SPEECH_LOGPROB:
            return []
        attempts = [found]
        if not encoded.is_draft:
            again = self._decode(encoded, prompt, prefix, beam_size=FALLBACK_BEAM)
            attempts += [again] if again.tokens else []
        best = max(attempts, key=lambda attempt: (not self._loops(attempt), attempt.logprob))
        return without_loops(best.tokens, self.tokenizer.bytes_of)

    def _loops(self, decoded: _Decoded) -> bool:
        return is_loop(decoded.tokens, self.tokenizer.bytes_of)

    def _decode(self, encoded: Encoded, prompt: Prompt, prefix: list[int], *, beam_size: int) -> _Decoded:
        start = self.tokenizer.start_of(prompt.vocabulary, prompt.language, prompt.task)
        frames = self._loaded.view(encoded.frames)
        rate = MAX_TOKENS_PER_S if prompt.language in (None, "en") else MAX_TOKENS_PER_S_MULTILINGUAL
        num_tokens = min(max(math.ceil(encoded.audio_s * rate), len(prefix)) + EXTRA_TOKENS, MAX_TOKENS)
        (found,) = self._loaded.network.generate(
            frames,
            [[*start, self.tokenizer.no_timestamps, *prefix]],
            beam_size=beam_size,
            # CTranslate2 generates at most max_length / 2 tokens, and at most max_length - len(start).
            max_length=max(2 * num_tokens, num_tokens + len(start)),
            suppress_blank=False,  # True forbids an end right after the prefix, and the model invents words
            return_no_speech_prob=True,
        )
        ids: list[int] = found.sequences_ids[0]
        if len(ids) <= len(prefix):
            return _Decoded([], found.no_speech_prob)
        (aligned,) = self._loaded.network.align(frames, start, [ids], math.ceil(encoded.audio_s / WHISPER_FRAME_S) * 2)
        tokens = _timed(ids, aligned.text_token_probs, aligned.alignments)[len(prefix) :]
        return _Decoded(tokens, found.no_speech_prob)


def _timed(ids: list[int], probabilities: list[float], path: list[tuple[int, int]]) -> list[Token]:
    """Tokens with times. `path` contains (token, frame) pairs, also for the final end-of-text token."""
    first_frames: dict[int, int] = {}
    for token, frame in path:
        first_frames.setdefault(token, frame)
    starts_s = [first_frames[i] * WHISPER_FRAME_S for i in range(len(ids) + 1)]
    return [
        Token(token_id, math.log(max(probability, MIN_PROBABILITY)), start_s, end_s)
        for token_id, probability, start_s, end_s in zip(ids, probabilities, starts_s, starts_s[1:], strict=False)
    ]
