"""ONNX models. In: a model's path or bytes. Out: a session that runs on the calling CPU thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from voxtide.errors import ModelCorruptError


class OnnxSession(Protocol):
    """The part of onnxruntime's session that voxtide uses. `run` is thread-safe."""

    def run(self, output_names: list[str] | None, feeds: dict[str, Any]) -> list[Any]:
        """The outputs in the order of `output_names`."""


def load_onnx(model: Path | bytes, *, name: str) -> OnnxSession:
    """Load a model whose runs stay on the calling thread: the worker pool distributes streams over the cores.

    Raises:
        ModelCorruptError: onnxruntime cannot load it.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    try:
        session: OnnxSession = ort.InferenceSession(
            model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its exceptions have no common base class
        raise ModelCorruptError(f"{name} cannot be loaded ({error}); pull the model again with --force") from error
    return session
