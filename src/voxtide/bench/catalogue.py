"""The figures by name. In: a name. Out: the coroutine function that measures it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from voxtide.bench.figure import Figure
from voxtide.bench.figures import accuracy, cost, flush, hour, memory, server, stability, streams, voxtral, words
from voxtide.bench.session import Session

FIGURES: dict[str, Callable[[Session], Awaitable[Figure]]] = {
    "accuracy": accuracy.measure,
    "words": words.measure,
    "stability": stability.measure,
    "cost": cost.measure,
    "flush": flush.measure,
    "streams": streams.measure,
    "memory": memory.measure,
    "server": server.measure,
    "hour": hour.measure,
    "voxtral": voxtral.measure,
}
"""In the order in which they are measured."""

ON_REQUEST = frozenset({"voxtral"})
"""Measured only where they are asked for: they take torch and a model of their own, and tell nothing of the engine."""
