"""ONNX models. In: a model's path or bytes. Out: a session that runs on the calling CPU thread.

onnxruntime is imported here and nowhere else, because its telemetry must be off before it is.
"""

from __future__ import annotations

import os
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
    ort = _onnxruntime()
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


def _onnxruntime() -> Any:
    """onnxruntime without its telemetry, which is on by default in its wheels since 1.29.

    The import starts it: a device id and a database in the user's cache, an upload from time to time. Only the variable
    prevents that, and only before the import. The call silences most of it if the calling program imported it earlier.
    """
    os.putenv("ORT_DISABLE_TELEMETRY", "1")  # as the C library sees it, whatever its value was
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    return onnxruntime
