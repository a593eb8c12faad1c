"""A deterministic engine for tests and docs. In: audio made by `speak`. Out: the events a real engine would tell.

It hears what the audio says, so every promise of an engine can be put to the test with it: chunking, flushes in the
middle of a word, slowness, failure. Audio that is not coded gives a placeholder word (w1, w2, ...) for every stretch of
up to 400 ms of sound.
"""

from voxtide.engines.scripted.config import ScriptedConfig
from voxtide.engines.scripted.engine import ScriptedEngine, load
from voxtide.engines.scripted.tones import speak

__all__ = ["ScriptedConfig", "ScriptedEngine", "load", "speak"]
