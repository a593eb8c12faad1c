"""Reading the checkpoint's files, and refusing others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.pulled_models import model_directory
from voxtide.engines.moonshine.weights import Weights, read_weights
from voxtide.errors import ModelCorruptError

LAYERS = 6
WIDTH = 288
VOCABULARY = 32768


@pytest.fixture(scope="module")
def directory() -> Path:
    return model_directory("moonshine-tiny-en")


@pytest.fixture(scope="module")
def encoder(directory: Path) -> Weights:
    return read_weights(directory / "encoder_model.ort")


@pytest.fixture(scope="module")
def decoder(directory: Path) -> Weights:
    return read_weights(directory / "decoder_model_merged.ort")


UNREAD_BYTES = 64 << 10
"""At the end of the file: data for onnxruntime's choice of kernels, which we do not read."""


def shapes_of(weights: Weights, layer: int) -> dict[str, tuple[int, ...]]:
    prefix = f"layers.{layer}."
    return {
        name.removeprefix(prefix): linear.quantised.shape
        for name, linear in weights.linears.items()
        if name.startswith(prefix)
    }


def test_every_matrix_of_the_encoder_is_found(encoder: Weights) -> None:
    square = {f"self_attn.{name}_proj": (WIDTH, WIDTH) for name in "qkvo"}
    expected = {**square, "mlp.fc1": (WIDTH, 4 * WIDTH), "mlp.fc2": (4 * WIDTH, WIDTH)}
    assert all(shapes_of(encoder, layer) == expected for layer in range(LAYERS))
    assert len(encoder.linears) == LAYERS * len(expected)


def test_every_matrix_of_the_decoder_is_found(decoder: Weights) -> None:
    square = {f"{kind}_attn.{name}_proj": (WIDTH, WIDTH) for kind in ("self", "encoder") for name in "qkvo"}
    expected = {**square, "mlp.fc1": (WIDTH, 8 * WIDTH), "mlp.fc2": (4 * WIDTH, WIDTH)}
    assert all(shapes_of(decoder, layer) == expected for layer in range(LAYERS))
    assert len(decoder.linears) == LAYERS * len(expected) + 1
    assert decoder.linears["logits"].quantised.shape == (WIDTH, VOCABULARY)


def test_tensors_are_found_by_name(encoder: Weights, decoder: Weights) -> None:
    assert encoder.tensors["conv1.weight"].shape == (WIDTH, 1, 127)
    assert encoder.tensors["conv2.weight"].shape == (2 * WIDTH, WIDTH, 7)
    assert encoder.tensors["conv3.weight"].shape == (WIDTH, 2 * WIDTH, 3)
    assert encoder.tensors["layer_norm.weight"].dtype == np.float32
    assert decoder.tensors["embed_tokens.weight_quantized"].shape == (VOCABULARY, WIDTH)
    assert decoder.tensors["layers.5.mlp.fc1.bias"].shape == (8 * WIDTH,)
    assert decoder.tensors["norm.weight"].shape == (WIDTH,)


def test_a_quantised_matrix_has_plausible_values(encoder: Weights, decoder: Weights) -> None:
    for linear in (*encoder.linears.values(), *decoder.linears.values()):
        assert linear.quantised.dtype == np.uint8
        assert 0 <= linear.zero_point <= 255
        values = (linear.quantised.astype(np.float32) - linear.zero_point) * linear.scale
        assert abs(float(values.mean())) < float(values.std()) < 1.0


@pytest.mark.parametrize(
    "content", [b"", b"ORTM", b"\x00" * 4096, b"not a model at all", b"\x08\0\0\0ORTM" + b"\xff" * 64]
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "encoder_model.ort"
    path.write_bytes(content)
    with pytest.raises(ModelCorruptError, match="encoder_model.ort"):
        read_weights(path)


def test_a_truncated_file_is_refused(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    whole = (directory / "encoder_model.ort").read_bytes()
    path = tmp_path_factory.mktemp("cut") / "encoder_model.ort"

    @settings(max_examples=15, deadline=None, derandomize=True)
    @given(num_bytes=st.integers(0, len(whole) - UNREAD_BYTES))
    def check(num_bytes: int) -> None:
        path.write_bytes(whole[:num_bytes])
        with pytest.raises(ModelCorruptError, match="pull the model again"):
            read_weights(path)

    check()


def test_truncating_unread_bytes_gives_the_same_weights(directory: Path, encoder: Weights, tmp_path: Path) -> None:
    whole = (directory / "encoder_model.ort").read_bytes()
    path = tmp_path / "encoder_model.ort"
    path.write_bytes(whole[:-16])

    weights = read_weights(path)

    assert weights.linears.keys() == encoder.linears.keys()
    for layer, linear in weights.linears.items():
        np.testing.assert_array_equal(linear.quantised, encoder.linears[layer].quantised)


def test_reading_does_not_import_torch() -> None:
    """If torch is installed, `onnxruntime.tools` would import it."""
    path = model_directory("moonshine-tiny-en") / "encoder_model.ort"
    program = (
        "import sys; from pathlib import Path; from voxtide.engines.moonshine.weights import read_weights; "
        f"assert read_weights(Path({str(path)!r})).linears; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
