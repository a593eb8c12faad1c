"""Numbers that both of Voxtral's figures have. In: a model's bench, times. Out: measures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from voxtide.bench.figure import Measure, Target

if TYPE_CHECKING:
    from voxtide.engines.voxtral.measure import Bench


def opening_and_flush(bench: Bench, kind: str, step_ms: float) -> list[Measure]:
    """Opening and flushing."""
    num_steps, took_s = bench.flush()
    open_share = 1000 * bench.open_s() / step_ms
    return [
        ratio(f"opening a stream over a step, {kind}", open_share, "after the first", Target("<=", 1.0)),
        Measure(
            name=f"flush beyond the delay, {kind}",
            value=num_steps,
            unit="steps",
            target=Target("<=", 3),
            method=f"decoder steps of a flush over silence, less the delay's; {1000 * took_s:.0f} ms in all",
        ),
    ]


def milliseconds(name: str, value: float, method: str, target: Target | None = None) -> Measure:
    """A time."""
    return Measure(name=name, value=value, unit="ms", method=method, target=target)


def ratio(name: str, value: float, method: str, target: Target | None) -> Measure:
    """How many times one number is another."""
    return Measure(name=name, value=value, unit="x", method=method, target=target)
