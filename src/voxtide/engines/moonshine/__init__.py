"""The engine `moonshine`. In: windows of audio, and the tokens their text must begin with. Out: words with times.

weights (the .ort file's tensors) -> graph (our own ONNX graphs over them) -> model (encode, decode) -> engine
decoding (one window's text) -> rescoring (puts the words of a vocabulary into it) -> model
Only `engine` knows streams: it runs the model in the shared windowed decoder.
"""

from voxtide.engines.moonshine.engine import load

__all__ = ["load"]
