"""Voxtral Realtime: many streams share one batch of a local model. In: audio and flushes. Out: final text.

loading.py     a name or directory becomes an engine; needs torch only when it is called
device.py      which device, which weights, how much memory
memory.py      how many streams fit
survey.py      the same of this machine, for `voxtide doctor`; loads nothing
engine.py      the face: streams, their options
recogniser.py  one stream: what it asks for next; flushes, which run ahead on a fork
line.py        a line of decoding: positions, prompt, forced tokens
spoken.py      tokens' text becomes deltas, segments, words, answers
blanks.py      finds and mends the rut of blanks
listener.py    where speech starts and stops
runner.py      what all streams ask, in one step
steps.py       a step on the device
graphs.py      the same as CUDA graphs
measure.py     how long steps take, with random weights, for the bench
"""

from voxtide.engines.voxtral.loading import load

__all__ = ["load"]
