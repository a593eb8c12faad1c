"""Tokens become words: whole letters, spaces as the script has them, punctuation apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.engines.whisper.model import Token
from voxtide.engines.whisper.words import pieces_of
from voxtide.engines.windowed.hypothesis import Piece

TOKEN_S = 0.3


def spelt(*tokens: bytes, is_continued: bool = False) -> list[Piece]:
    """The pieces of tokens with these bytes, one after the other, each 0.3 s long."""
    timed = [Token(i, -0.1 * (i + 1), i * TOKEN_S, (i + 1) * TOKEN_S) for i in range(len(tokens))]
    return pieces_of(timed, lambda token_id: tokens[token_id], is_continued=is_continued)


def texts(*tokens: bytes, is_continued: bool = False) -> list[str]:
    return [piece.text for piece in spelt(*tokens, is_continued=is_continued)]


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
        ("ที่นี่", ["ที่", "นี่"]),  # vowel signs and tone marks stay with their letter
        ("1999年", [" 1999", "年"]),
    ],
)
def test_letters_without_spaces(text: str, pieces: list[str]) -> None:
    assert texts(*(bytes([byte]) for byte in text.encode())) == pieces


def test_a_word_has_the_times_and_the_doubt_of_its_tokens() -> None:
    word, mark = spelt(b" fool", b"ishness", b".")
    assert (word.start_s, word.end_s, word.tokens) == (0.0, 0.6, (0, 1))
    assert word.logprob == pytest.approx(-0.15)
    assert (mark.start_s, mark.tokens, mark.is_punctuation) == (0.6, (2,), True)


def test_a_pause_does_not_belong_to_the_word_before_it() -> None:
    tokens = [Token(0, -0.1, 0.0, 3.0), Token(1, -0.1, 3.0, 3.2)]
    first, second = pieces_of(tokens, lambda token_id: (b" so", b" what")[token_id], is_continued=False)
    assert 0.2 < first.end_s < 0.6
    assert (second.start_s, second.end_s) == (3.0, 3.2)


def test_half_a_letter_at_the_end_is_left_out() -> None:
    assert texts(b" ok", b"\xe4\xbd") == [" ok"]


def test_bytes_that_are_no_letter_do_not_swallow_what_follows() -> None:
    assert "".join(texts(b" a", b"\xff", b"\xff\xff\xff", b" b")) == " a b"


def test_a_first_word_gets_its_space_unless_it_goes_on_with_another() -> None:
    assert texts(b"failed", b" again") == [" failed", " again"]
    assert texts(b"ulous", b" again", is_continued=True) == ["ulous", " again"]
    assert texts(b"...") == ["..."]
    assert spelt(b"\xe4\xbd\xa0")[0].starts_word


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"])), st.lists(st.integers(0, 60)))
def test_pieces_join_to_the_text_wherever_tokens_end(text: str, ends: list[int]) -> None:
    content = text.encode()
    edges = sorted({0, len(content), *(end for end in ends if end < len(content))})
    tokens = [content[start:end] for start, end in zip(edges, edges[1:], strict=False)]
    pieces = spelt(*tokens, is_continued=True)
    assert "".join(piece.text for piece in pieces) == text
    assert [token for piece in pieces for token in piece.tokens] == list(range(len(tokens)))
