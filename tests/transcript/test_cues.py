from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.transcript_strategies import timed_segments, wild_segments
from voxtide.errors import ConfigError
from voxtide.transcript.cues import (
    LINE_COUNTS,
    LINE_LENGTHS,
    MAX_CUE_S,
    MAX_GAP_S,
    MIN_CUE_S,
    CueShape,
    num_columns,
    split_cues,
)
from voxtide.types import Segment, Word

SHAPES = st.builds(
    CueShape, st.integers(LINE_LENGTHS[0], LINE_LENGTHS[-1]), st.integers(LINE_COUNTS[0], LINE_COUNTS[-1])
)


def segment_of(text: str, *, start_s: float = 0.0, word_s: float = 0.3) -> Segment:
    """A segment whose words follow each other without a pause."""
    texts = text.split()
    words = tuple(
        Word(word, start_s + number * word_s, start_s + (number + 1) * word_s) for number, word in enumerate(texts)
    )
    return Segment(text, start_s, start_s + len(texts) * word_s, words)


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_a_short_segment_is_one_cue_at_its_word_times() -> None:
    (cue,) = split_cues([segment_of("Ever tried. Ever failed.", start_s=0.5)])
    assert (cue.start_ms, cue.end_ms, cue.lines) == (500, 1700, ("Ever tried. Ever failed.",))


def test_two_lines_are_balanced() -> None:
    (cue,) = split_cues([segment_of("it was the best of times, it was the worst of times", word_s=0.2)])
    assert cue.lines == ("it was the best of times,", "it was the worst of times")


def test_a_long_segment_breaks_after_a_clause() -> None:
    text = "it was the epoch of belief, it was the epoch of incredulity, it was the season of light"
    cues = split_cues([segment_of(text, word_s=0.2)])
    assert [" ".join(cue.lines) for cue in cues] == [
        "it was the epoch of belief, it was the epoch of incredulity,",
        "it was the season of light",
    ]


def test_a_sentence_end_is_preferred_to_a_later_clause_end() -> None:
    text = "and then we had nothing at all before us. In short, the period was so very far like this one"
    first = split_cues([segment_of(text, word_s=0.2)])[0]
    assert " ".join(first.lines) == "and then we had nothing at all before us."


def test_a_sentence_that_ends_too_early_does_not_end_a_cue() -> None:
    text = "No matter. In short, the period was so far like the present, the noisiest authorities of all"
    first = split_cues([segment_of(text, word_s=0.2)])[0]
    assert " ".join(first.lines).endswith("like the present,")


def test_a_long_pause_starts_a_new_cue() -> None:
    words = (Word("No", 0.0, 0.4), Word("matter.", 0.4 + MAX_GAP_S + 0.1, 3.0))
    assert len(split_cues([Segment("No matter.", 0.0, 3.0, words)])) == 2


def test_slow_speech_breaks_at_the_longest_cue() -> None:
    cues = split_cues([segment_of("Try again. Fail again.", word_s=3.0)])
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(0, 6000), (6000, 12000)]


def test_words_without_spaces_stay_together() -> None:
    words = tuple(Word(char, number * 0.2, number * 0.2 + 0.2) for number, char in enumerate("今日は。"))
    (cue,) = split_cues([Segment("今日は。", 0.0, 0.8, words)])
    assert cue.lines == ("今日は。",)


def test_text_without_word_times_is_spread_over_its_segment() -> None:
    segment = Segment(" ".join(["fail better"] * 20), 10.0, 30.0)
    cues = split_cues([segment])
    assert cues[0].start_ms == 10_000
    assert cues[-1].end_ms == 30_000
    assert len(cues) >= 3


def test_words_that_do_not_match_the_text_are_ignored() -> None:
    (cue,) = split_cues([Segment("No matter.", 0.0, 1.0, (Word("matter.", 0.0, 0.5), Word("No", 0.5, 1.0)))])
    assert cue.lines == ("No matter.",)


def test_empty_segments_make_no_cue() -> None:
    assert split_cues([Segment("", 0.0, 1.0), Segment(" \n", 1.0, 2.0)]) == []


@pytest.mark.parametrize(
    ("text", "columns"),
    [("", 0), ("abc", 3), ("今日は。", 8), ("한국어", 6), ("ｱｲｳ", 3), ("ＡＢ", 4), ("cafe\u0301", 4), ("a\u200db", 2)],
)
def test_east_asian_wide_characters_take_two_columns(text: str, columns: int) -> None:
    assert num_columns(text) == columns


def test_a_chinese_line_has_at_most_21_characters() -> None:
    words = tuple(Word("汉", number * 0.1, number * 0.1 + 0.1) for number in range(100))
    cues = split_cues([Segment("汉" * 100, 0.0, 10.0, words)])
    assert [len(line) for cue in cues for line in cue.lines] == [21, 21, 21, 21, 16]
    untimed = split_cues([Segment("汉" * 100, 0.0, 10.0)])
    assert max(len(line) for cue in untimed for line in cue.lines) == 21


def test_a_combining_mark_stays_with_its_character() -> None:
    cues = split_cues([Segment("e\u0301" * 100, 0.0, 10.0)])
    assert all(line.startswith("e") and line.endswith("\u0301") for cue in cues for line in cue.lines)


def test_lines_are_as_long_and_as_many_as_requested() -> None:
    text = "it was the best of times, it was the worst of times"
    (cue,) = split_cues([segment_of(text, word_s=0.2)], CueShape(line_length=20, max_lines=3))
    assert cue.lines == ("it was the best", "of times, it was", "the worst of times")
    cues = split_cues([segment_of(text, word_s=0.2)], CueShape(max_lines=1))
    assert [cue.lines for cue in cues] == [("it was the best of times,",), ("it was the worst of times",)]


@pytest.mark.parametrize(("line_length", "max_lines"), [(7, 2), (201, 2), (42, 0), (42, 11)])
def test_other_shapes_are_refused(line_length: int, max_lines: int) -> None:
    with pytest.raises(ConfigError, match="must be"):
        CueShape(line_length, max_lines)


@pytest.mark.parametrize(("next_start_s", "end_ms"), [(None, 1_833), (9.0, 1_833), (1.5, 1_500), (1.2, 1_200)], ids=str)
def test_a_short_cue_lasts_into_the_pause_but_not_into_the_next_cue(next_start_s: float | None, end_ms: int) -> None:
    segments = [segment_of("No.", start_s=1.0, word_s=0.2)]
    if next_start_s is not None:
        segments.append(segment_of("No matter.", start_s=next_start_s, word_s=0.6))
    assert (split_cues(segments)[0].start_ms, split_cues(segments)[0].end_ms) == (1_000, end_ms)


def assert_well_formed(segments: list[Segment], shape: CueShape) -> None:
    cues = split_cues(segments, shape)
    for cue, following in pairwise(cues):
        is_short = cue.end_ms - cue.start_ms < round(MIN_CUE_S * 1000)
        assert not is_short or cue.end_ms == following.start_ms
    last_end_ms = 0
    for cue in cues:
        assert last_end_ms <= cue.start_ms < cue.end_ms <= cue.start_ms + MAX_CUE_S * 1000
        assert 1 <= len(cue.lines) <= shape.max_lines
        assert all(line.strip() and num_columns(line) <= shape.line_length for line in cue.lines)
        last_end_ms = cue.end_ms
    assert squeezed("".join("".join(cue.lines) for cue in cues)) == squeezed("".join(s.text for s in segments))


@given(timed_segments(), SHAPES)
def test_cues_are_monotone_short_and_keep_every_word(segments: list[Segment], shape: CueShape) -> None:
    assert_well_formed(segments, shape)


@given(wild_segments(), SHAPES)
def test_cues_are_well_formed_for_any_times_and_words(segments: list[Segment], shape: CueShape) -> None:
    assert_well_formed(segments, shape)
