"""Examples of each stability rule, and properties of any hypothesis."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.engines.windowed.config import StabilityConfig
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.stability import (
    LOOP_WORDS,
    MIN_LOOP_S,
    MISPLACED_S,
    LanguageCheck,
    drop_hallucinations,
    drop_noise,
    drop_repeated_end,
    is_misplaced,
    mean_logprob,
    num_shown,
    num_stable,
    repeats_last_word,
)

CONFIG = StabilityConfig(
    margin_s=0.2,
    sure_logprob=-0.1,
    doubt_s=1.0,
    max_doubt_s=0.5,
    min_logprob=-1.0,
    deadline_s=2.0,
    short_window_s=3.0,
    short_window_wait_s=1.0,
    show_logprob=-0.5,
    show_agreed_logprob=-0.8,
    show_last_logprob=-0.2,
    after_speech_s=0.1,
    after_speech_logprob=-0.5,
)
SURE, UNSURE, WEAK, HOPELESS = -0.05, -0.3, -0.9, -1.5


def word(text: str, end_s: float, logprob: float = SURE) -> Piece:
    return Piece(" " + text, (len(text),), end_s - 0.2, end_s, logprob)


def mark(end_s: float, text: str = ".") -> Piece:
    return Piece(text, (0,), end_s, end_s, SURE)


def num_final(pieces: list[Piece], before: list[Piece], *, now_s: float = 10.0, window_s: float = 5.0) -> int:
    return num_stable(pieces, before, now_s=now_s, window_s=window_s, config=CONFIG)


@pytest.mark.parametrize(
    ("logprob", "age_s", "agreed", "is_final"),
    [
        (SURE, 0.1, True, False),  # its end may be missing
        (SURE, 0.25, False, True),
        (UNSURE, 0.45, True, False),  # needs 0.2 s, and 0.3 s for its logprob
        (UNSURE, 0.55, True, True),
        (UNSURE, 0.55, False, False),  # needs a second decision
        (WEAK, 0.65, True, False),
        (WEAK, 0.75, True, True),  # the extra age is at most 0.5 s
        (HOPELESS, 1.9, True, False),  # waits for the deadline
        (HOPELESS, 2.1, False, True),
        (UNSURE, 2.1, False, True),
    ],
)
def test_when_a_word_is_final(logprob: float, age_s: float, agreed: bool, is_final: bool) -> None:
    pieces = [word("tide", 10.0 - age_s, logprob)]
    before = [word("tide" if agreed else "tied", 9.0)]
    assert num_final(pieces, before) == int(is_final)


@pytest.mark.parametrize(("window_s", "num"), [(2.9, 0), (3.0, 1)])
def test_a_short_window_has_a_later_deadline(window_s: float, num: int) -> None:
    assert num_final([word("tide", 7.5, HOPELESS)], [], window_s=window_s) == num
    assert num_final([word("tide", 6.5, HOPELESS)], [], window_s=window_s) == 1


def test_agreement_ignores_case_and_punctuation_but_not_order() -> None:
    pieces = [word("The", 8.5, UNSURE), word("tide", 8.9, UNSURE)]
    assert num_final(pieces, [word("the,", 8.5), word("tide", 8.9)]) == 2
    assert num_final(pieces, [word("the", 8.5), mark(8.5, ","), word("tide", 8.9)]) == 2
    assert num_final(pieces, [word("tide", 8.9), word("the", 8.5)]) == 0
    assert num_final(pieces, [word("the", 8.5)]) == 1


def test_no_word_is_final_after_one_that_is_not() -> None:
    assert num_final([word("a", 8.5), word("b", 8.7, UNSURE), word("c", 8.9)], []) == 1


def test_punctuation_waits_for_its_next_word() -> None:
    assert num_final([word("tide", 8.0), mark(8.0)], []) == 1
    assert num_final([word("tide", 8.0), mark(8.0), word("Go", 9.9)], []) == 1
    assert num_final([word("tide", 8.0), mark(8.0), word("Go", 9.0)], []) == 3


def test_what_is_shown() -> None:
    pieces = [word("a", 9.0), word("b", 9.5, -0.4), mark(9.5, ","), word("c", 9.9, WEAK), word("d", 10.2)]
    assert num_shown(pieces, [], [], now_s=10.0, config=CONFIG) == 2
    assert num_shown(pieces[:2] + pieces[4:], [], [], now_s=10.0, config=CONFIG) == 2  # d has not ended
    assert num_shown(pieces[:2] + pieces[4:], [], [], now_s=10.3, config=CONFIG) == 3
    assert num_shown(pieces[:3], [], [], now_s=10.0, config=CONFIG) == 1  # b may be the beginning of a longer word
    assert num_shown([], [], [], now_s=10.0, config=CONFIG) == 0


def test_an_old_word_is_shown_however_doubtful() -> None:
    config = replace(CONFIG, show_age_s=0.7)
    pieces = [word("a", 9.0, WEAK), word("b", 9.5, WEAK)]
    ages_s = [10.0 - piece.end_s for piece in pieces]
    assert num_shown(pieces, [], [], now_s=10.0, config=config) == sum(age_s >= 0.7 for age_s in ages_s) == 1
    assert num_shown(pieces, [], [], now_s=10.0, config=CONFIG) == 0


def test_a_word_shown_before_stays() -> None:
    pieces = [word("a", 9.0), word("B!", 9.9, WEAK), word("c", 9.95, WEAK)]
    assert num_shown(pieces, [], [], now_s=10.0, config=CONFIG) == 1
    assert num_shown(pieces, [word("a", 9.0), word("b", 9.5)], [], now_s=10.0, config=CONFIG) == 2
    assert num_shown(pieces, [word("a", 9.0), word("x", 9.5)], [], now_s=10.0, config=CONFIG) == 1


def test_a_doubtful_word_is_shown_once_two_updates_agree() -> None:
    pieces = [word("a", 9.0), word("b", 9.5, -0.7), word("c", 9.9, -0.7)]
    assert num_shown(pieces, [], [], now_s=10.0, config=CONFIG) == 1
    assert num_shown(pieces, [], [word("a", 9.0), word("x", 9.5)], now_s=10.0, config=CONFIG) == 1
    assert num_shown(pieces, [], pieces, now_s=10.0, config=CONFIG) == 2  # c may be the beginning of a longer word
    assert num_shown([pieces[0], word("b", 9.5, WEAK), pieces[2]], [], pieces, now_s=10.0, config=CONFIG) == 1


@pytest.mark.parametrize("is_last", [False, True])
def test_words_without_duration_are_hallucinations(is_last: bool) -> None:
    real = [word("a", 1.0), word("b", 1.3)]
    squeezed = [word("c", 2.0 + 0.3 * MIN_LOOP_S * i) for i in range(3)]
    fast = [word("c", 2.0 + 0.6 * MIN_LOOP_S * i) for i in range(3)]
    for pieces, kept in (
        ([*real, *squeezed], real),
        ([*real, squeezed[0], mark(2.0), *squeezed[1:]], real),
        ([*real, *squeezed[:2]], [*real, *squeezed[:2]]),  # two may
        ([*real, *fast], [*real, *fast]),
        ([], []),
    ):
        assert drop_hallucinations(pieces, is_last=is_last) == kept


def test_squeezed_words_that_others_follow_keep_their_text_at_the_end_of_speech() -> None:
    """A forced prefix spoils the times of the words after it, seldom their text."""
    squeezed = [word(text, 2.0 + 0.3 * MIN_LOOP_S * i) for i, text in enumerate("cde")]
    rest = [word("f", 2.5), mark(2.5), word("g", 2.9)]
    assert drop_hallucinations([*squeezed, *rest], is_last=True) == [*squeezed, *rest]
    repeated = [word("c", 2.0 + 0.3 * MIN_LOOP_S * i) for i in range(4)]
    pieces = [word("a", 1.0), *repeated, mark(2.1), *rest]
    assert drop_hallucinations(pieces, is_last=True) == [word("a", 1.0), *rest]


def test_squeezed_words_and_those_after_them_wait_for_better_times_during_speech() -> None:
    squeezed = [word(text, 2.0 + 0.3 * MIN_LOOP_S * i) for i, text in enumerate("cde")]
    rest = [word("f", 2.5), mark(2.5), word("g", 2.9)]
    assert drop_hallucinations([word("a", 1.0), *squeezed, *rest], is_last=False) == [word("a", 1.0)]


def test_the_rest_of_a_word_is_no_word_of_a_loop() -> None:
    pieces = [replace(word("s", 2.0), text="s"), word("of", 2.02), word("a", 2.09)]
    assert drop_hallucinations(pieces, is_last=False) == pieces


def test_unsure_words_after_speech_are_dropped() -> None:
    real = [word("a", 4.8), mark(4.8)]
    late = word("you", 5.5, WEAK)  # begins 0.3 s after the end of speech
    assert drop_noise([*real, late, word("too", 6.0)], [], speech_end_s=5.0, is_speech=False, config=CONFIG) == real
    sure_late = word("you", 5.5, UNSURE)
    assert drop_noise([*real, sure_late], [], speech_end_s=5.0, is_speech=False, config=CONFIG) == [*real, sure_late]
    in_time = word("you", 5.25, WEAK)
    assert drop_noise([*real, in_time], [], speech_end_s=5.0, is_speech=False, config=CONFIG) == [*real, in_time]


def test_text_of_low_probability_is_noise() -> None:
    noise = [word("mm", 4.0, HOPELESS), mark(4.0)]
    assert drop_noise(noise, [], speech_end_s=5.0, is_speech=False, config=CONFIG) == []
    plausible = [word("a", 3.5), word("mm", 4.0, HOPELESS)]
    assert drop_noise(plausible, [], speech_end_s=5.0, is_speech=False, config=CONFIG) == plausible
    assert drop_noise([mark(4.0)], [], speech_end_s=5.0, is_speech=False, config=CONFIG) == [mark(4.0)]
    assert drop_noise([], [], speech_end_s=5.0, is_speech=False, config=CONFIG) == []


def test_doubtful_text_of_sure_speech_is_kept() -> None:
    doubtful = [word("mm", 4.0, -1.9)]
    assert drop_noise(doubtful, [], speech_end_s=5.0, is_speech=False, config=CONFIG) == []
    assert drop_noise(doubtful, [], speech_end_s=5.0, is_speech=True, config=CONFIG) == doubtful
    hopeless = [word("mm", 4.0, -2.1)]
    assert drop_noise(hopeless, [], speech_end_s=5.0, is_speech=True, config=CONFIG) == []
    assert drop_noise(hopeless, [word("so", 3.0, -0.1)], speech_end_s=5.0, is_speech=True, config=CONFIG) == hopeless


def test_the_mean_counts_tokens() -> None:
    assert mean_logprob([Piece(" a", (1,), 0, 1, -1.0), Piece(" bcd", (1, 2, 3), 1, 2, -0.2)]) == pytest.approx(-0.4)


@st.composite
def hypotheses(draw: st.DrawFn) -> list[Piece]:
    pieces, now_s = [], 0.0
    for _ in range(draw(st.integers(0, 8))):
        now_s += draw(st.floats(0, 1))
        logprob = draw(st.floats(-2, 0))
        text = draw(st.sampled_from([" a", " b", " B", ".", ","]))
        pieces.append(Piece(text, (1,), now_s, now_s + draw(st.floats(0, 0.5)), logprob))
    return pieces


@given(
    pieces=hypotheses(), before=hypotheses(), now_s=st.floats(0, 12), later_s=st.floats(0, 5), window_s=st.floats(0, 8)
)
def test_stable_words_of_any_hypothesis(
    pieces: list[Piece], before: list[Piece], now_s: float, later_s: float, window_s: float
) -> None:
    num = num_final(pieces, before, now_s=now_s, window_s=window_s)
    assert 0 <= num <= len(pieces)
    assert not num or not pieces[num - 1].is_punctuation
    assert num_final(pieces, before, now_s=now_s + later_s, window_s=window_s) >= num
    assert num_final(pieces, pieces, now_s=now_s, window_s=window_s) >= num_final(
        pieces, [], now_s=now_s, window_s=window_s
    )
    assert num_final(pieces, before, now_s=1000.0, window_s=window_s) == sum(
        1 for i, _ in enumerate(pieces) if any(not piece.is_punctuation for piece in pieces[i:])
    )


@given(pieces=hypotheses(), before=hypotheses(), now_s=st.floats(0, 12), speech_end_s=st.floats(0, 12))
def test_rules_only_cut_the_end_of_any_hypothesis(
    pieces: list[Piece], before: list[Piece], now_s: float, speech_end_s: float
) -> None:
    without_noise = drop_noise(pieces, [], speech_end_s=speech_end_s, is_speech=False, config=CONFIG)
    assert without_noise == pieces[: len(without_noise)]
    num = num_shown(pieces, before, before, now_s=now_s, config=CONFIG)
    assert not num or not pieces[num - 1].is_punctuation
    assert num_shown(pieces, [], [], now_s=now_s, config=CONFIG) <= num


@given(pieces=hypotheses(), is_last=st.booleans())
def test_only_loops_are_dropped_from_any_hypothesis(pieces: list[Piece], is_last: bool) -> None:
    kept = drop_hallucinations(pieces, is_last=is_last)
    assert [piece for piece in pieces if any(piece is it for it in kept)] == kept
    starts_s = [piece.start_s for piece in pieces if not piece.is_punctuation]
    if all(last - first >= MIN_LOOP_S for first, last in zip(starts_s, starts_s[LOOP_WORDS - 1 :], strict=False)):
        assert kept == pieces


@pytest.mark.parametrize("offset_s", [0, 24, 168, 24_000])
def test_a_word_at_the_deadline_is_final_at_any_position(offset_s: int) -> None:
    """Times of equal audio may differ by rounding errors, which must not decide."""
    config = StabilityConfig(deadline_s=1.2, short_window_wait_s=0.0)
    pieces = [word("so", offset_s + 0.024, HOPELESS)]
    assert num_stable(pieces, [], now_s=offset_s + 1.224, window_s=5.0, config=config) == 1


def test_a_repeated_last_word_without_duration() -> None:
    real = [word("was", 0.8), word("the", 1.0), mark(1.0)]
    assert repeats_last_word([word("The", 1.02), word("epoch", 1.6)], real)
    assert repeats_last_word([mark(1.0), word("The", 1.0)], real)
    assert not repeats_last_word([word("The", 1.3)], real)  # spoken twice
    assert not repeats_last_word([word("epoch", 1.02)], real)
    assert not repeats_last_word([word("The", 0.05)], [])
    assert not repeats_last_word([mark(1.0)], real)
    assert not repeats_last_word([], real)


def test_improbable_text_is_in_another_language_once() -> None:
    check = LanguageCheck()
    english, foreign = [word("x", 1.0, -0.2)] * 300, [word("x", 1.0, -1.55)] * 9
    assert not check.add(english)
    assert not check.add([mark(1.0, "...")] * 5)
    assert not check.add(foreign)
    assert check.add(foreign[:1])  # what was English before does not count
    assert not check.add(foreign)
    mixed = LanguageCheck()
    assert not any(mixed.add([*foreign[:4], *english[:20]]) for _ in range(50))


def test_speech_without_words_counts_like_the_text_before_it() -> None:
    check = LanguageCheck()
    assert not check.add_wordless(60.0)
    assert not check.add([word("x", 1.0, -1.56)] * 4)
    assert not check.add_wordless(1.0)
    assert check.add_wordless(1.0)
    assert not check.add_wordless(60.0)
    english = LanguageCheck()
    assert not english.add([word("x", 1.0, -0.5)] * 4)
    assert not english.add_wordless(60.0)


def test_last_words_that_repeat_others_without_time_are_dropped() -> None:
    fail = [word("fail", 1.7), word("again", 2.1), mark(2.2)]
    repeated = [word("Fail", 2.2), word("again", 2.25), mark(2.3)]
    assert drop_repeated_end([*fail, *repeated], []) == fail
    assert drop_repeated_end(repeated, fail) == []
    assert drop_repeated_end([word("try", 1.5), word("no", 1.8), word("no", 1.85)], []) == [
        word("try", 1.5),
        word("no", 1.8),
    ]


def test_words_that_were_repeated_stay() -> None:
    spoken = [word("fail", 1.7), word("again", 2.1), mark(2.2), word("Fail", 2.6), word("again", 3.0)]
    other = [word("fail", 1.7), word("again", 2.1), word("Fail", 2.2), word("better", 2.25)]
    for pieces in (spoken, other, [mark(1.0)], []):
        assert drop_repeated_end(pieces, []) == pieces
    single = [word("it", 1.02)]
    assert drop_repeated_end(single, [word("it", 1.0)]) == single  # for `repeats_last_word`


def test_a_hypothesis_in_final_text_or_in_silence_is_misplaced() -> None:
    early, in_time = word("how", 2.0 - MISPLACED_S - 0.01), word("how", 2.0 - MISPLACED_S + 0.01)
    assert is_misplaced([mark(1.0), early, word("much", 3.0)], 2.0)
    assert not is_misplaced([mark(1.0), in_time], 2.0)
    assert not is_misplaced([mark(1.0)], 2.0)
    assert not is_misplaced([], 2.0)


@pytest.mark.parametrize(("last", "logprob", "num"), [(".", -0.1, 3), (".", -0.4, 1), (",", -0.1, 1)])
def test_doubtful_words_become_final_earlier_after_a_sentence(last: str, logprob: float, num: int) -> None:
    words = [word("so", 9.2), word("it", 9.4, UNSURE), word("goes", 9.6, UNSURE)]
    pieces = [*words, replace(mark(9.6, last), logprob=logprob)]
    config = replace(CONFIG, doubt_s=3.0, sentence_doubt_s=0.1, sentence_logprob=-0.2)
    assert num_stable(pieces, pieces, now_s=10.0, window_s=5.0, config=config) == num
