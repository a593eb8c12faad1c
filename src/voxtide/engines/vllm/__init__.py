"""The engine that is a vLLM server. In: its address, the model's name. Out: an `Engine` whose streams are connections.

vLLM's realtime wire has one generation at a time and no flush: each flush ends one and begins the next, and the audio
in between waits in `client/`, which does the work.
"""

from voxtide.engines.vllm.engine import VllmEngine, load

__all__ = ["VllmEngine", "load"]
