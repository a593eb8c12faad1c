"""Passes and drift, on handwritten words."""

from __future__ import annotations

import pytest

from voxtide.bench.figures import hour
from voxtide.bench.figures.hour import drifts_s, growth_measure, passes_of
from voxtide.bench.load.session import BenchEngine, BenchSession
from voxtide.engines.registry import load_engine
from voxtide.errors import VoxtideError
from voxtide.types import Segment, Transcript, Word


def test_words_belong_to_the_pass_in_which_they_start() -> None:
    words = (Word("a", 1.0, 1.5), Word("b", 23.9, 24.1), Word("a", 25.0, 25.5), Word("a", 49.0, 49.5))
    transcript = Transcript("", (Segment("", 0, 26, words[:3]), Segment("", 48, 50, words[3:])), None, 60.0)
    first, second = passes_of(transcript, 24.0, num_passes=2)  # the third is incomplete
    assert [(word.text, word.start_s) for word in first] == [("a", 1.0), ("b", 23.9)]
    assert [(word.text, word.start_s, word.end_s) for word in second] == [("a", 1.0, 1.5)]


def test_drift_covers_only_matching_words() -> None:
    first = [Word("a", 1.0, 1.5), Word("b", 2.0, 2.5), Word("c", 3.0, 3.5)]
    later = [Word("a", 1.25, 1.5), Word("x", 2.0, 2.5), Word("c", 2.5, 3.5)]
    assert drifts_s(later, first) == [0.25, 0.5]


def test_memory_growth_is_judged_only_after_an_hour() -> None:
    whole = growth_measure([400.0, 300.0, *(300.0 + 0.1 * minute for minute in range(1, 59))], 1, 3600.0)
    assert (whole.name, whole.unit, whole.is_met) == ("memory growth", "MB/h", False)
    assert whole.value == pytest.approx(6)
    short = growth_measure([400.0, 300.0, 300.1, 300.2, 300.3], 1, 300.0)
    assert (short.name, short.unit, short.is_met) == ("memory growth in 5 minutes", "MB", None)
    assert short.value == pytest.approx(0.3), "of the minutes played, not of an hour"


async def test_an_engine_that_recognises_nothing_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(function: object, choice: BenchEngine, length_s: float) -> hour.Hour:
        return hour.Hour(Transcript("", (), None, length_s), (300.0,) * 5, 96.0)

    monkeypatch.setattr(hour, "in_fresh_process", silent)
    async with load_engine("scripted") as engine:
        session = BenchSession(BenchEngine("scripted"), engine, size="quick", progress=lambda line: None)
        with pytest.raises(VoxtideError, match="no word was recognised"):
            await hour.measure(session)
