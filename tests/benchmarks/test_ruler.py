"""The figures of plays made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.audio import PeerTalk
from benchmarks.playing import PeerPlay
from benchmarks.ruler import WordLatencies, figures, final_text
from voxtide.bench.load.corpora.corpus import SpokenSpan
from voxtide.bench.load.play import TimedEvent
from voxtide.bench.load.word_timeline import word_timeline
from voxtide.transcript.events import Delta, Interim
from voxtide.types import SAMPLE_RATE_HZ, Word

TALK = PeerTalk(
    name="talk",
    samples=np.zeros(10 * SAMPLE_RATE_HZ, np.float32),
    spans=(SpokenSpan(1.0, 2.0, "good morning"), SpokenSpan(4.0, 5.0, "see you")),
    words=(Word("good", 1.0, 1.4), Word("morning", 1.5, 2.0), Word("see", 4.0, 4.3), Word("you", 4.4, 5.0)),
)


def final(text: str, at_s: float) -> TimedEvent:
    return TimedEvent(Delta(text, audio_s=0.0), at_s)


def interim(text: str, at_s: float) -> TimedEvent:
    return TimedEvent(Interim(text, audio_s=0.0), at_s)


def played(*events: TimedEvent, cpu_s: float = 1.0, is_cut_off: bool = False) -> PeerPlay:
    return PeerPlay(events, cpu_s=cpu_s, late_s=(0.0, 0.001), finish_s=0.1, is_cut_off=is_cut_off)


def test_latencies_are_from_true_ends() -> None:
    play = played(
        interim("God", 1.6),
        interim("Good mourning", 2.25),
        final("Good morning.", 2.5),
        interim("See", 4.75),
        final(" See you.", 5.25),
    )
    words = WordLatencies()
    words.add(TALK, word_timeline(play.events))
    assert words.first_ms == pytest.approx([850, 500, 450, 250])
    assert words.final_ms == pytest.approx([1100, 500, 950, 250])
    found = figures([TALK], [play])
    assert found["word_to_first_ms"] == {"p50": 450, "p95": 850, "num": 4}
    assert found["word_to_final_ms"] == {"p50": 500, "p95": 1100, "num": 4}
    assert found["start_to_first_ms"] == {"p50": 600, "p95": 750, "num": 2}
    assert found["end_to_final_ms"] == {"p50": 250, "p95": 500, "num": 2}
    assert found["num_words_without_latency"] == found["num_utterances_without_latency"] == 0


def test_a_wrong_word_has_no_latency_and_its_utterance_has_one() -> None:
    found = figures([TALK], [played(final("Good", 2.0), final(" mourning", 3.0), final(" see you", 6.0))])
    assert found["end_to_final_ms"] == {"p50": 1000, "p95": 1000, "num": 2}
    assert (found["num_words_without_latency"], found["num_utterances_without_latency"]) == (1, 0)


def test_an_utterance_that_was_not_recognised_is_counted() -> None:
    found = figures([TALK], [played(final("Good morning", 2.5))])
    assert (found["num_words_without_latency"], found["num_utterances_without_latency"]) == (2, 2)
    assert found["end_to_final_ms"] is None


def test_figures_are_over_all_talks() -> None:
    right = played(interim("Good mourning", 2.0), final("Good morning. See you!", 5.5))
    wrong = played(final("Good evening. See you.", 6.0), cpu_s=3.0, is_cut_off=True)
    found = figures([TALK, TALK], [right, wrong])
    assert (found["num_errors"], found["num_words"], found["wer_percent"]) == (1, 8, 12.5)
    assert found["wer_interval_percent"][0] <= 12.5 <= found["wer_interval_percent"][1]
    assert found["differences"] == [["talk", "morning", "evening"]]
    assert found["end_to_final_ms"] == {"p50": 1000, "p95": 4000, "num": 4}
    assert found["cpu_s_per_audio_s"] == 0.2
    assert found["interim_changed_percent"] == 50.0
    assert found["num_cut_off"] == 1
    assert final_text(wrong.events) == "Good evening. See you."


def test_a_peer_without_text_has_no_latencies() -> None:
    found = figures([TALK], [played()])
    assert found["wer_percent"] == 100.0
    assert found["word_to_first_ms"] is found["end_to_final_ms"] is found["interim_changed_percent"] is None
    assert found["num_words_without_latency"] == 4
