from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.support.terminal import Terminal
from voxtide.cli.transcribe.screen import Screen, Span, row_width, spans, wrap

rows = st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=4)


def screen_on(terminal: Terminal, *, is_styled: bool = True) -> Screen:
    return Screen(terminal, terminal.size, is_styled=is_styled)


def test_redrawn_rows_replace_each_other() -> None:
    terminal = Terminal()
    screen = screen_on(terminal)
    screen.update([], [spans("first"), spans("status 1")])
    screen.update([], [spans("other"), spans("more"), spans("status 2")])
    screen.update([], [spans("status 3")])
    assert terminal.text == ["status 3"]


def test_permanent_rows_remain_above() -> None:
    terminal = Terminal()
    screen = screen_on(terminal)
    screen.update([spans("one")], [spans("open"), spans("status")])
    screen.update([spans("two"), spans("three")], [spans("status")])
    screen.close()
    assert terminal.text == ["one", "two", "three", "status"]
    assert terminal.column == 0
    assert terminal.is_cursor_shown


def test_the_cursor_is_hidden_only_while_the_screen_is_open() -> None:
    terminal = Terminal()
    screen = screen_on(terminal)
    screen.update([], [spans("status")])
    assert not terminal.is_cursor_shown
    screen.close()
    assert terminal.is_cursor_shown


def test_a_screen_without_styles_sends_no_style_codes() -> None:
    styled, plain = Terminal(), Terminal()
    for terminal, is_styled in ((styled, True), (plain, False)):
        screen_on(terminal, is_styled=is_styled).update([], [spans("may change", "dim")])
    assert "2m" in styled.codes
    assert not any(code.endswith("m") for code in plain.codes)
    assert styled.text == plain.text


def test_a_terminal_made_narrower_keeps_no_remains() -> None:
    terminal = Terminal(columns=40)
    screen = screen_on(terminal)
    screen.update([spans("stays")], [spans("a long row that folds when it must"), spans("and a status row so long")])
    terminal.resize(columns=15)
    screen.update([], [spans("short"), spans("status")])
    assert terminal.text == ["stays", "short", "status"]


def test_more_rows_than_the_terminal_has_show_the_last() -> None:
    terminal = Terminal(num_rows=4)
    screen = screen_on(terminal)
    for _ in range(3):
        screen.update([], [spans(f"row {number}") for number in range(9)])
    assert terminal.text == ["row 6", "row 7", "row 8"]


@given(st.lists(st.tuples(st.lists(rows, max_size=3), st.lists(rows, min_size=1, max_size=5)), max_size=12))
def test_every_permanent_row_appears_once_in_order(
    updates: list[tuple[list[list[str]], list[list[str]]]],
) -> None:
    terminal = Terminal(columns=42)
    screen = screen_on(terminal)
    expected: list[str] = []
    shown: list[str] = []
    for permanent, redrawn in updates:
        screen.update(*([[Span(text) for text in row] for row in group] for group in (permanent, redrawn)))
        expected += [" ".join(row) for row in permanent]
        shown = [" ".join(row) for row in redrawn]
        assert terminal.text == expected + shown


@given(st.lists(st.text("ab界", min_size=1, max_size=25)), st.integers(2, 30))
def test_wrapped_rows_fit_and_keep_every_character(words: list[str], columns: int) -> None:
    wrapped = wrap([Span(word) for word in words], columns)
    assert all(0 < row_width(row) <= columns for row in wrapped)
    assert "".join(span.text for row in wrapped for span in row) == "".join(words)


def test_text_cannot_send_control_codes() -> None:
    assert spans("a\x1b[2Jb\x07 c\u200bd\ne") == [Span("a?[2Jb?"), Span("c?d"), Span("e")]
