"""Moonshine: samples become words with times. In: a window of audio and a text it must begin with. Out: a hypothesis.

weights (the .ort file's tensors) -> graph (our own ONNX graph over them) -> model (encode, decode) -> engine
Knows nothing of streams but in `engine`, which hands the model to the shared streaming decoder.
"""

from voxtide.engines.moonshine.engine import load

__all__ = ["load"]
