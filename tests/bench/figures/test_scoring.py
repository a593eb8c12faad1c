"""The word error rate, on short texts."""

from __future__ import annotations

import pytest

from voxtide.bench.figures.accuracy import normaliser_name, total, word_errors


def test_case_punctuation_and_number_spelling_are_not_errors() -> None:
    errors = word_errors("a", "Go forward ten metres, Mister Smith!", "go forward 10 meters mr smith")
    assert (errors.num_words, errors.num_errors, errors.differences) == (6, 0, ())


def test_errors_are_counted_and_named() -> None:
    errors = word_errors("a", "it was the best of times", "it was a the worst of times sure")
    assert (errors.num_words, errors.num_errors) == (6, 3)
    assert errors.differences == (("a", "", "a"), ("a", "best", "worst"), ("a", "", "sure"))
    assert errors.percent == 50


def test_an_empty_transcript_has_only_errors() -> None:
    assert word_errors("a", "it was", "").num_errors == 2


def test_a_reference_without_words_raises() -> None:
    with pytest.raises(ValueError, match=r"has no words: '\[noise\]'"):
        word_errors("a", "[noise]", "it was")


def test_the_total_counts_a_set_as_one_text() -> None:
    whole = total([word_errors("a", "one word more", "one word"), word_errors("b", "it", "it")])
    assert (whole.num_words, whole.num_errors, whole.percent) == (4, 1, 25)
    assert whole.differences == (("a", "more", ""),)


def test_the_normaliser_is_named_with_its_version() -> None:
    assert normaliser_name().startswith("whisper-normalizer 0.")
