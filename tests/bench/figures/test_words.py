"""Word latencies, on handwritten events."""

from __future__ import annotations

import numpy as np
import pytest

from voxtide.bench.figures.words import WordLatencies
from voxtide.bench.load.play import Played, TimedEvent
from voxtide.bench.load.recordings import BenchRecording
from voxtide.transcript.events import Delta, Interim
from voxtide.types import Transcript, Word

RECORDING = BenchRecording(
    "talk",
    "Ten of clubs",
    np.zeros(16000, np.float32),
    (Word("ten", 0.1, 0.3), Word("of", 0.3, 0.4), Word("clubs", 0.4, 0.9)),
)


def played(*events: TimedEvent) -> Played:
    return Played(events, (), (), 0.0, Transcript("", (), None, 1.0))


def latencies(*events: TimedEvent) -> WordLatencies:
    found = WordLatencies()
    found.add(RECORDING, played(*events))
    return found


def test_latencies_count_from_the_end_of_the_word() -> None:
    found = latencies(
        TimedEvent(Interim("Ten", 0.3), 0.45),
        TimedEvent(Interim("Ten of gloves", 0.8), 0.85),
        TimedEvent(Delta("Ten of", 0.9), 1.0),
        TimedEvent(Delta(" clubs.", 1.3), 1.4),
    )
    assert found.first_ms == pytest.approx([150, 450, 500])
    assert found.stable_ms == pytest.approx([700, 600, 500])
    assert found.phrase_ms == pytest.approx([500]), "the last word's"
    assert found.missing == []


def test_a_word_shown_before_its_end_has_a_negative_latency() -> None:
    early = TimedEvent(Interim("ten of clubs", 0.7), 0.8)
    found = latencies(early, TimedEvent(Delta("ten of clubs", 1.0), 1.0))
    assert found.first_ms[2] == pytest.approx(-100)


def test_unrecognised_words_are_named() -> None:
    found = latencies(TimedEvent(Delta("10 of clubs", 1.0), 1.0))
    assert (len(found.first_ms), len(found.stable_ms)) == (2, 2)
    assert found.missing == ["talk: ten at 0.10 s"]
