"""Grouping of tokens to words: whole characters, the script's spaces, separate punctuation, and times."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.engines.whisper.model import Token
from voxtide.engines.whisper.words import pieces_of, well_timed
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.stability import drop_hallucinations

TOKEN_S = 0.3


def pieces_from(*tokens: bytes, is_continued: bool = False) -> list[Piece]:
    """The pieces of tokens with these bytes, one after the other, each 0.3 s long."""
    timed = [Token(i, -0.1 * (i + 1), i * TOKEN_S, (i + 1) * TOKEN_S) for i in range(len(tokens))]
    return pieces_of(timed, lambda token_id: tokens[token_id], is_continued=is_continued)


def texts(*tokens: bytes, is_continued: bool = False) -> list[str]:
    return [piece.text for piece in pieces_from(*tokens, is_continued=is_continued)]


@pytest.mark.parametrize(
    ("tokens", "pieces"),
    [
        ([b" No", b" matter", b"."], [" No", " matter", "."]),
        ([b" fool", b"ishness", b","], [" foolishness", ","]),
        ([b" don", b"'t"], [" don't"]),
        ([b" cold", b"-", b"heart", b"ed"], [" cold-hearted"]),
        ([b" ", b"4", b" Queens"], [" 4", " Queens"]),
        ([b" $", b"5", b"?!"], [" $5", "?!"]),
        ([b" 10", b",", b"000"], [" 10", ",", "000"]),
        ([b" caf", b"\xc3", b"\xa9"], [" café"]),
    ],
)
def test_words_with_spaces(tokens: list[bytes], pieces: list[str]) -> None:
    assert texts(*tokens) == pieces


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("你好。再见", ["你", "好", "。", "再", "见"]),
        ("こんにちは", ["こ", "ん", "に", "ち", "は"]),
        ("ที่นี่", ["ที่", "นี่"]),  # vowel signs and tone marks stay with their character
        ("1999年", [" 1999", "年"]),
    ],
)
def test_scripts_without_spaces(text: str, pieces: list[str]) -> None:
    assert texts(*(bytes([byte]) for byte in text.encode())) == pieces


def test_a_word_has_the_times_and_the_mean_probability_of_its_tokens() -> None:
    word, mark = pieces_from(b" fool", b"ishness", b".")
    assert (word.start_s, word.end_s, word.tokens) == (0.0, 0.6, (0, 1))
    assert word.logprob == pytest.approx(-0.15)
    assert (mark.start_s, mark.tokens, mark.is_punctuation) == (0.6, (2,), True)


def test_a_word_does_not_extend_over_the_pause_after_it() -> None:
    tokens = [Token(0, -0.1, 0.0, 3.0), Token(1, -0.1, 3.0, 3.2)]
    first, second = pieces_of(tokens, lambda token_id: (b" so", b" what")[token_id], is_continued=False)
    assert 0.2 < first.end_s < 0.6
    assert (second.start_s, second.end_s) == (3.0, 3.2)


def test_an_incomplete_character_at_the_end_is_left_out() -> None:
    assert texts(b" ok", b"\xe4\xbd") == [" ok"]


def test_invalid_bytes_do_not_hide_the_text_after_them() -> None:
    assert "".join(texts(b" a", b"\xff", b"\xff\xff\xff", b" b")) == " a b"


def test_a_first_word_begins_with_a_space_unless_it_continues_one() -> None:
    assert texts(b"failed", b" again") == [" failed", " again"]
    assert texts(b"ulous", b" again", is_continued=True) == ["ulous", " again"]
    assert texts(b"...") == ["..."]
    assert pieces_from(b"\xe4\xbd\xa0")[0].starts_word


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"])), st.lists(st.integers(0, 60)))
def test_pieces_join_to_the_text_wherever_tokens_end(text: str, ends: list[int]) -> None:
    content = text.encode()
    edges = sorted({0, len(content), *(end for end in ends if end < len(content))})
    tokens = [content[start:end] for start, end in zip(edges, edges[1:], strict=False)]
    pieces = pieces_from(*tokens, is_continued=True)
    assert "".join(piece.text for piece in pieces) == text
    assert [token for piece in pieces for token in piece.tokens] == list(range(len(tokens)))


def placed(*starts: tuple[str, float]) -> list[Piece]:
    ends = [start_s for _, start_s in starts[1:]] + [starts[-1][1] + 0.2]
    return [
        Piece(text if text in ".," else f" {text}", (i,), start_s, end_s, -0.1)
        for i, ((text, start_s), end_s) in enumerate(zip(starts, ends, strict=True))
    ]


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces).strip()


def test_well_aligned_words_stay_as_they_are() -> None:
    pieces = placed(("it", 0.0), ("was", 0.2), ("the", 0.36), ("best", 0.5), (".", 0.8), ("It", 0.8), ("was", 1.0))
    assert well_timed(pieces) == pieces


def test_a_repetition_loop_at_the_end_is_dropped() -> None:
    looped = [(word, 2.0) for word in ("go", "forward", "ten", "meters", ".")]
    pieces = placed(("go", 0.3), ("forward", 0.6), ("ten", 1.0), ("meters", 1.4), (".", 1.9), *looped)
    assert text_of(well_timed(pieces)) == "go forward ten meters."


def test_two_words_in_one_place_are_no_loop() -> None:
    pieces = placed(("again", 0.3), ("fail", 0.8), ("a", 1.2), ("bit", 1.22))
    assert text_of(well_timed(pieces)) == "again fail a bit"


def test_words_in_one_place_share_the_time_around_them() -> None:
    pieces = placed(("belief", 10.0), ("it", 11.4), ("was", 11.4), ("the", 11.4), ("epoch", 11.42), ("of", 12.0))
    timed = well_timed(pieces)
    assert text_of(timed) == text_of(pieces)
    assert [round(piece.start_s, 2) for piece in timed] == [10.0, 10.4, 10.8, 11.2, 11.6, 12.0]
    assert drop_hallucinations(timed, is_last=False) == timed


def test_no_pieces() -> None:
    assert well_timed([]) == []


places = st.lists(st.tuples(st.sampled_from(["a", "word", "."]), st.integers(0, 400)), min_size=1, max_size=30)


@given(places)
def test_times_are_in_order_and_only_the_end_is_dropped(places: list[tuple[str, int]]) -> None:
    starts = sorted(frame for _, frame in places)
    pieces = placed(*((text, frame * 0.02) for (text, _), frame in zip(places, starts, strict=True)))
    timed = well_timed(pieces)
    assert [piece.text for piece in timed] == [piece.text for piece in pieces[: len(timed)]]
    assert all(before.start_s <= before.end_s <= after.start_s for before, after in pairwise(timed))
    assert all(pieces[0].start_s <= piece.start_s <= pieces[-1].start_s for piece in timed)


def test_words_too_close_to_each_other_move_apart_but_not_out_of_the_audio() -> None:
    pieces = placed(("we", 0.0), ("were", 0.06), ("all", 0.12), ("going", 0.5), ("to", 0.9), ("it", 0.9))
    timed = well_timed(pieces)
    assert [round(piece.start_s, 2) for piece in timed] == [0.0, 0.07, 0.14, 0.5, 0.83, 0.9]
    assert drop_hallucinations(timed, is_last=False) == timed
