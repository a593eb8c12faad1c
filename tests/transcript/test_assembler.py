from hypothesis import given
from hypothesis import strategies as st

from voxtide.transcript.assembler import Assembler
from voxtide.transcript.events import (
    Delta,
    Finished,
    Flushed,
    Interim,
    LanguageDetected,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    TranscriptEvent,
)
from voxtide.types import Segment, Word

EVER_TRIED = Segment("Ever tried.", 0.2, 1.0, (Word("Ever", 0.2, 0.5), Word("tried.", 0.5, 1.0)))
EVER_FAILED = Segment("Ever failed.", 1.5, 2.4)


def assembled(*events: TranscriptEvent) -> Assembler:
    assembler = Assembler()
    for event in events:
        assembler.add(event)
    return assembler


def test_no_events_give_an_empty_transcript() -> None:
    transcript = Assembler().transcript()
    assert (transcript.text, transcript.segments, transcript.language, transcript.audio_s) == ("", (), None, 0.0)


def test_stable_text_grows_and_interim_text_is_replaced() -> None:
    assembler = assembled(Interim("Ever", 0.4), Delta("Ever ", 0.8), Interim("fried", 0.9), Interim("tried", 1.0))
    assert (assembler.stable_text, assembler.interim_text) == ("Ever ", "tried")
    assert assembler.transcript().text == "Ever"


def test_words_that_become_stable_leave_the_interim_text() -> None:
    assembler = assembled(Interim("Ever tried. EVER", 1.4), Delta("Ever tried.", 1.5))
    assert (assembler.stable_text, assembler.interim_text) == ("Ever tried.", "EVER")


def test_a_segment_removes_its_text_from_the_open_text() -> None:
    assembler = assembled(Delta("Ever tried.", 1.0), Delta(" Ever", 1.8), SegmentEnded(EVER_TRIED, 1.8))
    assert assembler.segments == (EVER_TRIED,)
    assert assembler.open_text == " Ever"


def test_text_outside_of_segments_becomes_the_last_segment() -> None:
    transcript = assembled(
        Delta("Ever tried.", 1.0), SegmentEnded(EVER_TRIED, 1.2), Delta(" Ever failed.", 2.4), Finished(3.0)
    ).transcript()
    assert transcript.text == "Ever tried. Ever failed."
    assert transcript.segments == (EVER_TRIED, Segment("Ever failed.", 1.2, 2.4))
    assert transcript.audio_s == 3.0


def test_a_segment_reported_alone_and_by_a_flush_counts_once() -> None:
    assembler = assembled(
        Delta("Ever tried.", 1.0),
        SegmentEnded(EVER_TRIED, 1.0),
        Flushed(1, "Ever tried.", (EVER_TRIED,), 1.0),
        Delta(" Ever failed.", 2.4),
        Flushed(2, "Ever failed.", (EVER_FAILED,), 2.4),
        Finished(2.5),
    )
    assert assembler.segments == (EVER_TRIED, EVER_FAILED)


def test_the_same_words_at_another_time_are_another_segment() -> None:
    again = Segment("Ever tried.", 3.0, 3.8)
    assembler = assembled(
        Delta("Ever tried.", 1.0),
        Flushed(1, "Ever tried.", (EVER_TRIED,), 1.0),
        Delta(" Ever tried.", 3.8),
        Flushed(2, "Ever tried.", (again,), 3.8),
    )
    assert assembler.segments == (EVER_TRIED, again)


def test_a_flush_clears_the_interim_text() -> None:
    assert assembled(Interim("Ever", 0.5), Flushed(1, "", (), 0.6)).interim_text == ""


def test_language_and_length_are_kept() -> None:
    events = (LanguageDetected("de", 1.0), SpeechStarted(0.4), SpeechStopped(2.0), Finished(4.5))
    transcript = assembled(*events).transcript()
    assert (transcript.language, transcript.audio_s, transcript.text) == ("de", 4.5, "")


@given(st.lists(st.text(alphabet="ab .\n", max_size=8), max_size=12), st.integers(0, 12))
def test_every_stable_word_is_in_some_segment(pieces: list[str], segment_after: int) -> None:
    assembler = Assembler()
    for number, piece in enumerate(pieces, start=1):
        assembler.add(Delta(piece, float(number)))
        if number == segment_after and assembler.open_text.strip():
            segment = Segment(assembler.open_text.strip(), 0.0, float(number))
            assembler.add(SegmentEnded(segment, float(number)))
    assembler.add(Finished(20.0))
    transcript = assembler.transcript()
    in_segments = "".join("".join(segment.text.split()) for segment in transcript.segments)
    assert in_segments == "".join("".join(pieces).split())
    starts = [segment.start_s for segment in transcript.segments]
    assert starts == sorted(starts)
    assert all(segment.start_s <= segment.end_s for segment in transcript.segments)
