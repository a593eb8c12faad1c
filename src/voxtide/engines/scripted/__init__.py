"""A deterministic engine for tests and docs. In: audio made by `speak`. Out: the events of a real engine.

It decodes text from tones, so tests can check every guarantee of an engine: chunking, a flush within a word, slowness,
failure. Each 400 ms or less of any other sound becomes a placeholder word (w1, w2, ...).
"""

from voxtide.engines.scripted.config import ScriptedConfig
from voxtide.engines.scripted.engine import ScriptedEngine, load
from voxtide.engines.scripted.tones import speak

__all__ = ["ScriptedConfig", "ScriptedEngine", "load", "speak"]
