"""Moonshine as ONNX graphs. In: weights. Out: three serialised models: stem, encoder, decoder. Runs nothing.

The published graphs spend most of a decoding step on bookkeeping: shapes, padding, two branches with a copy of every
weight. These compute the same function in about a tenth of the nodes, project the encoder's output to the keys and
values of all decoder layers at once, choose the best token, and output the cross-attention. The logits are an
output, too; a run that does not request them does not copy them.

stem:    audio [1, n] -> raw_frames [576, t2], sums [t1], square_sums [t1]
encoder: raw_frames, mean [1], gain [1] -> cross_key.L, cross_value.L [1, heads, t, 36] for each decoder layer L
decoder: tokens [1, s], position [1], first_choice [1] (index of the first of the s whose best next token is returned),
         cross_key.L, cross_value.L, past_key.L, past_value.L [1, heads, p, 36]
         -> best_tokens [1, c], logprobs [1, c] (c = s - first_choice), logits [1, c, 32768], attention [s, t],
            present_key.L, present_value.L [1, heads, p + s, 36]

Architecture: Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands" (2024).
Sizes are read from the weights where possible.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxtide.engines.moonshine.onnx_graph import FLOAT, INT64, MICROSOFT, OnnxGraph, Quantised, Values
from voxtide.engines.moonshine.stem import ENCODER_STRIDES
from voxtide.engines.moonshine.weights import Weights

NUM_HEADS = 8
NUM_ROTARY = 32
"""Dimensions of each head that rotate: 0.9 of 36, rounded down to an even number."""
ROTARY_BASE = 10_000.0
MAX_POSITIONS = 2048
"""Length of the rotary tables: 49 s of encoder frames, far beyond any window of ordinary speech."""
ALIGNED_HEADS = ((3, 2), (3, 5), (3, 6), (4, 0), (4, 3), (4, 6))
"""(layer, head) pairs of the cross-attention that attend to the audio of the token they predict. Over 97 words of real
speech, the peak of each lies within 35 ms (median) of the word's start in a forced alignment; other heads do not."""


def count_layers(weights: Weights) -> int:
    """The number of transformer layers in an encoder's or a decoder's weights."""
    return sum(layer.endswith("mlp.fc2") for layer in weights.linears)


def build_stem(encoder: Weights) -> bytes:
    """The first two convolutions, without the normalisation between them, which depends on the whole window.

    The second convolution is linear, so the normalisation can be applied after it (`_frames`). Its raw output is then
    the same for every window that contains these samples, so it can be cached.
    """
    g = OnnxGraph()
    first, second, _ = ENCODER_STRIDES
    tensors = encoder.tensors
    x = g.add("Unsqueeze", "audio", g.ints(1))
    x = g.add("Tanh", g.add("Conv", x, g.constant(tensors["conv1.weight"]), strides=[first]))
    g.name(g.add("Squeeze", g.add("ReduceSum", x, g.ints(1), keepdims=0), g.ints(0)), "sums")
    g.name(g.add("Squeeze", g.add("ReduceSumSquare", x, g.ints(1), keepdims=0), g.ints(0)), "square_sums")
    x = g.add("Conv", x, g.constant(_normed_conv2(tensors)), strides=[second])
    g.name(g.add("Squeeze", x, g.ints(0)), "raw_frames")
    return g.model(
        "moonshine",
        inputs={"audio": (FLOAT, [1, "n"])},
        outputs={
            "raw_frames": (FLOAT, [len(tensors["conv2.bias"]), "t2"]),
            "sums": (FLOAT, ["t1"]),
            "square_sums": (FLOAT, ["t1"]),
        },
    )


def _normed_conv2(tensors: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    """The second convolution's weights times the normalisation's gain per input channel."""
    return np.asarray(tensors["conv2.weight"] * tensors["onnx::Mul_2080"].reshape(1, -1, 1), np.float32)


def build_encoder(encoder: Weights, decoder: Weights) -> bytes:
    """The rest of the encoder, followed by the decoder's cross-attention projections."""
    g = OnnxGraph()
    x = _frames(g, encoder.tensors)
    tables, start = _rotary_tables(g), g.ints(0)
    for i in range(count_layers(encoder)):
        x = _encoder_layer(g, encoder, i, x, start, tables)
    x = g.layer_norm(x, encoder.tensors["layer_norm.weight"])
    _cross_projections(g, decoder, x)
    width = len(encoder.tensors["conv2.bias"])
    return g.model(
        "moonshine",
        inputs={"raw_frames": (FLOAT, [width, "t2"]), "mean": (FLOAT, [1]), "gain": (FLOAT, [1])},
        outputs={name: (FLOAT, _heads_shape(decoder, "t")) for name in cross_names(count_layers(decoder))},
    )


def cross_names(num_layers: int) -> list[str]:
    """The encoder's outputs, which are inputs of the decoder."""
    return [f"cross_{kind}.{i}" for kind in ("key", "value") for i in range(num_layers)]


def past_names(num_layers: int) -> list[str]:
    """The decoder's inputs: keys and values of the earlier tokens."""
    return [f"past_{kind}.{i}" for kind in ("key", "value") for i in range(num_layers)]


def present_names(num_layers: int) -> list[str]:
    """The decoder's outputs: the past keys and values and those of its own tokens, in the order of `past_names`."""
    return [f"present_{kind}.{i}" for kind in ("key", "value") for i in range(num_layers)]


def _heads_shape(decoder: Weights, length: str) -> list[int | str]:
    return [1, NUM_HEADS, length, _head_size(decoder)]


def _head_size(decoder: Weights) -> int:
    return decoder.tensors["norm.weight"].size // NUM_HEADS


def _frames(g: OnnxGraph, tensors: dict[str, NDArray[Any]]) -> str:
    """Apply the normalisation, then the last convolution: raw_frames [576, t2] -> [1, t, 288].

    With gain = 1 / deviation, conv2(normalised) = gain * (raw - mean * conv2(gains)) + conv2(offsets) + bias.
    """
    weight, offsets = tensors["conv2.weight"], tensors["onnx::Add_2081"].reshape(1, -1, 1)
    of_gains = _normed_conv2(tensors).sum(axis=(1, 2), keepdims=False)[:, None]
    of_offsets = ((weight * offsets).sum(axis=(1, 2)) + tensors["conv2.bias"])[:, None]
    x = g.add("Sub", "raw_frames", g.add("Mul", "mean", g.constant(of_gains)))
    x = g.add("Add", g.add("Mul", x, "gain"), g.constant(of_offsets.astype(np.float32)))
    x = g.add("Unsqueeze", g.add("Gelu", x), g.ints(0))
    conv3 = (g.constant(tensors["conv3.weight"]), g.constant(tensors["conv3.bias"]))
    x = g.add("Gelu", g.add("Conv", x, *conv3, strides=[ENCODER_STRIDES[2]]))
    return g.add("Transpose", x, perm=[0, 2, 1])


def _encoder_layer(g: OnnxGraph, weights: Weights, i: int, x: str, start: str, tables: tuple[str, str]) -> str:
    tensors, linears = weights.tensors, weights.linears
    normed = g.quantise(g.layer_norm(x, tensors[f"layers.{i}.input_layernorm.weight"]))
    q, k, v = _project(g, weights, f"layers.{i}.self_attn", normed)
    q, k = _rotate(g, q, start, tables), _rotate(g, k, start, tables)
    attended = g.add("MultiHeadAttention", q, k, v, domain=MICROSOFT, num_heads=NUM_HEADS)
    x = g.add("Add", x, g.linear(g.quantise(attended), [linears[f"layers.{i}.self_attn.o_proj"]]))
    normed = g.quantise(g.layer_norm(x, tensors[f"layers.{i}.post_attention_layernorm.weight"]))
    hidden = g.add("Gelu", g.linear(normed, [linears[f"layers.{i}.mlp.fc1"]], tensors[f"layers.{i}.mlp.fc1.bias"]))
    out = g.linear(g.quantise(hidden), [linears[f"layers.{i}.mlp.fc2"]], tensors[f"layers.{i}.mlp.fc2.bias"])
    return g.add("Add", x, out)


def _rotary_tables(g: OnnxGraph) -> tuple[str, str]:
    frequencies = ROTARY_BASE ** (-np.arange(0, NUM_ROTARY, 2) / NUM_ROTARY)
    angles = np.outer(np.arange(MAX_POSITIONS), frequencies)
    return g.constant(np.cos(angles).astype(np.float32)), g.constant(np.sin(angles).astype(np.float32))


def _rotate(g: OnnxGraph, x: str, position: str, tables: tuple[str, str]) -> str:
    attributes = {"interleaved": 1, "num_heads": NUM_HEADS, "rotary_embedding_dim": NUM_ROTARY}
    return g.add("RotaryEmbedding", x, position, *tables, domain=MICROSOFT, **attributes)


def _project(g: OnnxGraph, weights: Weights, layer: str, normed: Quantised) -> list[str]:
    """Queries, keys and values of a self-attention, each [1, s, 288]."""
    linears = [weights.linears[f"{layer}.{name}_proj"] for name in "qkv"]
    return g.split(g.linear(normed, linears), axis=-1, num_parts=3)


def _cross_projections(g: OnnxGraph, decoder: Weights, frames: str) -> None:
    """The encoder's frames [1, t, 288] -> keys and values of every decoder layer's cross-attention."""
    num_layers = count_layers(decoder)
    names = [f"layers.{i}.encoder_attn.{name}_proj" for name in "kv" for i in range(num_layers)]
    all_layers = g.linear(g.quantise(frames), [decoder.linears[name] for name in names])  # [1, t, 2 * num_layers * 288]
    size = _head_size(decoder)
    all_layers = g.add("Reshape", all_layers, g.ints(1, -1, 2 * num_layers * NUM_HEADS, size))
    all_layers = g.add("Transpose", all_layers, perm=[0, 2, 1, 3])
    for value, name in zip(g.split(all_layers, axis=1, num_parts=2 * num_layers), cross_names(num_layers), strict=True):
        g.name(value, name)


def build_decoder(weights: Weights) -> bytes:
    """The decoder: any number of tokens, after any number of past ones."""
    g = OnnxGraph()
    num_layers = count_layers(weights)
    x = _embed(g, weights)
    tables = _rotary_tables(g)
    attentions: dict[int, str] = {}
    for i in range(num_layers):
        x = _self_attention(g, weights, i, x, tables)
        x = _cross_attention(g, weights, i, x, attentions)
        x = _gated_mlp(g, weights, i, x)
    _output_attention(g, attentions)
    _best_tokens(g, weights, x)
    inputs, outputs = _decoder_signature(weights)
    return g.model("moonshine", inputs=inputs, outputs=outputs)


def _embed(g: OnnxGraph, weights: Weights) -> str:
    table, prefix = weights.tensors, "embed_tokens.weight"
    embedded = g.add("Gather", g.constant(table[f"{prefix}_quantized"]), "tokens")
    scale, zero_point = (g.constant(table[f"{prefix}_{name}"]) for name in ("scale", "zero_point"))
    return g.add("DequantizeLinear", embedded, scale, zero_point)


def _self_attention(g: OnnxGraph, weights: Weights, i: int, x: str, tables: tuple[str, str]) -> str:
    normed = g.quantise(g.layer_norm(x, weights.tensors[f"layers.{i}.input_layernorm.weight"]))
    q, k, v = _project(g, weights, f"layers.{i}.self_attn", normed)
    q, k = _rotate(g, q, "position", tables), _rotate(g, k, "position", tables)
    inputs = [q, k, v, "", "", "", f"past_key.{i}", f"past_value.{i}"]
    attended, key, value = g.add_three(
        "MultiHeadAttention", *inputs, domain=MICROSOFT, num_heads=NUM_HEADS, unidirectional=1
    )
    g.name(key, f"present_key.{i}")
    g.name(value, f"present_value.{i}")
    return g.add("Add", x, g.linear(g.quantise(attended), [weights.linears[f"layers.{i}.self_attn.o_proj"]]))


def _cross_attention(g: OnnxGraph, weights: Weights, i: int, x: str, attentions: dict[int, str]) -> str:
    """The layer's output; in `attentions`, if it has aligned heads, the attention [1, heads, s, t]."""
    normed = g.quantise(g.layer_norm(x, weights.tensors[f"layers.{i}.post_attention_layernorm.weight"]))
    query = g.linear(normed, [weights.linears[f"layers.{i}.encoder_attn.q_proj"]])
    key, value = f"cross_key.{i}", f"cross_value.{i}"
    if i in {layer for layer, _ in ALIGNED_HEADS}:
        out, attentions[i] = _unfused_attention(g, query, key, value, _head_size(weights))
    else:
        out = g.add("MultiHeadAttention", query, key, value, domain=MICROSOFT, num_heads=NUM_HEADS)
    return g.add("Add", x, g.linear(g.quantise(out), [weights.linears[f"layers.{i}.encoder_attn.o_proj"]]))


def _unfused_attention(g: OnnxGraph, query: str, key: str, value: str, size: int) -> tuple[str, str]:
    query = g.add("Reshape", query, g.ints(1, -1, NUM_HEADS, size))
    query = g.add("Transpose", query, perm=[0, 2, 1, 3])
    scores = g.add("FusedMatMul", query, key, domain=MICROSOFT, transB=1, alpha=size**-0.5)
    attention = g.add("Softmax", scores, axis=-1)
    out = g.add("Transpose", g.add("MatMul", attention, value), perm=[0, 2, 1, 3])
    return g.add("Reshape", out, g.ints(1, -1, NUM_HEADS * size)), attention


def _output_attention(g: OnnxGraph, attentions: dict[int, str]) -> None:
    """The mean over the aligned heads: [s, t]."""
    layers = sorted({layer for layer, _ in ALIGNED_HEADS})
    indices = [layers.index(layer) * NUM_HEADS + head for layer, head in ALIGNED_HEADS]
    heads = g.add("Concat", *(attentions[layer] for layer in layers), axis=1)
    heads = g.add("Gather", heads, g.ints(*indices), axis=1)
    g.name(g.add("ReduceMean", heads, g.ints(0, 1), keepdims=0), "attention")


def _gated_mlp(g: OnnxGraph, weights: Weights, i: int, x: str) -> str:
    tensors, linears = weights.tensors, weights.linears
    normed = g.quantise(g.layer_norm(x, tensors[f"layers.{i}.final_layernorm.weight"]))
    both = g.linear(normed, [linears[f"layers.{i}.mlp.fc1"]], tensors[f"layers.{i}.mlp.fc1.bias"])
    hidden, gate = g.split(both, axis=-1, num_parts=2)
    hidden = g.add("Mul", hidden, g.add("QuickGelu", gate, domain=MICROSOFT, alpha=1.0))  # with alpha 1 it is SiLU
    out = g.linear(g.quantise(hidden), [linears[f"layers.{i}.mlp.fc2"]], tensors[f"layers.{i}.mlp.fc2.bias"])
    return g.add("Add", x, out)


def _best_tokens(g: OnnxGraph, weights: Weights, x: str) -> None:
    """The likeliest token after each position from `first_choice` on, and its natural log probability."""
    x = g.add("Slice", x, "first_choice", g.ints(2**31), g.ints(1))
    normed = g.quantise(g.layer_norm(x, weights.tensors["norm.weight"]))
    g.name(g.linear(normed, [weights.linears["logits"]]), "logits")
    logits = "logits"
    g.name(g.add("ArgMax", logits, axis=-1, keepdims=0), "best_tokens")
    best = g.add("ReduceMax", logits, g.ints(-1), keepdims=1)
    spread = g.add("ReduceSum", g.add("Exp", g.add("Sub", logits, best)), g.ints(-1), keepdims=0)
    g.name(g.add("Neg", g.add("Log", spread)), "logprobs")


def _decoder_signature(weights: Weights) -> tuple[Values, Values]:
    num_layers = count_layers(weights)
    cross, past, present = (_heads_shape(weights, length) for length in ("t", "p", "ps"))
    inputs: Values = {
        "tokens": (INT64, [1, "s"]),
        "position": (INT64, [1]),
        "first_choice": (INT64, [1]),
        **dict.fromkeys(cross_names(num_layers), (FLOAT, cross)),
        **dict.fromkeys(past_names(num_layers), (FLOAT, past)),
    }
    outputs: Values = {
        "best_tokens": (INT64, [1, "c"]),
        "logprobs": (FLOAT, [1, "c"]),
        "logits": (FLOAT, [1, "c", len(weights.tensors["embed_tokens.weight_quantized"])]),
        "attention": (FLOAT, ["s", "t"]),
        **dict.fromkeys(present_names(num_layers), (FLOAT, present)),
    }
    return inputs, outputs
