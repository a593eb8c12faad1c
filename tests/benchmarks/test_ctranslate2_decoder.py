"""The decoder of a tiny model in CTranslate2's format becomes OpenAI's checkpoint."""

from __future__ import annotations

import base64
import gzip
import json
import struct
from pathlib import Path

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


def write_model(directory: Path, *, version: int = 6, kind: int = 4) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    weights = {name: random.normal(size=shape).astype(np.float16) for name, shape in SHAPES.items()}

    def text(value: str) -> bytes:
        data = value.encode() + b"\0"
        return struct.pack("<H", len(data)) + data

    data = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(weights))
    for name, value in weights.items():
        data += text(name) + struct.pack(f"<B{value.ndim}I", value.ndim, *value.shape)
        data += struct.pack("<BI", kind, value.nbytes) + value.tobytes()
    (directory / "model.bin").write_bytes(data)
    return weights


def test_weights_have_their_names_and_stacked_ones_are_split(tmp_path: Path) -> None:
    weights = write_model(tmp_path)
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
    write_model(tmp_path)
    dims = checkpoint(read_weights(tmp_path))["dims"]
    audio = {"n_mels": 80, "n_audio_ctx": 15, "n_audio_state": WIDTH, "n_audio_head": 2, "n_audio_layer": 2}
    text = {"n_vocab": VOCABULARY, "n_text_ctx": 7, "n_text_state": WIDTH, "n_text_head": 2, "n_text_layer": 1}
    assert dims == audio | text


@pytest.mark.parametrize(("version", "kind", "message"), [(7, 4, "WhisperSpec of format 7"), (6, 9, "has type 9")])
def test_another_format_is_refused(tmp_path: Path, version: int, kind: int, message: str) -> None:
    write_model(tmp_path, version=version, kind=kind)
    with pytest.raises(SystemExit, match=message):
        read_weights(tmp_path)


def test_alignment_heads_are_a_packed_mask(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"alignment_heads": [[0, 1], [2, 0]]}), "utf-8")
    packed = gzip.decompress(base64.b85decode(alignment_heads(tmp_path, 3, 2)))
    assert np.frombuffer(packed, bool).reshape(3, 2).tolist() == [[False, True], [False, False], [True, False]]
