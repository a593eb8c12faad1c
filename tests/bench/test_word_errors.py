"""The word error rate, on short texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.bench.word_errors import WordErrors, normaliser_name, repeated, total, word_errors


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


def test_an_error_belongs_to_the_part_of_its_word() -> None:
    spoken = ["press one", "two is next", "good night"]
    errors = word_errors("a", spoken, "press 2 is is text good night now")
    assert errors.num_words == sum(num for num, _ in errors.parts)
    assert errors.num_errors == sum(num for _, num in errors.parts) > 0
    assert len(errors.parts) == 3
    assert errors.parts[2][1] == 1


WORDS = st.sampled_from(["one", "two", "five", "it", "was", "night"])


@given(st.lists(st.lists(WORDS, min_size=1), min_size=1), st.data())
def test_parts_sum_to_the_whole(spoken: list[list[str]], data: st.DataObject) -> None:
    words = [word for part in spoken for word in part]
    written = [word for word in words if data.draw(st.booleans())]
    parts = [" ".join(part) for part in spoken]
    whole, apart = word_errors("a", " ".join(parts), " ".join(written)), word_errors("a", parts, " ".join(written))
    assert (whole.num_words, whole.num_errors) == (apart.num_words, apart.num_errors)
    assert sum(num for num, _ in apart.parts) == whole.num_words
    assert sum(num for _, num in apart.parts) == whole.num_errors
    assert len(apart.parts) <= len(parts)


def test_an_interval_holds_the_rate_and_narrows_with_more_parts() -> None:
    few, many = (WordErrors(10 * num, num, (), ((10, 0), (10, 2)) * (num // 2)) for num in (4, 400))
    for errors in (few, many):
        low, high = errors.interval()
        assert low <= errors.percent <= high
    assert many.interval()[1] - many.interval()[0] < (few.interval()[1] - few.interval()[0]) / 5
    assert few.interval_above(few) == (0, 0)


@pytest.mark.parametrize(
    ("language", "spoken", "written"),
    [
        ("es", "Presione uno para la contraseña", "presione 1 para la contrasena"),
        ("fr", "Échec, appuyez sur le deux", "echec appuyez sur le 2"),
        ("ru", "Нажмите решётку три", "нажмите решетку 3"),
    ],
)
def test_other_languages_fold_accents_and_digits(language: str, spoken: str, written: str) -> None:
    assert word_errors("a", spoken, written, language=language).num_errors == 0
    assert "digits" in normaliser_name(language)


def test_several_plays_of_a_recording_are_one_part_of_a_bootstrap() -> None:
    plays = [word_errors("a", "go home now", text) for text in ("go home now", "go home", "stay home")]
    whole = repeated(plays)
    assert (whole.num_words, whole.num_errors, whole.parts) == (9, 3, ((9, 3),))
    assert len(whole.differences) == 3
