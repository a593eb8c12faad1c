"""Measures an engine on this machine. In: an engine's name. Out: figures, each with its method and target.

recordings -> variants -> play (real streams, real time where it matters) -> figures -> report, plots, JSON

`voxtide bench` and `python -m voxtide.bench` run it; docs/measuring.md defines each figure.
"""
