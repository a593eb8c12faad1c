"""Voxtral Realtime: many streams share the batch of a local model. In: audio and flushes. Out: final text.

loading.py        loads an engine from a name or a directory; imports torch only when called
device.py         device, kind of weights, free memory
memory_plan.py    how many streams fit, also for `voxtide doctor`, which loads nothing
engine.py         the `Engine`: its streams and their options
batch_runner.py   one step for all streams: schedule, run, route
graphs.py         a step on the device, plain or as CUDA graphs
recogniser.py     one stream: its requests for steps; flushes and peeks, which look ahead on a fork
decode_state.py   the state of decoding one stream: positions, prompt, forced tokens
final_text.py     deltas, segments, words and flush answers from the text of tokens
blank_loop.py     detects the blank loop, and the bias that ends it
speech_events.py  where speech starts and stops
measure.py        times steps with random weights, for the bench
"""

from voxtide.engines.voxtral.loading import load

__all__ = ["load"]
