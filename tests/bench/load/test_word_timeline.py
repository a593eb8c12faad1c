"""When each word is first shown and when it is stable, on handwritten events."""

from __future__ import annotations

from voxtide.bench.load.play import TimedEvent
from voxtide.bench.load.word_timeline import matches, num_differing, num_retracted, word_timeline, words_of
from voxtide.transcript.events import Delta, Finished, Interim, SegmentEnded, TranscriptEvent
from voxtide.types import Segment


def events(*events: tuple[float, TranscriptEvent]) -> list[TimedEvent]:
    return [TimedEvent(event, at_s) for at_s, event in events]


def interim(at_s: float, text: str) -> tuple[float, TranscriptEvent]:
    return at_s, Interim(text, at_s)


def delta(at_s: float, text: str) -> tuple[float, TranscriptEvent]:
    return at_s, Delta(text, at_s)


def test_words_have_no_case_or_punctuation() -> None:
    words = words_of("It's the ill-disposed, isn\N{RIGHT SINGLE QUOTATION MARK}t it? 10 m_s.")
    assert words == ["it's", "the", "ill", "disposed", "isn't", "it", "10", "m", "s"]


def test_matches_pair_equal_words_in_order() -> None:
    assert matches(["a", "x", "b", "c"], ["a", "b", "y", "c"]) == {0: 0, 2: 1, 3: 3}


def test_words_without_a_match_are_counted_on_the_longer_side() -> None:
    assert num_differing(["a", "b"], ["a", "b"]) == 0
    assert num_differing(["a", "x"], ["a", "b"]) == 1
    assert num_differing(["a", "b", "c"], ["a"]) == 2
    assert num_differing([], ["a", "b"]) == 2


def test_a_word_is_first_shown_when_it_is_at_its_position() -> None:
    timeline = word_timeline(
        events(
            interim(1.0, "we"),
            interim(2.0, "the period"),  # the right word at the wrong position
            interim(3.0, "the long period"),
            delta(4.0, "The long"),
            interim(5.0, "period"),
            delta(6.0, " period."),
        )
    )
    assert timeline.final == ["the", "long", "period"]
    assert timeline.first_s == {0: 2.0, 1: 3.0, 2: 3.0}
    assert timeline.stable_s == {0: 4.0, 1: 4.0, 2: 6.0}


def test_a_word_without_interim_text_is_first_shown_when_stable() -> None:
    timeline = word_timeline(events(delta(2.5, "Hello")))
    assert (timeline.first_s, timeline.stable_s) == ({0: 2.5}, {0: 2.5})


def test_interim_words_count_once_per_position() -> None:
    timeline = word_timeline(
        events(
            interim(1.0, "we"),
            interim(2.0, "we"),
            interim(3.0, "the worst of"),
            delta(4.0, "the worst"),
            interim(5.0, "times"),
        )
    )
    assert timeline.interim == {(0, "we"), (0, "the"), (1, "worst"), (2, "of"), (2, "times")}
    assert timeline.changes == [(0, "we", "the"), (2, "of", ""), (2, "times", "")]


def test_no_events_give_an_empty_timeline() -> None:
    timeline = word_timeline([])
    assert (timeline.final, timeline.first_s, timeline.stable_s, timeline.changes) == ([], {}, {}, [])


def test_unchanged_text_is_not_retracted() -> None:
    segment = Segment("The worst.", 0.0, 1.0)
    assert num_retracted(events(delta(1, "The"), delta(2, " worst."), (2, SegmentEnded(segment, 2.0)))) == 0
    assert num_retracted(events(delta(1, "The"), delta(2, " worst."), (3, Finished(3.0)))) == 0


def test_a_segment_that_lacks_stable_words_retracts_them() -> None:
    segment = Segment("The best.", 0.0, 1.0)
    retracting = events(delta(1, "The"), delta(2, " worst."), (2, SegmentEnded(segment, 2.0)), (3, Finished(3.0)))
    assert num_retracted(retracting) == 1
