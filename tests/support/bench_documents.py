"""Documents of the bench as a run writes them. In: numbers. Out: parsed JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from voxtide.bench.figure import Figure, Line, Measure, Plot, Target, percentile
from voxtide.bench.report import document

ABOUT = {
    "began": "2026-01-02T03:04:05+00:00",
    "took_s": 90.5,
    "machine": {"cpu": "A Processor", "cores": 2, "commit": "abc", "voxtide": "0.1.0", "onnxruntime": None},
    "engine": {"name": "moonshine", "model": "moonshine-tiny-en"},
    "is_quick": False,
}

DEFINITION = """Latency of words.

Each recording
is `played`.

- first: the end of the word,
  to its text.
- last: *more* of it, 2 * 3 * 4
"""


def written(*figures: Figure, failures: dict[str, str] | None = None, **about: Any) -> Any:
    """The document of these figures, read back from its JSON."""
    return json.loads(json.dumps(document(figures, failures=failures or {}, about={**ABOUT, **about})))


def of_measure(**facts: Any) -> Any:
    """The document of one figure with one number."""
    details = facts.pop("details", {})
    measure = Measure(**{"name": "a number", "unit": "ms", "method": "counted", **facts})
    return written(Figure(name="f", measures=(measure,), details=details))


def of_latencies(samples: Sequence[float], percent: float = 50) -> Any:
    """The document of a latency with its samples."""
    value = percentile(samples, percent)
    return of_measure(name="latency", value=value, data="s", percent=percent, details={"s": list(samples)})


def of_words(parts: Sequence[tuple[int, int]]) -> Any:
    """The document of an error rate with its counts."""
    words, errors = (sum(part[column] for part in parts) for column in (0, 1))
    counts = {"words": words, "errors": errors, "parts": parts}
    return of_measure(name="WER", value=100 * errors / words, unit="%", data="w", details={"w": counts})


def rich() -> Any:
    """A document with everything that a report shows."""
    measures = (
        Measure(name="p50", value=12.3, unit="ms", method="to the text", target=Target("<=", 20)),
        Measure(name="p95", value=61.0, unit="ms", method="to the text", target=Target("<=", 60)),
        Measure(name="words", value=7, unit="words", method="counted"),
    )
    shares = Plot(
        name="words",
        title="From a word to its text",
        x_label="ms",
        y_label="% of words",
        lines=tuple(
            Line(f"line {i}", [float(x) for x in range(60)], [float(x * i) for x in range(60)]) for i in (1, 2)
        ),
        x_limits=(20.0,),
    )
    rates = Plot(
        name="rates",
        title="Rates",
        x_label="condition",
        y_label="%",
        lines=tuple(Line(way, [0.0, 1.0], [1.0, 2.0], [0.5, 1.5], [2.0, 3.0]) for way in ("alone", "live")),
        x_names=("clean", "10 dB"),
    )
    words = Figure(
        name="words",
        measures=measures,
        notes=("chunks were fed 2 ms late",),
        errors=("clean, live: talk 1: pre pen -> prepend", "no latency: it at 10.75 s"),
        details={"latencies_ms": [1.0, 2.0]},
        plots=(shares, rates),
        definition=DEFINITION,
    )
    return written(words, failures={"hour": "stopped by Ctrl-C"})
