import json

from hypothesis import given
from hypothesis import strategies as st

from voxtide.protocols.realtime.pending_text import MAX_PIECE_CHARS, MAX_TEXT_BYTES, PendingText
from voxtide.types import Segment


def test_text_and_segments_are_kept_until_cleared() -> None:
    pending = PendingText()
    assert pending.add(" Hello") == [" Hello"] and pending.add(" there. ") == [" there. "]
    assert pending.add_segment(Segment("Hello there.", 0.0, 1.0))
    assert pending.text == "Hello there." and [segment.text for segment in pending.segments] == ["Hello there."]
    pending.clear()
    assert pending.text == "" and pending.segments == []


def test_a_segment_is_new_only_once_even_after_clear() -> None:
    pending = PendingText()
    segment = Segment("Hello.", 0.0, 1.0)
    assert pending.add_segment(segment)
    pending.clear()
    assert not pending.add_segment(segment)
    assert pending.add_segment(Segment("there", 1.0, 1.5))


def test_leading_space_is_stripped() -> None:
    pending = PendingText(strip_leading_space=True)
    assert pending.add("  ") == [] and pending.add(" word") == ["word"] and pending.add(" two") == [" two"]
    pending.clear()
    assert pending.add(" three") == ["three"]


@given(st.lists(st.text(max_size=30).map(lambda text: text * 4_000), max_size=20))
def test_beyond_the_limit_the_beginning_is_dropped_and_counted(texts: list[str]) -> None:
    pending = PendingText()
    pieces = [piece for text in texts for piece in pending.add(text)]
    whole = "".join(texts)
    assert "".join(pieces) == whole
    assert all(0 < len(piece) <= MAX_PIECE_CHARS for piece in pieces)
    assert pending.text == whole[pending.num_omitted_chars :].strip()
    assert len(json.dumps(pending.text)) <= MAX_TEXT_BYTES
    assert not pending.num_omitted_chars or len(json.dumps(whole)) > MAX_TEXT_BYTES
