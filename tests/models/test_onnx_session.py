"""A valid model file becomes a session; any other is refused by name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from voxtide.errors import ModelCorruptError
from voxtide.models.onnx_session import load_onnx


def doubling_model() -> bytes:
    """y = x + x, for vectors."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n"]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "doubling", [x], [y])
    opsets = [helper.make_opsetid("", 20)]
    content: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    return content


def test_a_model_is_loaded_from_bytes_and_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(doubling_model())
    for model in (doubling_model(), path):
        (doubled,) = load_onnx(model, name="doubling").run(["y"], {"x": np.array([1, 2.5], np.float32)})
        assert doubled.tolist() == [2.0, 5.0]


def test_threads_share_a_session() -> None:
    session = load_onnx(doubling_model(), name="doubling")

    def doubled(number: int) -> float:
        (result,) = session.run(["y"], {"x": np.full(1000, number, np.float32)})
        return float(result.mean())

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(doubled, range(64))) == [2.0 * number for number in range(64)]


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x09" * 500, doubling_model()[:-7]])
def test_an_invalid_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    for model in (content, path):
        with pytest.raises(ModelCorruptError, match="small.onnx cannot be loaded .*; pull the model again"):
            load_onnx(model, name="small.onnx")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelCorruptError, match="gone.onnx"):
        load_onnx(tmp_path / "gone.onnx", name="gone.onnx")
