"""The decoder of a tiny model in CTranslate2's format becomes OpenAI's checkpoint."""

from __future__ import annotations

import base64
import gzip
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from benchmarks.adapters.ctranslate2_decoder import alignment_heads, checkpoint, read_weights  # noqa: E402  # needs torch

WIDTH, VOCABULARY = 128, 10
SHAPES = {
    "decoder/embeddings/weight": (VOCABULARY, WIDTH),
    "decoder/position_encodings/encodings": (7, WIDTH),
    "decoder/layer_norm/gamma": (WIDTH,),
    "decoder/layer_norm/beta": (WIDTH,),
    "encoder/conv1/weight": (WIDTH, 80, 3),
    "encoder/position_encodings/encodings": (15, WIDTH),
    "encoder/layer_0/ffn/linear_0/weight": (4 * WIDTH, WIDTH),
    "encoder/layer_1/ffn/linear_0/weight": (4 * WIDTH, WIDTH),
}
for _name, _outputs in {
    "self_attention/linear_0": 3 * WIDTH,
    "self_attention/linear_1": WIDTH,
    "attention/linear_0": WIDTH,
    "attention/linear_1": 2 * WIDTH,
    "attention/linear_2": WIDTH,
    "ffn/linear_0": 4 * WIDTH,
    "ffn/linear_1": WIDTH,
}.items():
    _inputs = 4 * WIDTH if _name == "ffn/linear_1" else WIDTH
    SHAPES |= {f"decoder/layer_0/{_name}/weight": (_outputs, _inputs), f"decoder/layer_0/{_name}/bias": (_outputs,)}
for _name in ("self_attention", "attention", "ffn"):
    SHAPES |= {f"decoder/layer_0/{_name}/layer_norm/{part}": (WIDTH,) for part in ("gamma", "beta")}


Variables = dict[str, np.ndarray]
KINDS = {np.dtype(np.float32): 0, np.dtype(np.int8): 1, np.dtype(np.int16): 2, np.dtype(np.float16): 4}


def random_weights() -> Variables:
    random = np.random.default_rng(0)
    return {name: random.normal(size=shape).astype(np.float16) for name, shape in SHAPES.items()}


def quantised(weights: Variables, dtype: type[np.integer[Any]]) -> Variables:
    """As CTranslate2's converter does: matrices only; 8 bits with a scale per row, 16 bits with one for all."""
    stored: Variables = {}
    for name, value in weights.items():
        if not name.endswith("weight"):
            stored[name] = value.astype(np.float32)
            continue
        size = np.abs(value.astype(np.float32)).reshape(len(value), -1)
        scale = 127 / size.max(axis=1) if dtype == np.int8 else np.float32(2**10 / size.max())
        stored[name] = np.rint(value * scale.reshape(-1, *[1] * (value.ndim - 1))).astype(dtype)
        stored[f"{name}_scale"] = scale
    return stored


def write_model(directory: Path, weights: Variables, *, version: int = 6, kind: int | None = None) -> None:
    def text(value: str) -> bytes:
        data = value.encode() + b"\0"
        return struct.pack("<H", len(data)) + data

    data = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(weights))
    for name, value in weights.items():
        data += text(name) + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        data += struct.pack("<BI", KINDS[value.dtype] if kind is None else kind, value.nbytes) + value.tobytes()
    (directory / "model.bin").write_bytes(data)


def test_weights_have_their_names_and_stacked_ones_are_split(tmp_path: Path) -> None:
    write_model(tmp_path, weights := random_weights())
    found = checkpoint(read_weights(tmp_path))
    state = found["model_state_dict"]
    stacked = weights["decoder/layer_0/self_attention/linear_0/weight"].astype(np.float32)
    for number, name in enumerate(("query", "key", "value")):
        part = stacked[number * WIDTH : (number + 1) * WIDTH]
        assert np.array_equal(state[f"decoder.blocks.0.attn.{name}.weight"], part)
    crossed = weights["decoder/layer_0/attention/linear_1/bias"].astype(np.float32)
    assert np.array_equal(state["decoder.blocks.0.cross_attn.value.bias"], crossed[WIDTH:])
    assert np.array_equal(state["decoder.ln.weight"], weights["decoder/layer_norm/gamma"].astype(np.float32))
    assert len(state) == 4 + 24
    assert all(value.dtype == torch.float32 for value in state.values())


def test_dimensions_are_those_of_the_weights(tmp_path: Path) -> None:
    write_model(tmp_path, random_weights())
    dims = checkpoint(read_weights(tmp_path))["dims"]
    audio = {"n_mels": 80, "n_audio_ctx": 15, "n_audio_state": WIDTH, "n_audio_head": 2, "n_audio_layer": 2}
    text = {"n_vocab": VOCABULARY, "n_text_ctx": 7, "n_text_state": WIDTH, "n_text_head": 2, "n_text_layer": 1}
    assert dims == audio | text


@pytest.mark.parametrize(("version", "kind", "message"), [(7, None, "WhisperSpec of format 7"), (6, 9, "has type 9")])
def test_another_format_is_refused(tmp_path: Path, version: int, kind: int | None, message: str) -> None:
    write_model(tmp_path, random_weights(), version=version, kind=kind)
    with pytest.raises(SystemExit, match=rf"model\.bin cannot be read: .*{message}.*; pull the model again"):
        read_weights(tmp_path)


@pytest.mark.parametrize(("dtype", "step"), [(np.int8, 1 / 127), (np.int16, 1 / 1024)])
def test_quantised_weights_are_real_numbers(tmp_path: Path, dtype: type[np.integer[Any]], step: float) -> None:
    weights = random_weights()
    heads = {"decoder/num_heads": np.array(2, np.int16)}
    write_model(tmp_path, quantised(weights, dtype) | heads)
    read = read_weights(tmp_path)
    assert read["decoder/num_heads"] == 2
    state = checkpoint(read)["model_state_dict"]
    for name, stored in {
        "decoder.token_embedding.weight": "decoder/embeddings/weight",
        "decoder.blocks.0.mlp.2.weight": "decoder/layer_0/ffn/linear_1/weight",
        "decoder.blocks.0.mlp.2.bias": "decoder/layer_0/ffn/linear_1/bias",
    }.items():
        exact = weights[stored].astype(np.float32)
        assert np.abs(state[name].numpy() - exact).max() <= step * np.abs(exact).max()


def test_a_scale_that_is_missing_or_of_another_shape_is_named(tmp_path: Path) -> None:
    weights = quantised(random_weights(), np.int8)
    name = "decoder/embeddings/weight"
    for wrong, found in (({f"{name}_scale": np.ones(3, np.float32)}, r"\(3,\)"), ({}, "missing")):
        write_model(tmp_path, {it: value for it, value in weights.items() if it != f"{name}_scale"} | wrong)
        with pytest.raises(
            SystemExit, match=rf"model\.bin cannot be read: {name} is int8, and {name}_scale is {found}"
        ):
            read_weights(tmp_path)


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    write_model(tmp_path, random_weights())
    path = tmp_path / "model.bin"
    for size in (2, 100, path.stat().st_size - 2):
        path.write_bytes(path.read_bytes()[:size])
        with pytest.raises(SystemExit, match=r"model\.bin cannot be read"):
            read_weights(tmp_path)
        write_model(tmp_path, random_weights())


def test_alignment_heads_are_a_packed_mask(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"alignment_heads": [[0, 1], [2, 0]]}), "utf-8")
    packed = gzip.decompress(base64.b85decode(alignment_heads(tmp_path, 3, 2)))
    assert np.frombuffer(packed, bool).reshape(3, 2).tolist() == [[False, True], [False, False], [True, False]]
