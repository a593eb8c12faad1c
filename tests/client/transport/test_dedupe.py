from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxtide.client.dialects.base import Done, InterimText, Language, SegmentText, Speech, Text
from voxtide.client.transport.dedupe import UtteranceText, continuation, end_of_prefix, matches_deltas, missing_text
from voxtide.transcript.events import (
    Delta,
    Interim,
    LanguageDetected,
    SegmentEnded,
    SpeechStarted,
    SpeechStopped,
    TranscriptEvent,
)
from voxtide.types import Segment


def add_deltas(utterance: UtteranceText, *texts: str, fed_s: float = 3.0) -> str:
    events = [event for text in texts for event in utterance.add(Text(text), fed_s)]
    return "".join(event.text for event in events if isinstance(event, Delta))


def segments(events: list[TranscriptEvent]) -> list[Segment]:
    return [event.segment for event in events if isinstance(event, SegmentEnded)]


def test_deltas_are_emitted_as_they_arrive() -> None:
    utterance = UtteranceText(2.0)
    assert utterance.add(Text("to"), 2.5) == [Delta("to", 2.5)]
    assert utterance.add(Text(""), 2.6) == []
    assert utterance.add(Text(" be"), 2.7) == [Delta(" be", 2.7)]
    assert utterance.finish(Done("to be"), 3.0) == [SegmentEnded(Segment("to be", 2.0, 3.0), 3.0)]


def test_a_final_text_without_deltas_is_emitted_in_full() -> None:
    utterance = UtteranceText(0.0)
    assert utterance.finish(Done("to be"), 1.0) == [Delta("to be", 1.0), SegmentEnded(Segment("to be", 0.0, 1.0), 1.0)]


def test_a_second_connection_emits_only_new_text() -> None:
    utterance = UtteranceText(0.0)
    assert add_deltas(utterance, "to", " be") == "to be"
    utterance.restart(0.0)
    assert add_deltas(utterance, "to", " be", " or") == " or"
    utterance.restart(0.0)
    assert add_deltas(utterance, "to", " be") == ""
    assert utterance.finish(Done("to be or not"), 4.0)[0] == Delta(" not", 4.0)


def test_replayed_speech_events_are_not_emitted_again() -> None:
    utterance = UtteranceText(0.0)
    assert utterance.add(Speech(True, 0.1), 3.0) == [SpeechStarted(0.1)]
    assert add_deltas(utterance, "to", " be") == "to be"
    assert utterance.add(Speech(False, 1.0), 3.0) == [SpeechStopped(1.0)]
    utterance.restart(0.0)
    assert [utterance.add(Speech(is_starting, time_s), 3.0) for is_starting, time_s in [(True, 0.1), (False, 0.9)]] == [
        [],
        [],
    ]
    assert utterance.add(Speech(True, 2.0), 3.0) == [SpeechStarted(2.0)]


def test_speech_that_continues_after_a_replay_is_emitted_with_its_first_new_text() -> None:
    """As when a server reported the end of speech because it shut down."""
    utterance = UtteranceText(0.0)
    add_deltas(utterance, "to", " be")
    assert utterance.add(Speech(False, 1.0), 3.0) == [SpeechStopped(1.0)]
    utterance.restart(0.0)
    assert utterance.add(Speech(True, 0.1), 3.0) == []
    assert utterance.add(Text("to be"), 3.0) == []
    assert utterance.add(Text(" or"), 3.0) == [SpeechStarted(1.0), Delta(" or", 3.0)]


def test_text_that_cannot_be_aligned_yet_waits_for_the_final_text() -> None:
    utterance = UtteranceText(0.0)
    assert add_deltas(utterance, "two", " bee") == "two bee"
    utterance.restart(0.0)
    assert add_deltas(utterance, "to", " be", " or", " not") == ""
    assert utterance.add(InterimText("that"), 3.0) == []
    assert utterance.finish(Done("to be or not"), 4.0)[0] == Delta(" or not", 4.0)


def test_times_are_offset_by_the_start_of_the_connection() -> None:
    utterance = UtteranceText(10.0)
    utterance.restart(8.0)
    utterance.add(Text("to be"), 14.0)
    (ended,) = utterance.add(SegmentText("to be", 3.0, 4.5), 14.0)
    assert ended == SegmentEnded(Segment("to be", 11.0, 12.5), 12.5)
    assert utterance.add(Speech(True, 5.0), 14.0) == [SpeechStarted(13.0)]
    assert utterance.add(Speech(False, 5.5), 14.0) == [SpeechStopped(13.5)]


def test_impossible_times_are_clamped() -> None:
    utterance = UtteranceText(10.0)
    utterance.add(Text("to be or not"), 14.0)
    received = (SegmentText("to be", -5.0, 99.0), SegmentText("or not", 3.0, 1.0))
    events = utterance.finish(Done("to be or not", received), 15.0)
    assert segments(events) == [Segment("to be", 10.0, 15.0), Segment("or not", 15.0, 15.0)]


def test_emitted_segments_are_not_emitted_again() -> None:
    utterance = UtteranceText(0.0)
    utterance.add(Text("to be or"), 3.0)
    first = SegmentText("to be", 0.5, 1.0)
    assert segments(utterance.add(first, 3.0)) == [Segment("to be", 0.5, 1.0)]
    events = utterance.finish(Done("to be or", (first, SegmentText("or", 1.5, 2.0))), 3.0)
    assert segments(events) == [Segment("or", 1.5, 2.0)]


def test_segments_that_do_not_match_the_text_are_replaced_by_one_that_does() -> None:
    utterance = UtteranceText(1.0)
    utterance.add(Text("to be"), 3.0)
    assert segments(utterance.finish(Done("to be", (SegmentText("tobias", 0.0, 1.0),)), 3.0)) == [
        Segment("to be", 1.0, 3.0)
    ]


def test_an_unsolicited_final_text_changes_nothing() -> None:
    utterance = UtteranceText(0.0)
    assert add_deltas(utterance, "to be") == "to be"
    assert utterance.add(Done("to be"), 3.0) == []
    assert add_deltas(utterance, " or not") == " or not"
    assert segments(utterance.finish(Done("or not"), 4.0)) == [Segment("to be or not", 0.0, 4.0)]


def test_other_messages_become_events() -> None:
    utterance = UtteranceText(0.0)
    assert utterance.add(InterimText("to b"), 1.0) == [Interim("to b", 1.0)]
    assert utterance.add(Language("en"), 1.0) == [LanguageDetected("en", 0.0)]
    utterance.add(Speech(True, 0.75), 1.0)
    assert utterance.add(Language("fr"), 1.0) == [LanguageDetected("fr", 0.75)]
    assert utterance.add(Language(""), 1.0) == []


def test_no_text_is_no_event() -> None:
    assert UtteranceText(0.0).finish(None, 0.0) == []
    assert UtteranceText(0.0).finish(Done(""), 1.0) == []


words = st.lists(st.sampled_from(["to", "be", "or", "not", "that", "is", "the", "question"]), max_size=12)


@pytest.mark.parametrize(
    ("emitted", "received", "new"),
    [
        ("", "who built", "who built"),
        ("who built", "who built the", " the"),
        (" who built", "who built the", " the"),
        ("who bui", "who built the", "lt the"),
        ("who built", " who  built the", " the"),
        ("who built", "who built", ""),
        ("Who built the", "who built the White Tower", " White Tower"),
        ("who build the", "who built the white tower", " white tower"),
        ("the two", "the 2 towers of London", " towers of London"),
        ("who built the", "built the white tower", " white tower"),
        ("built the", "who built the white tower", " white tower"),
        ("Ah, who built the to", "who built the tower", "wer"),
        ("no", "yes it was", " it was"),
        ("who built the tower", "who", ""),
        ("who built the tower", "", ""),
    ],
)
def test_continuation_of_the_emitted_text(emitted: str, received: str, new: str) -> None:
    assert continuation(emitted, received, is_complete=True) == new


def test_aligning_different_transcripts_needs_some_extra_words() -> None:
    assert continuation("who build the", "who built the", is_complete=False) is None
    assert continuation("who build the", "who built the white tower", is_complete=False) is None
    assert (
        continuation("who build the", "who built the white tower of London", is_complete=False)
        == " white tower of London"
    )
    assert continuation("who build the", "who built the", is_complete=True) == ""


def test_aligning_the_same_transcript_needs_no_extra_words() -> None:
    assert continuation("who built", "who bui", is_complete=False) is None
    assert continuation("who built", "who built the", is_complete=False) == " the"


@settings(deadline=None, derandomize=True)
@given(words, words)
def test_repeated_words_are_never_new(emitted: list[str], more: list[str]) -> None:
    text, whole = " ".join(emitted), " ".join(emitted + more)
    assert (continuation(text, whole, is_complete=True) or "").split() == more


@settings(deadline=None, derandomize=True)
@given(words, words)
def test_the_continuation_is_a_suffix_of_the_received_text(emitted: list[str], received: list[str]) -> None:
    new = continuation(" ".join(emitted), " ".join(received), is_complete=True)
    assert new is not None
    assert " ".join(received).endswith(new)


@settings(deadline=None, derandomize=True)
@given(words, st.integers(0, 60))
def test_text_emitted_up_to_any_letter_continues_there(emitted: list[str], place: int) -> None:
    text = " ".join(emitted)
    new = continuation(text[:place], text, is_complete=True)
    assert new is not None
    assert "".join((text[:place] + new).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("received", "text", "missing"),
    [
        ("", "all of it", "all of it"),
        (" all of it", "all of it", ""),
        ("all", "all of it", " of it"),
        ("and this", "all of it and this", ""),  # a server that repeats all text since the start
        ("all of it", "", ""),
        ("", "", ""),
    ],
)
def test_text_missing_from_the_deltas(received: str, text: str, missing: str) -> None:
    assert missing_text(received, text) == missing


def test_whether_a_final_text_matches_its_deltas() -> None:
    assert matches_deltas("and this", "all of it and this")
    assert matches_deltas("all of", "all of it")
    assert not matches_deltas("and this", "all of it")


def test_the_end_of_a_prefix() -> None:
    assert end_of_prefix(" to be or not", "to be") == 6
    assert end_of_prefix("to be", "to be or") is None
    assert end_of_prefix("to be", "or") is None
