from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.cli.transcribe.metrics import LatencyMetrics, metrics_lines, percentile
from voxtide.transcript.events import (
    BlankLoopDetected,
    Delta,
    Flushed,
    Interim,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
)
from voxtide.types import Segment

CHUNK = np.zeros(1280, np.float32)


def fed(*walls_s: float) -> LatencyMetrics:
    """Metrics fed with a chunk of 80 ms at each of these times."""
    metrics = LatencyMetrics(cpu_clock=iter([10.0, 10.5, 11.0]).__next__)
    metrics.on_started()
    for number, wall_s in enumerate(walls_s, start=1):
        metrics.on_chunk(CHUNK, number * 0.08, wall_s)
    return metrics


def test_first_text_counts_from_feeding_the_chunk_where_speech_starts() -> None:
    metrics = fed(0.08, 0.16, 0.24, 0.32)
    metrics.on_event(SpeechStarted(0.1), 0.33)  # in the second chunk
    metrics.on_event(Interim(" ", 0.2), 0.34)  # no text
    metrics.on_event(Interim("no", 0.3), 0.36)
    metrics.on_event(Delta("no", 0.3), 0.50)
    assert len(metrics.first_text) == 1
    assert metrics.first_text.last_ms == pytest.approx(200)


def test_final_counts_from_feeding_the_end_of_speech_to_the_segment() -> None:
    metrics = fed(0.08, 0.16, 0.24, 0.32)
    segment = SegmentEnded(Segment("no", 0.1, 0.16), 0.32)
    metrics.on_event(SpeechStopped(0.16), 0.33)
    metrics.on_event(segment, 0.66)
    metrics.on_event(segment, 0.90)  # one that no pause ended
    assert len(metrics.final) == 1
    assert metrics.final.last_ms == pytest.approx(500)


def test_flushes_are_answered_in_order() -> None:
    metrics = fed(0.08)
    metrics.on_flush(1.0)
    metrics.on_flush(1.5)
    metrics.on_event(Flushed(1, "", (), 0.08), 1.1)
    metrics.on_event(Flushed(2, "", (), 0.08), 1.75)
    assert (metrics.flush.p50_ms, metrics.flush.p95_ms) == (pytest.approx(100), pytest.approx(250))


def test_blank_loops_are_listed_if_any() -> None:
    metrics = fed(0.08)
    assert not any(line.startswith("blank loops") for line in metrics_lines(metrics))
    metrics.on_event(BlankLoopDetected(0.08), 0.1)
    assert metrics_lines(metrics)[-1].startswith("blank loops 1")


def test_the_real_time_factor_is_processor_time_over_audio() -> None:
    metrics = fed(0.08, 0.16)
    assert metrics.rtf == pytest.approx(0.5 / 0.16)
    assert LatencyMetrics().rtf is None


def test_lines_name_every_metric_measured_or_not() -> None:
    lines = metrics_lines(fed(0.08))
    assert lines[0].split() == ["audio", "0.08", "s"]
    assert lines[-1] == "flush       -  (flush request to answer; n=0)"
    assert metrics_lines(LatencyMetrics())[2].split() == ["rtf", "-"]


@pytest.mark.parametrize(("percent", "expected"), [(50, 2), (75, 3), (95, 4), (1, 1), (100, 4)])
def test_percentiles_by_hand(percent: float, expected: float) -> None:
    assert percentile([3, 1, 4, 2], percent) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(1, 100))
def test_at_least_that_share_is_not_above_a_percentile(values: list[float], percent: float) -> None:
    value = percentile(values, percent)
    assert value in values
    assert sum(other <= value for other in values) >= percent / 100 * len(values) * (1 - 1e-9)
