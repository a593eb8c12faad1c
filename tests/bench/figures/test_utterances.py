"""Utterances in talks: their places in the text, latencies, early cuts and misses; on handwritten events."""

from __future__ import annotations

import numpy as np
import pytest

from voxtide.bench.figures.utterances import Endpoints, Place, UtteranceLatencies, places, vad_ends_s
from voxtide.bench.load.corpora.corpus import CorpusTalk, SpokenSpan
from voxtide.bench.load.play import Played, TimedEvent, play
from voxtide.bench.load.session import LIVE_OPTIONS
from voxtide.bench.load.variants import quiet
from voxtide.engines.registry import load_engine
from voxtide.engines.scripted import speak
from voxtide.transcript.events import Delta, Interim, SegmentEnded, TranscriptEvent
from voxtide.types import Segment, Transcript

SPANS = (SpokenSpan(1.0, 2.0, "Press one, please."), SpokenSpan(3.0, 4.0, "Go home."))
TALK = CorpusTalk("talk", np.zeros(5 * 16000, np.float32), SPANS)


def played(*events: tuple[float, TranscriptEvent]) -> Played:
    timed = tuple(TimedEvent(event, at_s) for at_s, event in events)
    return Played(timed, (), (0.0,), 0.0, Transcript("", (), None, 5.0))


def ended(text: str) -> SegmentEnded:
    return SegmentEnded(Segment(text, 0.0, 1.0, ()), 1.0)


GOOD = played(
    (1.6, Interim("Press", 1.5)),
    (2.1, Delta("Press one", 2.0)),
    (2.3, Delta(" please.", 2.0)),
    (2.3, ended("Press one please.")),
    (2.4, Interim("", 2.0)),
    (3.4, Interim("go", 3.3)),
    (4.2, Delta(" Go home.", 4.0)),
    (4.25, ended("Go home.")),
)


def test_words_between_utterances_belong_to_the_one_that_lacks_them() -> None:
    said = [["a", "b", "c"], ["d", "e"], ["f"]]
    assert places(["a", "b", "c", "d", "e", "f"], said) == [Place(0, 0, 2, 3), Place(3, 3, 4, 5), Place(5, 5, 5, 6)]
    assert places(["a", "b", "x", "y", "e", "f"], said)[:2] == [Place(0, 0, 1, 3), Place(3, 4, 4, 5)]
    assert places(["a", "b", "c", "x", "y", "d", "e", "f"], said)[:2] == [Place(0, 0, 2, 5), Place(5, 5, 6, 7)]


def test_an_utterance_beside_one_that_was_not_recognised_has_no_end() -> None:
    assert places(["a", "x", "f"], [["a"], ["d", "e"], ["f"]]) == [None, None, Place(2, 2, 2, 3)]
    assert places([], [["a"], ["b"]]) == [None, None]


def test_latencies_count_from_the_true_start_and_end() -> None:
    found = UtteranceLatencies()
    found.add(TALK, GOOD, [1.9, 4.1])
    assert found.first_ms == pytest.approx([600, 400])
    assert found.final_ms == pytest.approx([300, 200]), "when the last word is final"
    assert found.ttfs_ms == pytest.approx([400, 100])
    assert found.missing == []


def test_late_text_of_an_utterance_is_not_the_first_of_the_next() -> None:
    found = UtteranceLatencies()
    late = played(
        (2.2, Delta("Press one", 2.0)),
        (3.1, Delta(" please.", 2.0)),  # while the second one is spoken
        (3.7, Interim("Go", 3.5)),
        (4.2, Delta(" Go home.", 4.0)),
    )
    found.add(TALK, late, [None, None])
    assert found.first_ms == pytest.approx([1200, 700])
    assert found.final_ms == pytest.approx([1100, 200])
    assert found.ttfs_ms == []


def test_text_that_came_before_its_utterance_has_no_latency() -> None:
    spans = (SpokenSpan(1.0, 2.0, "Go."), SpokenSpan(3.0, 4.0, "Go."))
    found = UtteranceLatencies()
    found.add(CorpusTalk("talk", TALK.samples, spans), played((2.2, Delta("Go go.", 2.0))), [None, None])
    assert (found.first_ms, found.missing) == (pytest.approx([1200]), ["talk: Go. at 3.0 s"])


def test_utterances_that_were_not_recognised_are_named() -> None:
    found = UtteranceLatencies()
    found.add(TALK, played((2.2, Delta("Press one please", 2.0))), [None, None])
    assert len(found.missing) == 2 and found.missing[1] == "talk: Go home. at 3.0 s"


def test_text_that_came_before_the_speech_is_not_of_it() -> None:
    found = UtteranceLatencies()
    found.add(TALK, played((2.2, Delta("Press one please. Go home", 2.0))), [None, None])
    assert found.first_ms == pytest.approx([1200])
    assert found.missing == ["talk: Go home. at 3.0 s"]


def test_the_vad_ends_with_the_last_frame_before_the_next_utterance() -> None:
    probabilities = np.zeros(160)
    probabilities[32:64] = 0.9  # to 64 * 32 ms = 2.048 s
    probabilities[70] = 0.69
    assert vad_ends_s(TALK, probabilities.tolist()) == [pytest.approx(2.048), None]
    probabilities[100:130] = 0.7
    assert vad_ends_s(TALK, probabilities.tolist()) == [pytest.approx(2.048), pytest.approx(4.16)]


def test_a_segment_for_each_utterance_is_right() -> None:
    ends = Endpoints()
    ends.add(TALK, GOOD)
    assert (ends.num_utterances, ends.num_pauses) == (2, 1)
    assert (ends.cuts, ends.misses) == ([], [])
    assert ends.delays_ms == [(pytest.approx(1.0), pytest.approx(300))]


def test_a_segment_that_ends_inside_an_utterance_is_an_early_cut() -> None:
    ends = Endpoints()
    text = Delta("Press one please Go home", 4.0)
    ends.add(TALK, played((1.5, ended("Press")), (2.2, ended("one please")), (4.2, text), (4.2, ended("Go home"))))
    assert ends.cuts == ["talk: Press one, please."]
    assert ends.misses == []


def test_a_segment_over_a_pause_is_a_miss() -> None:
    ends = Endpoints()
    ends.add(TALK, played((4.2, Delta("Press one please Go home", 4.0)), (4.2, ended("Press one please Go home"))))
    assert ends.cuts == []
    assert ends.misses == ["talk: Press one, please."]
    assert ends.delays_ms == []


def test_wrong_words_at_the_pause_move_no_end() -> None:
    ends = Endpoints()
    text = Delta("Press one peas Go home", 4.0)
    ends.add(TALK, played((2.3, ended("Press one peas")), (4.2, text), (4.3, ended("Go home"))))
    assert (ends.cuts, ends.misses) == ([], [])
    ends.add(TALK, played((2.3, ended("Press one")), (4.2, text), (4.3, ended("peas Go home"))))
    assert (ends.cuts, ends.misses) == ([], []), "whose word it is cannot be known"


async def test_the_scripted_engine_ends_a_segment_at_each_pause() -> None:
    texts = ("who built the tower", "the white one")
    pieces, spans, place = [], [], 0
    for text in texts:
        pieces += [quiet(0.5), speak(text)]
        place += len(pieces[-2])
        spans.append(SpokenSpan(place / 16000, (place + len(pieces[-1])) / 16000, text))
        place += len(pieces[-1])
    talk = CorpusTalk("coded", np.concatenate([*pieces, quiet(1.0)]), tuple(spans))
    async with load_engine("scripted") as engine, engine.open(LIVE_OPTIONS) as stream:
        found = await play(stream, talk.samples, is_paced=False)
    latencies, ends = UtteranceLatencies(), Endpoints()
    latencies.add(talk, found, [None, None])
    ends.add(talk, found)
    assert latencies.missing == []
    assert (ends.num_utterances, ends.num_pauses, ends.cuts) == (2, 1, [])
