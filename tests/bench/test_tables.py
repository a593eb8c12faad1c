"""Tables and prose fit their width and lose nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.bench.tables import aligned, cut, fitted, packed, tables, width_of, wrapped

CELLS = st.text(st.sampled_from("ab1한"), min_size=1, max_size=12)


def test_columns_are_aligned_to_the_left_and_to_the_right() -> None:
    rows = [["way", "p50", "p95"], ["streaming", "1.00", "12.00"]]
    assert aligned(rows, num_left=1) == ["way         p50    p95", "streaming  1.00  12.00"]
    assert aligned(rows, num_left=3) == ["way        p50   p95", "streaming  1.00  12.00"]


def test_wide_characters_take_two_columns() -> None:
    assert aligned([["한", "1"], ["aaa", "2"]], num_left=1) == ["한   1", "aaa  2"]
    assert cut("한한한", 5) == "한한…" and cut("한한", 4) == "한한"


@given(
    st.integers(2, 6).flatmap(
        lambda num: st.lists(st.lists(CELLS, min_size=num, max_size=num), min_size=1, max_size=4)
    ),
    st.integers(1, 80),
)
def test_tables_fit_and_have_every_cell(rows: list[list[str]], max_columns: int) -> None:
    lines = tables(rows, max_columns, num_keys=1, num_left=1)
    blocks = "\n".join(lines).split("\n\n")
    assert all(block.split("\n")[0].split()[0] == rows[0][0] for block in blocks), "each has its key"
    found = [[cell for block in blocks for cell in block.split("\n")[i].split()[1:]] for i in range(len(rows))]
    assert found == [row[1:] for row in rows]
    for block in blocks:
        num_others = len(block.split("\n")[0].split()) - 1
        assert width_of(block.split("\n")) <= max_columns or num_others == 1


@pytest.mark.parametrize("max_columns", [10, 20, 40])
def test_prose_is_wrapped_and_keeps_names_whole(max_columns: int) -> None:
    lines = wrapped("A: moonshine (tiny-en), voxtide 0.1.0, and more", max_columns)
    assert max(map(len, lines)) <= max_columns
    assert max_columns == 10 or "(tiny-en)," in " ".join(lines).split()


def test_a_line_is_wrapped_only_if_it_does_not_fit() -> None:
    assert fitted("  a line  of words", 18) == fitted("  a line  of words", None) == ["  a line  of words"]
    assert fitted("  a line  of words", 12, indent="    ") == ["  a line  of", "    words"]


def test_items_are_packed_and_stay_whole() -> None:
    items = ["cpu: A Processor", "cores: 2", "python: 3.11"]
    assert packed(items, None) == ["cpu: A Processor  cores: 2  python: 3.11"]
    assert packed(items, 26) == ["cpu: A Processor  cores: 2", "  python: 3.11"]
    assert packed(items, 1) == ["cpu: A Processor", "  cores: 2", "  python: 3.11"]
