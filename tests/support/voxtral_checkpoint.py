"""Small Voxtral checkpoints, written with NumPy alone: one that recognises tones, and random ones.

The tone model decodes, for each frame of 80 ms, the syllable of the tone in it, or PAD for silence. Its decoder attends
to the position six before its own, so it has a delay as the real model has, and its output depends on the contents of
its rings. The other layers are random and nearly switched off.
"""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxtide.types import SAMPLE_RATE_HZ, Samples
from voxtide.voxtral import names
from voxtide.voxtral.config import (
    BOS,
    NUM_SPECIAL_TOKENS,
    PAD,
    SAMPLES_PER_TOKEN,
    WORD,
    TransformerConfig,
    VoxtralConfig,
)

Tensors = dict[str, NDArray[np.float32]]

SYLLABLES = ("", " to", " be", " or", " not", " that", " is", " the", " ques", "tion", "ther", ".")
"""The syllables of the tones; the first is the mark of a word's beginning."""

MARK = 0
_FIRST_HZ, _STEP_HZ, _LEVEL = 400.0, 300.0, 0.5
_TONE = slice(200, 1080)
"""The part of its frame in which a tone sounds: outside the mel frames of other tokens."""

DELAY_TOKENS = 6
"""How far the tone model looks back: the default delay. At other delays its frames are misplaced."""

SMALL = VoxtralConfig(
    encoder=TransformerConfig(dim=24, num_layers=1, num_heads=2, num_kv_heads=2, head_dim=8, hidden_dim=32, window=750),
    decoder=TransformerConfig(
        dim=32, num_layers=1, num_heads=2, num_kv_heads=1, head_dim=64, hidden_dim=48, window=8192
    ),
    vocab_size=1200,
)

# The decoder's channels: the current tone; a constant; the tone six frames ago.
_QUIET, _CONSTANT, _THEN = len(SYLLABLES), len(SYLLABLES) + 1, len(SYLLABLES) + 2


def tones(*syllables: int) -> Samples:
    """One frame for each; -1 is a frame of silence."""
    frames = np.zeros((len(syllables), SAMPLES_PER_TOKEN), np.float32)
    time_s = np.arange(_TONE.stop - _TONE.start) / SAMPLE_RATE_HZ
    for frame, syllable in zip(frames, syllables, strict=True):
        if syllable >= 0:
            frame[_TONE] = _LEVEL * np.sin(2 * math.pi * (_FIRST_HZ + _STEP_HZ * syllable) * time_s)
    return frames.flatten()


def speak(text: str, *, pause_frames: int = 3) -> Samples:
    """Words as tones, each behind its mark, with silence around."""
    parts = [-1] * pause_frames
    for word in text.split():
        parts += [MARK, *_spelled(f" {word}"), *[-1] * pause_frames]
    return tones(*parts)


def _spelled(word: str) -> list[int]:
    if not word:
        return []
    for number, syllable in enumerate(SYLLABLES):
        if syllable and word.startswith(syllable):
            return [number, *_spelled(word[len(syllable) :])]
    raise ValueError(f"no tones for {word!r}")


def random_tensors(config: VoxtralConfig, seed: int = 0) -> Tensors:
    """Random weights with a wide spread, under Mistral's names."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for named in names.tensors(config):
        if len(named.shape) > 1:
            scale = 1.4 / math.sqrt(math.prod(named.shape[1:]))
            tensors[named.name] = rng.normal(0.0, scale, named.shape).astype(np.float32)
        else:
            mean = 0.0 if named.name.endswith("bias") else 1.0
            tensors[named.name] = rng.normal(mean, 0.1, named.shape).astype(np.float32)
    return tensors


def tone_tensors(config: VoxtralConfig = SMALL) -> Tensors:
    """The weights of the tone model."""
    tensors = random_tensors(config)
    for name, tensor in tensors.items():
        if "wo." in name or "w2." in name:
            tensor *= 0.01
    _detect_tones(tensors)
    _look_back(tensors, config)
    tensors[names.ENCODER_NORM][:] = tensors[names.DECODER_NORM][:] = 1.0
    first, second = (tensors[f"{names.ADAPTER}{number}.weight"] for number in (0, 2))
    first[:], second[:] = 0.0, 0.0
    for channel in range(_QUIET + 1):
        first[channel, channel :: config.encoder.dim] = 1.0
        second[channel, channel] = 0.004 if channel < _QUIET else 0.0016
    embeddings = tensors[names.EMBEDDINGS]
    embeddings[:] = 0.0
    embeddings[:, _CONSTANT] = 1.0  # far more than the tones' channels: so all keys are equally long
    for number in range(len(SYLLABLES)):
        embeddings[WORD if number == MARK else NUM_SPECIAL_TOKENS + number, _THEN + number] = 1.0
    embeddings[PAD, _THEN + _QUIET] = 1.0
    embeddings[BOS, -1] = 1.0  # all input tokens are equally long
    return tensors


def _look_back(tensors: Tensors, config: VoxtralConfig) -> None:
    """The first head of the first layer: it finds the position six before its own, and copies its tone."""
    stack, layer = config.decoder, f"{names.decoder_prefix(0)}attention"
    query, key, value, out = (tensors[f"{layer}.w{part}.weight"] for part in "qkvo")
    query[:], key[:], value[:], out[:] = 0.0, 0.0, 0.0, 0.0
    tensors[f"{layer}_norm.weight"][:] = 1.0
    for pair in range(stack.head_dim // 2):
        angle = -DELAY_TOKENS * stack.rope_theta ** (-2 * pair / stack.head_dim)
        query[2 * pair, _CONSTANT] = 4.0 * math.cos(angle)
        query[2 * pair + 1, _CONSTANT] = 4.0 * math.sin(angle)
        key[2 * pair, _CONSTANT] = 4.0
    for channel in range(_QUIET + 1):
        value[channel, channel] = 1.0
        out[_THEN + channel, channel] = 60.0


def _detect_tones(tensors: Tensors) -> None:
    """The stem: one channel for each tone, open where its band is nearly as loud as the tone makes it."""
    from voxtide.voxtral.mel import mel_filters

    filters = mel_filters()
    conv1, bias1 = tensors[f"{names.STEM}0.conv.weight"], tensors[f"{names.STEM}0.conv.bias"]
    conv2, bias2 = tensors[f"{names.STEM}1.conv.weight"], tensors[f"{names.STEM}1.conv.bias"]
    conv1[:], bias1[:], conv2[:], bias2[:] = 0.0, 0.0, 0.0, 0.0
    window = np.hanning(401)[:400]
    for number in range(len(SYLLABLES)):
        tone = _LEVEL * np.sin(2 * math.pi * (_FIRST_HZ + _STEP_HZ * number) * np.arange(400) / SAMPLE_RATE_HZ)
        energies = (np.abs(np.fft.rfft(tone * window)) ** 2) @ filters
        band = int(energies.argmax())
        loudness = (math.log10(energies[band]) + 4.0) / 4.0
        conv1[number, band, 2] = 40.0
        bias1[number] = -40.0 * (loudness - 0.35)
        conv2[number, number, 1:] = 1.0
    bias1[_QUIET] = 1.0
    conv2[_QUIET, _QUIET, 1:] = 1.0


def write(
    directory: Path,
    tensors: Tensors,
    config: VoxtralConfig = SMALL,
    *,
    is_hugging_face: bool = False,
    dtype: str = "F32",
) -> Path:
    """A checkpoint in either format, with its tokenizer."""
    directory.mkdir(parents=True, exist_ok=True)
    by_name = {named.name: named for named in names.tensors(config)}
    if is_hugging_face:
        tensors = {by_name[name].hugging_face: _permuted(by_name[name], tensor) for name, tensor in tensors.items()}
    settings = config.to_hugging_face() if is_hugging_face else _mistral_settings(config)
    stem = ("config.json", "model") if is_hugging_face else ("params.json", "consolidated")
    (directory / stem[0]).write_text(json.dumps(settings), "utf-8")
    _write_safetensors(directory / f"{stem[1]}.safetensors", tensors, dtype)
    write_tokenizer(directory / "tekken.json", config.vocab_size)
    return directory


def _permuted(named: names.Named, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rotary pairs lie side by side in one format, in two halves in the other."""
    if not named.num_heads:
        return tensor
    pairs = tensor.reshape(named.num_heads, -1, 2, *tensor.shape[1:])
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(tensor.shape)


def write_tokenizer(path: Path, vocab_size: int) -> None:
    """Syllables first, then made-up words."""
    made_up = [f" w{number}" for number in range(vocab_size - NUM_SPECIAL_TOKENS - len(SYLLABLES))]
    vocab = [
        {"rank": rank, "token_bytes": base64.b64encode(text.encode()).decode(), "token_str": text}
        for rank, text in enumerate([*SYLLABLES, *made_up])
    ]
    config = {"default_vocab_size": vocab_size, "default_num_special_tokens": NUM_SPECIAL_TOKENS, "version": "v13"}
    path.write_text(json.dumps({"config": config, "vocab": vocab}), "utf-8")


def _write_safetensors(path: Path, tensors: Tensors, dtype: str) -> None:
    header, parts, start = {}, [], 0
    for name, tensor in tensors.items():
        content = tensor.astype("<f4").tobytes()
        if dtype == "BF16":
            content = (np.frombuffer(content, "<u4") + 0x8000 >> 16).astype("<u2").tobytes()
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [start, start + len(content)]}
        parts.append(content)
        start += len(content)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    path.write_bytes(len(head).to_bytes(8, "little") + head + b"".join(parts))


def _mistral_settings(config: VoxtralConfig) -> dict[str, Any]:
    encoder_args = {
        **_mistral_stack(config.encoder),
        "audio_encoding_args": {"global_log_mel_max": config.log_mel_max},
    }
    return {
        **_mistral_stack(config.decoder),
        "vocab_size": config.vocab_size,
        "ada_rms_norm_t_cond_dim": config.ada_dim,
        "multimodal": {"whisper_model_args": {"encoder_args": encoder_args}},
    }


def _mistral_stack(stack: TransformerConfig) -> dict[str, Any]:
    return {
        "dim": stack.dim,
        "n_layers": stack.num_layers,
        "n_heads": stack.num_heads,
        "n_kv_heads": stack.num_kv_heads,
        "head_dim": stack.head_dim,
        "hidden_dim": stack.hidden_dim,
        "sliding_window": stack.window,
    }
