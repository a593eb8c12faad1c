"""Every recording has a text and a time for each of its words."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from voxtide.bench.load.recordings import BenchRecording, load_recordings
from voxtide.bench.load.word_timeline import words_of
from voxtide.types import Word

RECORDINGS = load_recordings()


def test_all_recordings_are_loaded() -> None:
    assert [recording.name for recording in RECORDINGS] == [
        "two_cities",
        "beckett",
        "librivox_0870",
        "librivox_0880",
        "librivox_0890",
        "cards_001",
        "cards_002",
        "goforward",
    ]
    assert sum(recording.duration_s for recording in RECORDINGS) == pytest.approx(75.6, abs=0.1)


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda recording: recording.name)
def test_each_word_of_the_text_has_a_time(recording: BenchRecording) -> None:
    assert [word.text for word in recording.words] == words_of(recording.text)
    assert all(word.start_s < word.end_s for word in recording.words)
    assert all(word.end_s <= following.start_s for word, following in pairwise(recording.words))
    assert recording.words[0].start_s >= 0 and recording.words[-1].end_s <= recording.duration_s
    assert 0.02 < float(np.abs(recording.samples).max()) <= 1


def test_phrases_end_at_pauses_and_at_the_end() -> None:
    words = (Word("a", 0.0, 0.5), Word("b", 0.85, 1.0), Word("c", 1.34, 2.0))
    recording = BenchRecording("x", "a b c", np.zeros(32000, np.float32), words)
    assert recording.phrase_ends_s(0.35) == [0.5, 2.0]
    assert recording.phrase_ends_s(0.34) == [0.5, 1.0, 2.0]
    assert recording.phrase_ends_s(1.0) == [2.0]
