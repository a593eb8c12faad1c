"""A model file becomes something that runs. In: an ONNX model's path or bytes. Out: a session on one CPU thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from voxtide.errors import ModelCorruptError


class OnnxSession(Protocol):
    """The part of onnxruntime's session that voxtide uses. `run` may be called by several threads at once."""

    def run(self, output_names: list[str] | None, feeds: dict[str, Any]) -> list[Any]:
        """Outputs in the order asked for."""


def load_onnx(model: Path | bytes, *, name: str) -> OnnxSession:
    """Load a model so that each run stays on the thread that calls it: streams share cores by their own rules.

    Raises:
        ModelCorruptError: onnxruntime cannot load it.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only: they are raised as well
    try:
        session: OnnxSession = ort.InferenceSession(
            model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its exceptions share no base class
        raise ModelCorruptError(f"{name} cannot be loaded ({error}); pull the model again with --force") from error
    return session
