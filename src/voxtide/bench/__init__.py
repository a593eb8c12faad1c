"""Measures an engine on this machine. In: an engine's name. Out: figures, each with its method and target.

recordings -> variants -> play (real streams, real time where it matters) -> figures -> report, plots, JSON

Run it with `python -m voxtide.bench`; docs/bench.md describes each figure.
"""
