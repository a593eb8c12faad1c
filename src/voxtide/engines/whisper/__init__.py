"""The engine `whisper`, for many languages. In: windows of audio. Out: words with times.

library (loads a model) -> model (encode, decode, align; loops) -> words (tokens to pieces) -> engine
Only `engine` knows streams: it runs the model in the shared windowed decoder.
"""

from voxtide.engines.whisper.engine import load

__all__ = ["load"]
