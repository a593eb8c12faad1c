"""The decoder of a Whisper model of CTranslate2, for PyTorch. In: its directory. Out: a checkpoint in OpenAI's names.

So that a peer which decodes with PyTorch has exactly the weights of the others. Reads version 6 of the format: names
with dimensions, type and bytes; a checkpoint of another version, type or architecture is refused. Weights of 8 or 16
bits become the numbers that CTranslate2 computes with: divided by their `_scale`, one per row or one for all.
"""

from __future__ import annotations

import base64
import gzip
import json
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

FORMAT_VERSION = 6
TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
SCALE = "_scale"
REMEDY = "pull the model again, or convert it with --quantization float16 by ctranslate2 4"
HEAD_SIZE = 64
"""The same in all Whisper models."""

Weights = dict[str, np.ndarray]


def read_weights(directory: Path) -> Weights:
    """All variables of a model but the scales, by name.

    Raises:
        SystemExit: The format is another one, the file is cut off, or the scale of a weight is missing.
    """
    path = directory / "model.bin"
    with path.open("rb") as file:
        try:
            return _weights(file)
        except (ValueError, struct.error) as error:
            raise SystemExit(f"{path} cannot be read: {error}; {REMEDY}") from error


def _weights(file: BinaryIO) -> Weights:
    version, spec = _number(file, "I"), _text(file)
    if (version, spec) != (FORMAT_VERSION, "WhisperSpec"):
        raise ValueError(f"it is {spec} of format {version}; this reads WhisperSpec of format {FORMAT_VERSION}")
    _number(file, "I")  # its revision
    variables = dict(_variable(file) for _ in range(_number(file, "I")))
    scales = {name: variables.pop(name) for name in list(variables) if name.endswith(SCALE)}
    return {name: _dequantised(name, value, scales.get(name + SCALE)) for name, value in variables.items()}


def _variable(file: BinaryIO) -> tuple[str, np.ndarray]:
    name = _text(file)
    shape = [_number(file, "I") for _ in range(_number(file, "B"))]
    kind = _number(file, "B")
    if kind not in TYPES:
        raise ValueError(f"{name} has type {kind}, which is none of {sorted(TYPES)}")
    data = file.read(_number(file, "I"))
    return name, np.frombuffer(data, TYPES[kind]).reshape(shape)


def _dequantised(name: str, value: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
    """A weight as real numbers. Integers without dimensions are settings, such as the number of heads."""
    if value.ndim == 0 or value.dtype.kind == "f":
        return value
    if scale is None or scale.shape not in ((), value.shape[:1]):
        raise ValueError(f"{name} is {value.dtype}, and {name}{SCALE} is {'missing' if scale is None else scale.shape}")
    return value / scale.astype(np.float32).reshape(-1, *[1] * (value.ndim - 1))


def _number(file: BinaryIO, kind: str) -> int:
    return struct.unpack(f"<{kind}", file.read(struct.calcsize(kind)))[0]


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "H")).rstrip(b"\0").decode()


def checkpoint(weights: Weights) -> dict[str, object]:
    """The decoder as OpenAI's checkpoints have it: `dims` and `model_state_dict`."""
    state = {
        "decoder.token_embedding.weight": weights["decoder/embeddings/weight"],
        "decoder.positional_embedding": weights["decoder/position_encodings/encodings"],
        **_norm("decoder.ln", weights, "decoder/layer_norm"),
    }
    num_layers = num_decoder_layers(weights)
    for layer in range(num_layers):
        state |= _layer(f"decoder.blocks.{layer}", weights, f"decoder/layer_{layer}")
    num_vocabulary, width = weights["decoder/embeddings/weight"].shape
    encoder_layers = {name.split("/")[1] for name in weights if name.startswith("encoder/layer_") and "/ffn/" in name}
    return {
        "dims": {
            "n_mels": weights["encoder/conv1/weight"].shape[1],
            "n_audio_ctx": len(weights["encoder/position_encodings/encodings"]),
            "n_audio_state": width,
            "n_audio_head": width // HEAD_SIZE,
            "n_audio_layer": len(encoder_layers),
            "n_vocab": num_vocabulary,
            "n_text_ctx": len(weights["decoder/position_encodings/encodings"]),
            "n_text_state": width,
            "n_text_head": width // HEAD_SIZE,
            "n_text_layer": num_layers,
        },
        "model_state_dict": {name: torch.from_numpy(value.astype(np.float32)) for name, value in state.items()},
    }


def num_decoder_layers(weights: Weights) -> int:
    """Layers of the decoder."""
    return len({name.split("/")[1] for name in weights if name.startswith("decoder/layer_") and "/ffn/" in name})


def _layer(to: str, weights: Weights, at: str) -> Weights:
    """One block. CTranslate2 stacks query, key and value in one matrix. Whisper's key has no bias."""
    query, key, value = np.split(weights[f"{at}/self_attention/linear_0/weight"], 3)
    query_bias, _, value_bias = np.split(weights[f"{at}/self_attention/linear_0/bias"], 3)
    cross_key, cross_value = np.split(weights[f"{at}/attention/linear_1/weight"], 2)
    return {
        f"{to}.attn.query.weight": query,
        f"{to}.attn.query.bias": query_bias,
        f"{to}.attn.key.weight": key,
        f"{to}.attn.value.weight": value,
        f"{to}.attn.value.bias": value_bias,
        **_linear(f"{to}.attn.out", weights, f"{at}/self_attention/linear_1"),
        **_norm(f"{to}.attn_ln", weights, f"{at}/self_attention/layer_norm"),
        **_linear(f"{to}.cross_attn.query", weights, f"{at}/attention/linear_0"),
        f"{to}.cross_attn.key.weight": cross_key,
        f"{to}.cross_attn.value.weight": cross_value,
        f"{to}.cross_attn.value.bias": np.split(weights[f"{at}/attention/linear_1/bias"], 2)[1],
        **_linear(f"{to}.cross_attn.out", weights, f"{at}/attention/linear_2"),
        **_norm(f"{to}.cross_attn_ln", weights, f"{at}/attention/layer_norm"),
        **_linear(f"{to}.mlp.0", weights, f"{at}/ffn/linear_0"),
        **_linear(f"{to}.mlp.2", weights, f"{at}/ffn/linear_1"),
        **_norm(f"{to}.mlp_ln", weights, f"{at}/ffn/layer_norm"),
    }


def _linear(to: str, weights: Weights, at: str) -> Weights:
    return {f"{to}.weight": weights[f"{at}/weight"], f"{to}.bias": weights[f"{at}/bias"]}


def _norm(to: str, weights: Weights, at: str) -> Weights:
    return {f"{to}.weight": weights[f"{at}/gamma"], f"{to}.bias": weights[f"{at}/beta"]}


def alignment_heads(directory: Path, num_layers: int, num_heads: int) -> str:
    """The heads that align text and audio, from `config.json`, as Whisper has them: a mask, packed, in base 85."""
    mask = np.zeros((num_layers, num_heads), bool)
    for layer, head in json.loads((directory / "config.json").read_text("utf-8"))["alignment_heads"]:
        mask[layer, head] = True
    return base64.b85encode(gzip.compress(mask.tobytes())).decode()
