import json

from hypothesis import given
from hypothesis import strategies as st

from voxtide.protocols.realtime.pending_text import MAX_PIECE_CHARS, MAX_TEXT_BYTES, PendingText
from voxtide.types import Segment


def test_text_and_segments_until_it_is_cleared() -> None:
    utterance = PendingText()
    assert utterance.add(" Hello") == [" Hello"] and utterance.add(" there. ") == [" there. "]
    assert utterance.add_segment(Segment("Hello there.", 0.0, 1.0))
    assert utterance.text == "Hello there." and [segment.text for segment in utterance.segments] == ["Hello there."]
    utterance.clear()
    assert utterance.text == "" and utterance.segments == []


def test_a_segment_that_was_told_is_not_told_again_even_after_an_answer() -> None:
    utterance = PendingText()
    segment = Segment("Hello.", 0.0, 1.0)
    assert utterance.add_segment(segment)
    utterance.clear()
    assert not utterance.add_segment(segment)
    assert utterance.add_segment(Segment("there", 1.0, 1.5))


def test_an_utterance_that_begins_with_text_has_no_space_before_it() -> None:
    utterance = PendingText(begins_with_text=True)
    assert utterance.add("  ") == [] and utterance.add(" word") == ["word"] and utterance.add(" two") == [" two"]
    utterance.clear()
    assert utterance.add(" three") == ["three"]


@given(st.lists(st.text(max_size=30).map(lambda text: text * 4_000), max_size=20))
def test_beyond_the_bound_the_beginning_goes_and_is_counted(texts: list[str]) -> None:
    utterance = PendingText()
    pieces = [piece for text in texts for piece in utterance.add(text)]
    whole = "".join(texts)
    assert "".join(pieces) == whole
    assert all(0 < len(piece) <= MAX_PIECE_CHARS for piece in pieces)
    assert utterance.text == whole[utterance.num_omitted_chars :].strip()
    assert len(json.dumps(utterance.text)) <= MAX_TEXT_BYTES
    assert not utterance.num_omitted_chars or len(json.dumps(whole)) > MAX_TEXT_BYTES
