"""Deltas, segments and flush answers give the same final text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.engines.windowed.final_text import MAX_STRETCH_S, WindowedFinalText
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.transcript.events import Delta, Flushed, SegmentEnded
from voxtide.types import Word


def piece(text: str, start_s: float, end_s: float) -> Piece:
    return Piece(text, (sum(text.encode()),), start_s, end_s, -0.1)


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


HELLO = [piece(" hello", 1.0, 1.4), piece(" there", 1.5, 1.9), piece(".", 1.9, 1.9)]


def test_deltas_segment_and_flush_give_the_same_text() -> None:
    final_text = WindowedFinalText()
    text = text_of(final_text.add(HELLO[:1], 2.0) + final_text.add(HELLO[1:], 2.5))
    (ended,) = final_text.end_segment(1.9, 3.0)
    flushed = final_text.answer(7, 3.0)
    assert text == ended.segment.text == flushed.text == "hello there."
    assert ended.segment.words == (Word("hello", 1.0, 1.4), Word("there.", 1.5, 1.9))
    assert (ended.segment.start_s, ended.segment.end_s, ended.audio_s) == (1.0, 1.9, 3.0)
    assert flushed == Flushed(7, text, (ended.segment,), 3.0)


def test_text_after_a_flush_begins_with_a_space() -> None:
    final_text = WindowedFinalText()
    final_text.add(HELLO, 2.0)
    final_text.end_segment(1.9, 2.0)
    final_text.answer(1, 2.0)
    assert text_of(final_text.add([piece(" Again", 3.0, 3.4)], 4.0)) == " Again"
    assert final_text.interim_text([piece(" and", 3.4, 3.6)]) == " and"
    assert [ended.segment.text for ended in final_text.end_segment(3.4, 4.0)] == ["Again"]
    assert final_text.answer(2, 4.0).text == "Again"
    assert final_text.answer(3, 5.0) == Flushed(3, "", (), 5.0)


def test_no_segment_without_text() -> None:
    final_text = WindowedFinalText()
    assert final_text.add([], 1.0) == []
    assert final_text.end_segment(1.0, 1.0) == []
    assert final_text.interim_text([piece(" first", 0.1, 0.3)]) == "first"
    assert final_text.answer(1, 1.0) == Flushed(1, "", (), 1.0)


@pytest.mark.parametrize(
    ("end", "expected"), [(".", " Word"), ("?", " Word"), ("!", " Word"), (",", " word"), ("...", " Word")]
)
def test_a_sentence_begins_with_a_capital(end: str, expected: str) -> None:
    final_text = WindowedFinalText()
    final_text.add([piece(" so", 0.1, 0.3), piece(end, 0.3, 0.3)], 1.0)
    assert text_of(final_text.add([piece(" word", 1.0, 1.2)], 2.0)) == expected


def test_punctuation_and_endings_join_the_word_before() -> None:
    final_text = WindowedFinalText()
    final_text.add([piece(" half", 0.1, 0.4), piece("-way", 0.4, 0.7), piece(",", 0.9, 0.9)], 1.0)
    (ended,) = final_text.end_segment(0.0, 1.0)
    assert ended.segment.words == (Word("half-way,", 0.1, 0.7),)


def test_punctuation_after_the_end_of_its_segment_is_dropped() -> None:
    final_text = WindowedFinalText()
    final_text.add(HELLO[:2], 2.0)
    final_text.end_segment(1.9, 2.0)
    assert final_text.interim_text([piece(".", 2.0, 2.1), piece(" so", 2.2, 2.4)]) == " so"
    assert final_text.add([piece(".", 2.0, 2.1)], 2.5) == []
    assert final_text.end_segment(2.1, 2.5) == []
    assert text_of(final_text.add([piece(" so", 2.2, 2.4)], 3.0)) == " So"  # capitalised after the dropped full stop
    assert [ended.segment.text for ended in final_text.end_segment(2.4, 3.0)] == ["So"]


@pytest.mark.parametrize(
    ("speech_end_s", "end_s"),
    [(1.8, 1.9), (2.2, 2.2), (1.9 + MAX_STRETCH_S - 0.01, 2.49), (1.9 + MAX_STRETCH_S + 0.01, 1.9)],
)
def test_the_last_word_extends_to_a_near_end_of_speech(speech_end_s: float, end_s: float) -> None:
    final_text = WindowedFinalText()
    final_text.add(HELLO, 3.0)
    (ended,) = final_text.end_segment(speech_end_s, 3.0)
    assert ended.segment.end_s == ended.segment.words[-1].end_s == pytest.approx(end_s)


def test_no_word_ends_after_its_audio() -> None:
    final_text = WindowedFinalText()
    final_text.add([piece(" long", 1.0, 1.9)], 1.5)
    (ended,) = final_text.end_segment(0.0, 1.5)
    assert ended.segment.words == (Word("long", 1.0, 1.5),)


def test_the_prefix_has_the_final_pieces_of_the_window() -> None:
    final_text = WindowedFinalText()
    assert (final_text.prefix_tokens, final_text.end_s, final_text.ends_in_punctuation) == ([], 0.0, False)
    final_text.add(HELLO[:2], 2.0)
    assert not final_text.ends_in_punctuation
    final_text.add(HELLO[2:], 2.0)
    assert final_text.ends_in_punctuation
    assert final_text.end_s == 1.9
    assert final_text.prefix_tokens == [token for final in HELLO[:-1] for token in final.tokens], "not the full stop"
    assert final_text.tokens_from(1.5) == [token for final in HELLO[1:-1] for token in final.tokens]
    assert final_text.tokens_from(5.0) == []


def test_the_window_can_be_cut_where_a_whole_word_begins() -> None:
    final_text = WindowedFinalText()
    final_text.add([*HELLO, piece(" half", 2.2, 2.4), piece("-way", 2.4, 2.6)], 3.0)
    assert final_text.latest_word_start_s(0.9) is None
    assert final_text.latest_word_start_s(1.0) == 1.0
    assert final_text.latest_word_start_s(2.0) == 1.5  # not at the full stop
    assert final_text.latest_word_start_s(2.5) == 2.2  # nor inside a word


def test_pieces_before_the_window_leave_the_prefix() -> None:
    final_text = WindowedFinalText()
    final_text.add([*HELLO, piece(" Half", 2.2, 2.4)], 3.0)
    final_text.drop_before(1.5)
    assert [final.text for final in final_text.prefix] == [" there", ".", " Half"]
    final_text.drop_before(1.6)  # punctuation begins no window
    assert [final.text for final in final_text.prefix] == [" Half"]
    final_text.drop_before(float("inf"))
    assert final_text.prefix == []
    (ended,) = final_text.end_segment(0.0, 3.0)
    assert ended.segment.text == "hello there. Half", "the text is kept"


TEXTS = (" go", " on", "ing", "'s", ".", ",", "?", " Ten")


@given(data=st.data())
def test_any_order_of_adding_ending_and_answering(data: st.DataObject) -> None:
    """The three texts agree, and times are in order even if the model's are not."""
    final_text = WindowedFinalText()
    now_s, deltas, answers = 0.0, [], []
    segments: list[SegmentEnded] = []
    for _ in range(data.draw(st.integers(0, 8))):
        now_s += data.draw(st.floats(0.1, 2))
        texts = data.draw(st.lists(st.sampled_from(TEXTS), max_size=4))
        starts = [data.draw(st.floats(0, now_s)) for _ in texts]
        deltas += final_text.add([piece(t, s, s + 0.3) for t, s in zip(texts, starts, strict=True)], now_s)
        action = data.draw(st.sampled_from(["go on", "end", "flush"]))
        if action != "go on":
            segments += final_text.end_segment(data.draw(st.floats(0, now_s)), now_s)
        if action == "flush":
            answers.append(final_text.answer(len(answers) + 1, now_s))
    segments += final_text.end_segment(now_s, now_s)
    answers.append(final_text.answer(len(answers) + 1, now_s))
    letters = "".join(text_of(deltas).split())
    assert "".join("".join(ended.segment.text.split()) for ended in segments) == letters
    assert "".join("".join(answer.text.split()) for answer in answers) == letters
    assert [segment for answer in answers for segment in answer.segments] == [ended.segment for ended in segments]
    _assert_in_order(segments)


def _assert_in_order(segments: list[SegmentEnded]) -> None:
    now_s = 0.0
    for ended in segments:
        assert now_s <= ended.segment.start_s <= ended.segment.end_s <= ended.audio_s
        for word in ended.segment.words:
            assert now_s <= word.start_s <= word.end_s <= ended.segment.end_s
            now_s = word.end_s
        now_s = ended.segment.end_s


def test_no_word_begins_before_its_speech() -> None:
    final_text = WindowedFinalText()
    final_text.add(HELLO, 2.0)
    final_text.end_segment(1.9, 2.0)
    final_text.begin_speech(3.0)
    final_text.add([piece(" again", 1.9, 3.4), piece(" and", 3.4, 3.6)], 4.0)
    (ended,) = final_text.end_segment(3.6, 4.0)
    assert ended.segment.words == (Word("Again", 3.0, 3.4), Word("and", 3.4, 3.6))
