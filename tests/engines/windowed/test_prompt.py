"""The end of a prompt that fits a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.engines.windowed.prompt import MAX_PROMPT_CHARS, end_that_fits


def test_the_longest_end_in_whole_words_is_kept() -> None:
    text = "who built the White Tower"
    assert [end_that_fits(text, lambda end, n=n: len(end) <= n) for n in (25, 24, 21, 11, 10, 5)] == [
        text,
        "built the White Tower",
        "built the White Tower",
        "White Tower",
        "Tower",
        "Tower",
    ]


def test_a_word_that_does_not_fit_is_cut_where_nothing_else_is_left() -> None:
    assert end_that_fits("誰が白い塔を建てたか", lambda end: len(end) <= 4) == "建てたか"
    assert [end_that_fits(text, lambda end: False) for text in ("anything", "")] == ["", ""]


def test_an_end_with_more_tokens_in_a_shorter_text_still_fits() -> None:
    assert end_that_fits("a bb cc dd", lambda end: len(end) <= 7 and not end.startswith("bb")) == "cc dd"
    assert end_that_fits("xa\nbb\ncc", lambda end: len(end) <= 7 and not end.startswith("bb")) == "cc"


@pytest.mark.parametrize("gap", [" ", "\n", " \t "])
def test_a_whole_word_that_fits_is_kept(gap: str) -> None:
    words = ["who", "built", "the", "White", "Tower"]
    assert end_that_fits(gap.join(words), lambda end: len(end.split()) <= 2) == gap.join(words[-2:])


def test_a_prompt_of_any_length_is_cut_before_it_is_compared() -> None:
    """Tokenising a megabyte takes most of a second."""
    lengths: list[int] = []

    def fits(end: str) -> bool:
        lengths.append(len(end))
        return True

    text = "the white tower " * 100_000
    end = end_that_fits(text, fits)
    assert MAX_PROMPT_CHARS - 40 < len(end) <= MAX_PROMPT_CHARS
    assert text.rstrip().endswith(f" {end}")
    assert max(lengths) <= MAX_PROMPT_CHARS
    assert len(lengths) < 25


def test_nothing_is_searched_if_not_even_an_empty_end_fits() -> None:
    asked: list[str] = []

    def fits(end: str) -> bool:
        asked.append(end)
        return False

    assert end_that_fits("the white tower", fits) == ""
    assert asked == [""]


@given(st.text(max_size=60), st.integers(min_value=0, max_value=60))
def test_what_is_kept_is_an_end_that_fits(text: str, max_chars: int) -> None:
    end = end_that_fits(text, lambda part: len(part) <= max_chars)
    assert len(end) <= max_chars
    assert end in text
    assert text.rstrip().endswith(end) or end == text
