"""The engine for a vLLM server. In: its address, the model's name. Out: an `Engine` whose streams are connections.

vLLM's realtime API runs one generation at a time and has no flush: each flush ends a generation and starts the next.
`client/` buffers the audio in between.
"""

from voxtide.engines.vllm.engine import VllmEngine, load

__all__ = ["VllmEngine", "load"]
