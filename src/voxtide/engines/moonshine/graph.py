"""Moonshine as ONNX graphs. In: weights. Out: three serialised models: stem, encoder, decoder. Runs nothing.

The published graphs spend most of a decoding step on bookkeeping: shapes, padding, two branches with a copy of every
weight. These compute the same function in about a tenth of the nodes, project the encoder's output to all the decoder
layers' keys and values at once, tell the best token instead of 32,768 logits, and show where the decoder looks.

stem:    audio [1, n] -> raw_frames [576, t2], sums [t1], square_sums [t1]
encoder: raw_frames, mean [1], gain [1] -> cross_key.L, cross_value.L [1, heads, t, 36] for each decoder layer L
decoder: tokens [1, s], position [1], cross_key.L, cross_value.L, past_key.L, past_value.L [1, heads, p, 36]
         -> best_tokens [1, s], logprobs [1, s], attention [s, t], present_key.L, present_value.L

Architecture: Jeffries et al., "Moonshine: Speech Recognition for Live Transcription and Voice Commands" (2024);
sizes are read from the weights where they can be.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from voxtide.engines.moonshine.weights import Linear, Weights

NUM_HEADS = 8
NUM_ROTARY = 32
"""Dimensions of each head that rotate: 0.9 of 36, rounded down to an even number."""
ROTARY_BASE = 10_000.0
MAX_POSITIONS = 2048
"""Rows of the rotary tables: 49 s of encoder frames, far beyond any window."""
ALIGNED_HEADS = ((3, 2), (3, 5), (3, 6), (4, 0), (4, 3), (4, 6))
"""(layer, head) pairs of the cross-attention that look at the sound of the token they predict. Over 97 words of real
speech, the peak of each lies within 35 ms (median) of the word's start in a forced alignment; others wander."""
ENCODER_STRIDES = (64, 3, 2)
"""Of the three convolutions. Samples per encoder frame are their product, 384 (24 ms)."""
ENCODER_KERNELS = (127, 7, 3)

_MICROSOFT = "com.microsoft"
_OPSETS = {"": 20, _MICROSOFT: 1}
_IR_VERSION = 9


class _Graph:
    """An ONNX graph under construction: each method adds a node and returns the name of its output."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._numbers = itertools.count()

    def constant(self, value: NDArray[Any]) -> str:
        name = f"c{next(self._numbers)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def add(self, op: str, *inputs: str, domain: str = "", arity: int = 1, **attributes: Any) -> Any:
        outputs = [f"v{next(self._numbers)}" for _ in range(arity)]
        self._nodes.append(helper.make_node(op, list(inputs), outputs, domain=domain, **attributes))
        return outputs[0] if arity == 1 else outputs

    def split(self, x: str, *, axis: int, parts: int) -> list[str]:
        outputs: list[str] = self.add("Split", x, arity=parts, axis=axis, num_outputs=parts)
        return outputs

    def rename(self, value: str, name: str) -> None:
        self._nodes.append(helper.make_node("Identity", [value], [name]))

    def layer_norm(self, x: str, weight: NDArray[Any]) -> str:
        return str(self.add("LayerNormalization", x, self.constant(weight), axis=-1, epsilon=1e-5))

    def quantise(self, x: str) -> tuple[str, str, str]:
        quantised, scale, zero_point = self.add("DynamicQuantizeLinear", x, arity=3)
        return quantised, scale, zero_point

    def linear(self, x: tuple[str, str, str], linears: list[Linear], bias: NDArray[Any] | None = None) -> str:
        """One product for several matrices that take the same input; their outputs lie side by side.

        Weights go from uint8 to int8 by moving their zero point: the same numbers, and the form for which processors
        have the faster instructions.
        """
        quantised, scale, zero_point = x
        weight = np.concatenate([m.quantised.astype(np.int16) - 128 for m in linears], axis=1).astype(np.int8)
        widths = [m.quantised.shape[1] for m in linears]
        scales = np.repeat(np.array([m.scale for m in linears], np.float32), widths)
        zeros = np.repeat(np.array([m.zero_point - 128 for m in linears], np.int8), widths)
        inputs = [quantised, self.constant(weight), scale, self.constant(scales), zero_point, self.constant(zeros)]
        if bias is not None:
            inputs.append(self.constant(bias))
        return str(self.add("MatMulIntegerToFloat", *inputs, domain=_MICROSOFT))

    def rotate(self, x: str, position: str, tables: tuple[str, str]) -> str:
        attributes = {"interleaved": 1, "num_heads": NUM_HEADS, "rotary_embedding_dim": NUM_ROTARY}
        return str(self.add("RotaryEmbedding", x, position, *tables, domain=_MICROSOFT, **attributes))

    def rotary_tables(self) -> tuple[str, str]:
        frequencies = ROTARY_BASE ** (-np.arange(0, NUM_ROTARY, 2) / NUM_ROTARY)
        angles = np.outer(np.arange(MAX_POSITIONS), frequencies)
        return self.constant(np.cos(angles).astype(np.float32)), self.constant(np.sin(angles).astype(np.float32))

    def model(self, inputs: dict[str, tuple[int, list[Any]]], outputs: dict[str, tuple[int, list[Any]]]) -> bytes:
        def infos(values: dict[str, tuple[int, list[Any]]]) -> list[onnx.ValueInfoProto]:
            return [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in values.items()]

        graph = helper.make_graph(self._nodes, "moonshine", infos(inputs), infos(outputs), self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
        model: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION).SerializeToString()
        return model


def num_layers(weights: Weights) -> int:
    """Transformer layers in the encoder or decoder that the weights are of."""
    return sum(layer.endswith("mlp.fc2") for layer in weights.linears)


def build_stem(encoder: Weights) -> bytes:
    """The first two convolutions, as far as they do not depend on the rest of the window.

    Between them the model normalises by the mean and deviation over the whole window. A convolution is linear, so it
    can go first: its raw output is the same for every window that holds these samples, and so is worth keeping.
    """
    g = _Graph()
    first, second, _ = ENCODER_STRIDES
    tensors = encoder.tensors
    x = g.add("Unsqueeze", "audio", g.ints(1))
    x = g.add("Tanh", g.add("Conv", x, g.constant(tensors["conv1.weight"]), strides=[first]))
    g.rename(g.add("Squeeze", g.add("ReduceSum", x, g.ints(1), keepdims=0), g.ints(0)), "sums")
    g.rename(g.add("Squeeze", g.add("ReduceSumSquare", x, g.ints(1), keepdims=0), g.ints(0)), "square_sums")
    x = g.add("Conv", x, g.constant(_normed_conv2(tensors)), strides=[second])
    g.rename(g.add("Squeeze", x, g.ints(0)), "raw_frames")
    kind, width = TensorProto.FLOAT, len(tensors["conv2.bias"])
    outputs: dict[str, Any] = {
        "raw_frames": (kind, [width, "t2"]),
        "sums": (kind, ["t1"]),
        "square_sums": (kind, ["t1"]),
    }
    return g.model({"audio": (kind, [1, "n"])}, outputs)


def _normed_conv2(tensors: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    """The second convolution's weights with the normalisation's gain, one per input channel, multiplied in."""
    return np.asarray(tensors["conv2.weight"] * tensors["onnx::Mul_2080"].reshape(1, -1, 1), np.float32)


def build_encoder(encoder: Weights, decoder: Weights) -> bytes:
    """The rest of the encoder, with the decoder's cross-attention projections at its end."""
    g = _Graph()
    x = _frames(g, encoder.tensors)
    tables, start = g.rotary_tables(), g.ints(0)
    for i in range(num_layers(encoder)):
        x = _encoder_layer(g, encoder, i, x, start, tables)
    x = g.layer_norm(x, encoder.tensors["layer_norm.weight"])
    _cross_projections(g, decoder, x)
    kind = TensorProto.FLOAT
    return g.model(
        {"raw_frames": (kind, [len(encoder.tensors["conv2.bias"]), "t2"]), "mean": (kind, [1]), "gain": (kind, [1])},
        {name: (kind, _heads_shape(decoder, "t")) for name in cross_names(num_layers(decoder))},
    )


def cross_names(layers: int) -> list[str]:
    """The encoder's outputs, inputs of the decoder."""
    return [f"cross_{kind}.{i}" for kind in ("key", "value") for i in range(layers)]


def _heads_shape(decoder: Weights, length: str) -> list[Any]:
    return [1, NUM_HEADS, length, decoder.tensors["norm.weight"].size // NUM_HEADS]


def _frames(g: _Graph, tensors: dict[str, NDArray[Any]]) -> str:
    """Finish the normalisation, then the last convolution: raw_frames [576, t2] -> [1, t, 288].

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
    return str(g.add("Transpose", x, perm=[0, 2, 1]))


def _encoder_layer(g: _Graph, weights: Weights, i: int, x: str, start: str, tables: tuple[str, str]) -> str:
    tensors, linears = weights.tensors, weights.linears
    normed = g.quantise(g.layer_norm(x, tensors[f"layers.{i}.input_layernorm.weight"]))
    q, k, v = _project(g, weights, f"layers.{i}.self_attn", normed)
    q, k = g.rotate(q, start, tables), g.rotate(k, start, tables)
    attended = g.add("MultiHeadAttention", q, k, v, domain=_MICROSOFT, num_heads=NUM_HEADS)
    x = g.add("Add", x, g.linear(g.quantise(attended), [linears[f"layers.{i}.self_attn.o_proj"]]))
    normed = g.quantise(g.layer_norm(x, tensors[f"layers.{i}.post_attention_layernorm.weight"]))
    hidden = g.add("Gelu", g.linear(normed, [linears[f"layers.{i}.mlp.fc1"]], tensors[f"layers.{i}.mlp.fc1.bias"]))
    out = g.linear(g.quantise(hidden), [linears[f"layers.{i}.mlp.fc2"]], tensors[f"layers.{i}.mlp.fc2.bias"])
    return str(g.add("Add", x, out))


def _project(g: _Graph, weights: Weights, layer: str, normed: tuple[str, str, str]) -> list[str]:
    """Queries, keys and values of a self-attention, each [1, s, 288]."""
    linears = [weights.linears[f"{layer}.{name}_proj"] for name in "qkv"]
    return g.split(g.linear(normed, linears), axis=-1, parts=3)


def _cross_projections(g: _Graph, decoder: Weights, frames: str) -> None:
    """Keys and values of every decoder layer's cross-attention from the encoder's frames [1, t, 288]."""
    layers = num_layers(decoder)
    names = [f"layers.{i}.encoder_attn.{name}_proj" for name in "kv" for i in range(layers)]
    all_layers = g.linear(g.quantise(frames), [decoder.linears[name] for name in names])  # [1, t, 2 * layers * 288]
    _, heads, _, size = _heads_shape(decoder, "t")
    all_layers = g.add("Reshape", all_layers, g.ints(1, -1, 2 * layers * heads, size))
    all_layers = g.add("Transpose", all_layers, perm=[0, 2, 1, 3])
    for value, name in zip(g.split(all_layers, axis=1, parts=2 * layers), cross_names(layers), strict=True):
        g.rename(value, name)


def build_decoder(weights: Weights) -> bytes:
    """The decoder: any number of tokens after any number before them."""
    g = _Graph()
    layers = num_layers(weights)
    x = _embed(g, weights)
    tables = g.rotary_tables()
    attentions: dict[int, str] = {}
    for i in range(layers):
        x = _self_attention(g, weights, i, x, tables)
        x = _cross_attention(g, weights, i, x, attentions)
        x = _gated_mlp(g, weights, i, x)
    _show_attention(g, attentions)
    _choose(g, weights, x)
    return g.model(*_decoder_signature(weights))


def _embed(g: _Graph, weights: Weights) -> str:
    table, prefix = weights.tensors, "embed_tokens.weight"
    rows = g.add("Gather", g.constant(table[f"{prefix}_quantized"]), "tokens")
    scale, zero_point = (g.constant(table[f"{prefix}_{name}"]) for name in ("scale", "zero_point"))
    return str(g.add("DequantizeLinear", rows, scale, zero_point))


def _self_attention(g: _Graph, weights: Weights, i: int, x: str, tables: tuple[str, str]) -> str:
    normed = g.quantise(g.layer_norm(x, weights.tensors[f"layers.{i}.input_layernorm.weight"]))
    q, k, v = _project(g, weights, f"layers.{i}.self_attn", normed)
    q, k = g.rotate(q, "position", tables), g.rotate(k, "position", tables)
    inputs = [q, k, v, "", "", "", f"past_key.{i}", f"past_value.{i}"]
    attended, key, value = g.add(
        "MultiHeadAttention", *inputs, domain=_MICROSOFT, arity=3, num_heads=NUM_HEADS, unidirectional=1
    )
    g.rename(key, f"present_key.{i}")
    g.rename(value, f"present_value.{i}")
    return str(g.add("Add", x, g.linear(g.quantise(attended), [weights.linears[f"layers.{i}.self_attn.o_proj"]])))


def _cross_attention(g: _Graph, weights: Weights, i: int, x: str, attentions: dict[int, str]) -> str:
    """The layer's output. Where heads are aligned, also the attention [1, heads, s, t], which the fused form hides."""
    normed = g.quantise(g.layer_norm(x, weights.tensors[f"layers.{i}.post_attention_layernorm.weight"]))
    query = g.linear(normed, [weights.linears[f"layers.{i}.encoder_attn.q_proj"]])
    key, value = f"cross_key.{i}", f"cross_value.{i}"
    if i in {layer for layer, _ in ALIGNED_HEADS}:
        out, attentions[i] = _spelled_out_attention(g, query, key, value, _heads_shape(weights, "t")[-1])
    else:
        out = g.add("MultiHeadAttention", query, key, value, domain=_MICROSOFT, num_heads=NUM_HEADS)
    return str(g.add("Add", x, g.linear(g.quantise(out), [weights.linears[f"layers.{i}.encoder_attn.o_proj"]])))


def _spelled_out_attention(g: _Graph, query: str, key: str, value: str, size: int) -> tuple[str, str]:
    query = g.add("Reshape", query, g.ints(1, -1, NUM_HEADS, size))
    query = g.add("Transpose", query, perm=[0, 2, 1, 3])
    scores = g.add("FusedMatMul", query, key, domain=_MICROSOFT, transB=1, alpha=size**-0.5)
    attention = g.add("Softmax", scores, axis=-1)
    out = g.add("Transpose", g.add("MatMul", attention, value), perm=[0, 2, 1, 3])
    return g.add("Reshape", out, g.ints(1, -1, NUM_HEADS * size)), attention


def _show_attention(g: _Graph, attentions: dict[int, str]) -> None:
    """The mean over the aligned heads: [s, t]."""
    layers = sorted({layer for layer, _ in ALIGNED_HEADS})
    rows = [layers.index(layer) * NUM_HEADS + head for layer, head in ALIGNED_HEADS]
    heads = g.add("Concat", *(attentions[layer] for layer in layers), axis=1)
    heads = g.add("Gather", heads, g.ints(*rows), axis=1)
    g.rename(g.add("ReduceMean", heads, g.ints(0, 1), keepdims=0), "attention")


def _gated_mlp(g: _Graph, weights: Weights, i: int, x: str) -> str:
    tensors, linears = weights.tensors, weights.linears
    normed = g.quantise(g.layer_norm(x, tensors[f"layers.{i}.final_layernorm.weight"]))
    both = g.linear(normed, [linears[f"layers.{i}.mlp.fc1"]], tensors[f"layers.{i}.mlp.fc1.bias"])
    hidden, gate = g.split(both, axis=-1, parts=2)
    hidden = g.add("Mul", hidden, g.add("QuickGelu", gate, domain=_MICROSOFT, alpha=1.0))  # with alpha 1 it is SiLU
    out = g.linear(g.quantise(hidden), [linears[f"layers.{i}.mlp.fc2"]], tensors[f"layers.{i}.mlp.fc2.bias"])
    return str(g.add("Add", x, out))


def _choose(g: _Graph, weights: Weights, x: str) -> None:
    """The likeliest token after each position from `first_choice` on, and its natural log probability."""
    x = g.add("Slice", x, "first_choice", g.ints(2**31), g.ints(1))
    normed = g.quantise(g.layer_norm(x, weights.tensors["norm.weight"]))
    logits = g.linear(normed, [weights.linears["logits"]])
    g.rename(g.add("ArgMax", logits, axis=-1, keepdims=0), "best_tokens")
    best = g.add("ReduceMax", logits, g.ints(-1), keepdims=1)
    spread = g.add("ReduceSum", g.add("Exp", g.add("Sub", logits, best)), g.ints(-1), keepdims=0)
    g.rename(g.add("Neg", g.add("Log", spread)), "logprobs")


def _decoder_signature(weights: Weights) -> tuple[dict[str, Any], dict[str, Any]]:
    ints, floats, layers = TensorProto.INT64, TensorProto.FLOAT, num_layers(weights)
    inputs: dict[str, Any] = {"tokens": (ints, [1, "s"]), "position": (ints, [1]), "first_choice": (ints, [1])}
    inputs |= {name: (floats, _heads_shape(weights, "t")) for name in cross_names(layers)}
    outputs: dict[str, Any] = {
        "best_tokens": (ints, [1, "c"]),
        "logprobs": (floats, [1, "c"]),
        "attention": (floats, ["s", "t"]),
    }
    for kind, i in itertools.product(("key", "value"), range(layers)):
        inputs[f"past_{kind}.{i}"] = (floats, _heads_shape(weights, "p"))
        outputs[f"present_{kind}.{i}"] = (floats, _heads_shape(weights, "ps"))
    return inputs, outputs
