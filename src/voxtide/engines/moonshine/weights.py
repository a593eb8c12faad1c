"""Reads a Moonshine checkpoint. In: an .ort file. Out: named arrays. Knows no graph of ours.

An .ort file is a FlatBuffer, read with onnxruntime's own generated classes. Linear layers are quantised to uint8 with
one scale and zero point each. They are found by the name of the node that uses them, because their tensors are only
numbered; every other weight has a name.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voxtide.errors import ModelCorruptError

_DTYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype("<f4"),
    2: np.dtype("u1"),
    3: np.dtype("i1"),
    6: np.dtype("<i4"),
    7: np.dtype("<i8"),
}
"""ONNX tensor types that occur in the checkpoints."""

_LINEAR_INPUTS = {
    "MatMulIntegerToFloat": (1, 3, 5),  # activation, WEIGHT, activation scale, SCALE, activation zero, ZERO POINT
    "DynamicQuantizeMatMul": (1, 2, 3),  # activation, WEIGHT, SCALE, ZERO POINT, bias
}

_EXPORT_NOISE = re.compile(r"^/?(model/)?(decoder/)?|/(MatMul|Add)_output_0$")
"""What the exporter added around a layer's path in the name of its output."""

_MERGE_NOISE = re.compile(r"^model\.decoder\.|_add_tensor|_merged_\d+")
"""What the export and the merging of the decoder's two branches added to the names of tensors."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A quantised matrix of shape [in, out]: weight = (quantised - zero_point) * scale."""

    quantised: NDArray[np.uint8]
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True)
class Weights:
    """`tensors` by name; `linears` by the layer's path, such as `layers.0.self_attn.q_proj`."""

    tensors: dict[str, NDArray[Any]]
    linears: dict[str, Linear]


def read_weights(path: Path) -> Weights:
    """Read all weights of an .ort file.

    Raises:
        ModelCorruptError: The file is not an .ort file, or is truncated.
    """
    content = path.read_bytes()
    if content[4:8] != b"ORTM":
        raise ModelCorruptError(f"{path} is not an onnxruntime model file; pull the model again with --force")
    try:
        graphs = list(_graphs(_session_class().GetRootAs(content, 0).Model().Graph()))
        raw = dict(_tensor(graph.Initializers(i)) for graph in graphs for i in range(graph.InitializersLength()))
        linears = dict(_linears(graphs, raw))
    except (struct.error, ValueError, KeyError, AttributeError, IndexError) as error:
        raise ModelCorruptError(f"{path} cannot be read ({error}); pull the model again with --force") from error
    return Weights({_MERGE_NOISE.sub("", name): tensor for name, tensor in raw.items()}, linears)


def _session_class() -> Any:
    """onnxruntime's class for .ort files. Loaded from its folder, not through `onnxruntime.tools`, which imports torch
    if installed: seconds and 190 MB."""
    name = "ort_flatbuffers_py"  # the name by which the classes import each other
    if name not in sys.modules:
        runtime = find_spec("onnxruntime")
        assert runtime is not None
        assert runtime.origin is not None
        folder = Path(runtime.origin).parent / "tools" / "ort_format_model"
        package = PathFinder.find_spec(name, [str(folder)])
        assert package is not None
        assert package.loader is not None
        sys.modules[name] = module_from_spec(package)
        package.loader.exec_module(sys.modules[name])
    return import_module(f"{name}.fbs.InferenceSession").InferenceSession


def _graphs(graph: Any) -> Iterator[Any]:
    """The graph and those in its nodes' attributes: the decoder's layers are in the branches of an `If`."""
    yield graph
    for i in range(graph.NodesLength()):
        node = graph.Nodes(i)
        for j in range(node.AttributesLength()):
            if (inner := node.Attributes(j).G()) is not None:
                yield from _graphs(inner)


def _tensor(tensor: Any) -> tuple[str, NDArray[Any]]:
    shape = [tensor.Dims(i) for i in range(tensor.DimsLength())]
    content: bytes = tensor.RawDataAsNumpy().tobytes() if tensor.RawDataLength() else b""
    return tensor.Name().decode(), np.frombuffer(content, _DTYPES[tensor.DataType()]).reshape(shape)


def _linears(graphs: list[Any], tensors: dict[str, NDArray[Any]]) -> Iterator[tuple[str, Linear]]:
    for graph in graphs:
        for i in range(graph.NodesLength()):
            node = graph.Nodes(i)
            if (inputs := _LINEAR_INPUTS.get(node.OpType().decode())) is not None:
                weight, scale, zero_point = (tensors[node.Inputs(k).decode()] for k in inputs)
                layer = _EXPORT_NOISE.sub("", node.Outputs(0).decode()).replace("/", ".")
                yield layer, Linear(weight, float(scale), int(zero_point))
