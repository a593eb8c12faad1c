"""Whisper: samples become words with times, in many languages. In: a window of audio. Out: a hypothesis of its text.

locate (a name becomes a directory) -> model (encode, decode, align) -> words (tokens become pieces)
-> windows (a stream's reader, its language and vocabulary) -> engine
Knows nothing of streams but in `windows`, which serves the shared streaming decoder.
"""

from voxtide.engines.whisper.engine import load

__all__ = ["load"]
