"""What is done with words that alignment put into one place."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from voxtide.engines.whisper.words import well_timed
from voxtide.engines.windowed.hypothesis import Piece
from voxtide.engines.windowed.stability import drop_hallucinations


def placed(*starts: tuple[str, float]) -> list[Piece]:
    ends = [start_s for _, start_s in starts[1:]] + [starts[-1][1] + 0.2]
    return [
        Piece(text if text in ".," else f" {text}", (i,), start_s, end_s, -0.1)
        for i, ((text, start_s), end_s) in enumerate(zip(starts, ends, strict=True))
    ]


def words(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces).strip()


def test_well_aligned_words_stay_as_they_are() -> None:
    pieces = placed(("it", 0.0), ("was", 0.2), ("the", 0.36), ("best", 0.5), (".", 0.8), ("It", 0.8), ("was", 1.0))
    assert well_timed(pieces) == pieces


def test_a_loop_at_the_end_was_not_said() -> None:
    looped = [(word, 2.0) for word in ("go", "forward", "ten", "meters", ".")]
    pieces = placed(("go", 0.3), ("forward", 0.6), ("ten", 1.0), ("meters", 1.4), (".", 1.9), *looped)
    assert words(well_timed(pieces)) == "go forward ten meters."


def test_two_words_at_the_end_are_no_loop() -> None:
    pieces = placed(("again", 0.3), ("fail", 0.8), ("a", 1.2), ("bit", 1.22))
    assert words(well_timed(pieces)) == "again fail a bit"


def test_words_in_one_place_share_the_time_around_them() -> None:
    pieces = placed(("belief", 10.0), ("it", 11.4), ("was", 11.4), ("the", 11.4), ("epoch", 11.42), ("of", 12.0))
    timed = well_timed(pieces)
    assert words(timed) == words(pieces)
    assert [round(piece.start_s, 2) for piece in timed] == [10.0, 10.4, 10.8, 11.2, 11.6, 12.0]
    assert drop_hallucinations(timed) == timed


def test_nothing_stays_nothing() -> None:
    assert well_timed([]) == []


places = st.lists(st.tuples(st.sampled_from(["a", "word", "."]), st.integers(0, 400)), min_size=1, max_size=30)


@given(places)
def test_times_lie_in_order_and_words_are_only_cut_at_the_end(places: list[tuple[str, int]]) -> None:
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
    assert drop_hallucinations(timed) == timed
