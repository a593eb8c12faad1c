"""A server's metrics for Prometheus. In: calls. Out: the text of /metrics. docs/metrics.md describes each metric.

The only module that imports the client library; each `Metrics` has its own registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

FLUSH_BUCKETS_S = (0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.12, 0.2, 0.4, 0.8, 1.6, 5.0)
"""Histogram buckets, denser around the target (p95 of 80 ms)."""

MIN_STEP_S = 0.0005
"""Shorter steps do not run a model, and with hundreds of sessions they are too frequent to count."""

STEP_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 1.0, 5.0)

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """One server's metrics. The server calls the `on_...` methods as events happen."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._opened = Counter("voxtide_sessions_opened", "Sessions admitted.", ["wire"], registry=registry)
        self._refused = Counter(
            "voxtide_sessions_refused", "Sessions refused before they began.", ["code"], registry=registry
        )
        self._flush = Histogram(
            "voxtide_flush_seconds",
            "From handling a client's flush to its final text.",
            buckets=FLUSH_BUCKETS_S,
            registry=registry,
        )
        self._step = Histogram(
            "voxtide_step_seconds", "One step of an engine.", buckets=STEP_BUCKETS_S, registry=registry
        )
        self._drops = Counter("voxtide_drops", "Connections dropped by the server.", ["reason"], registry=registry)
        self._errors = Counter("voxtide_errors", "Sessions that failed.", ["code"], registry=registry)
        self._requests = Counter(
            "voxtide_http_requests", "HTTP requests answered.", ["path", "status"], registry=registry
        )

    def watch(self, name: str, description: str, read: Callable[[], float], *, is_count: bool = False) -> None:
        """Add a value that is read at each scrape; `is_count` if it only grows."""
        kind = CounterMetricFamily if is_count else GaugeMetricFamily
        self._registry.register(_Watched(lambda: kind(name, description, value=read()), kind(name, description)))

    def exposition(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def on_opened(self, wire: str) -> None:
        """A session was admitted."""
        self._opened.labels(wire).inc()

    def on_refused(self, code: str) -> None:
        """A session was refused."""
        self._refused.labels(code).inc()

    def on_dropped(self, reason: str) -> None:
        """The server dropped a connection."""
        self._drops.labels(reason).inc()

    def on_flushed(self, took_s: float) -> None:
        """A flush was answered."""
        self._flush.observe(took_s)

    def on_step(self, took_s: float) -> None:
        """An engine made a step. Callable from any thread."""
        if took_s >= MIN_STEP_S:
            self._step.observe(took_s)

    def on_error(self, code: str) -> None:
        """A session failed."""
        self._errors.labels(code).inc()

    def on_request(self, path: str, status: int) -> None:
        """An HTTP request was answered."""
        self._requests.labels(path, str(status)).inc()


class _Watched(Collector):
    """A value that is read at each scrape."""

    def __init__(self, read: Callable[[], Metric], description: Metric) -> None:
        self._read = read
        self._description = description

    def collect(self) -> Iterator[Metric]:
        yield self._read()

    def describe(self) -> Iterator[Metric]:
        yield self._description
