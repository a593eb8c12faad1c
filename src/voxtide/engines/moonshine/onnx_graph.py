"""Builds an ONNX graph. In: operators, one by one, and weights. Out: the serialised model. Knows no model.

The only module that imports onnx. Operators and attributes have ONNX's names, those of `MICROSOFT` onnxruntime's.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from voxtide.engines.moonshine.weights import Linear

MICROSOFT = "com.microsoft"
"""The domain of onnxruntime's own operators."""
FLOAT: int = TensorProto.FLOAT
INT64: int = TensorProto.INT64

_OPSETS = {"": 20, MICROSOFT: 1}
_IR_VERSION = 9
"""Version of the file format: the oldest that allows these operators."""

Values: TypeAlias = Mapping[str, tuple[int, Sequence[int | str]]]
"""A model's inputs or outputs: element type and shape by name. A name in a shape is a dynamic dimension."""

Quantised: TypeAlias = tuple[str, str, str]
"""The names of a quantised value, its scale and its zero point."""


class OnnxGraph:
    """Each method adds an operator or a constant and returns the name of its output. "" stands for an absent input."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._counter = itertools.count()

    def constant(self, value: NDArray[Any]) -> str:
        name = f"c{next(self._counter)}"
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def add(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        (output,) = self._add(1, op, inputs, domain, attributes)
        return output

    def add_three(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> tuple[str, str, str]:
        """An operator with three outputs."""
        first, second, third = self._add(3, op, inputs, domain, attributes)
        return first, second, third

    def split(self, x: str, *, axis: int, num_parts: int) -> list[str]:
        return self._add(num_parts, "Split", (x,), "", {"axis": axis, "num_outputs": num_parts})

    def _add(
        self, num_outputs: int, op: str, inputs: tuple[str, ...], domain: str, attributes: dict[str, Any]
    ) -> list[str]:
        outputs = [f"v{next(self._counter)}" for _ in range(num_outputs)]
        self._nodes.append(helper.make_node(op, list(inputs), outputs, domain=domain, **attributes))
        return outputs

    def name(self, value: str, name: str) -> None:
        """Name a value that is an output of the graph."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))

    def layer_norm(self, x: str, weight: NDArray[Any]) -> str:
        return self.add("LayerNormalization", x, self.constant(weight), axis=-1, epsilon=1e-5)

    def quantise(self, x: str) -> Quantised:
        return self.add_three("DynamicQuantizeLinear", x)

    def linear(self, x: Quantised, linears: list[Linear], bias: NDArray[Any] | None = None) -> str:
        """One product of `x` with several matrices; their outputs are concatenated on the last axis.

        Weights are converted from uint8 to int8 by shifting the zero point: the values are the same, and CPUs have
        faster instructions for int8.
        """
        quantised, scale, zero_point = x
        weight = np.concatenate([m.quantised.astype(np.int16) - 128 for m in linears], axis=1).astype(np.int8)
        widths = [m.quantised.shape[1] for m in linears]
        scales = np.repeat(np.array([m.scale for m in linears], np.float32), widths)
        zeros = np.repeat(np.array([m.zero_point - 128 for m in linears], np.int8), widths)
        inputs = [quantised, self.constant(weight), scale, self.constant(scales), zero_point, self.constant(zeros)]
        if bias is not None:
            inputs.append(self.constant(bias))
        return self.add("MatMulIntegerToFloat", *inputs, domain=MICROSOFT)

    def model(self, name: str, *, inputs: Values, outputs: Values) -> bytes:
        """The graph as a serialised model."""
        graph = helper.make_graph(self._nodes, name, _infos(inputs), _infos(outputs), self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
        model: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION).SerializeToString()
        return model


def _infos(values: Values) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in values.items()]
