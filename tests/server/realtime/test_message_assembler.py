from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.errors import MessageTooBigError
from voxtide.server.realtime.message_assembler import MessageAssembler


def add_cut(assembler: MessageAssembler, message: str | bytes, cuts: list[int]) -> list[str | bytes | None]:
    """Add a message as several frames."""
    data = message.encode() if isinstance(message, str) else message
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in zip(places, places[1:], strict=False)]
    return [
        assembler.add(piece, is_text=None if number else isinstance(message, str), is_last=number == len(pieces) - 1)
        for number, piece in enumerate(pieces)
    ]


@given(st.lists(st.tuples(st.text() | st.binary(), st.lists(st.integers(0, 100), max_size=4)), max_size=4))
def test_messages_are_independent_of_how_they_are_fragmented(messages: list[tuple[str | bytes, list[int]]]) -> None:
    assembler = MessageAssembler(1000)
    assembled: list[str | bytes | None] = []
    for message, cuts in messages:
        assembled += add_cut(assembler, message, cuts)
        assert assembler.num_unfinished_bytes == 0
    assert [message for message in assembled if message is not None] == [message for message, _ in messages]


@pytest.mark.parametrize("cuts", [[], [4], [2, 4]])
def test_a_message_may_be_as_long_as_the_limit_and_no_longer(cuts: list[int]) -> None:
    assembler = MessageAssembler(5)
    assert add_cut(assembler, "hello", cuts)[-1] == "hello"
    with pytest.raises(MessageTooBigError, match="longer than 5 bytes"):
        add_cut(assembler, "hello!", cuts)
    assert assembler.add(b"next", is_text=False, is_last=True) == b"next"


def test_an_incomplete_message_counts_towards_the_limit() -> None:
    assembler = MessageAssembler(5)
    assembler.add(b"123", is_text=False, is_last=False)
    assembler.num_unfinished_bytes += 2
    assert not assembler.is_too_long
    assembler.add(b"456", is_text=None, is_last=False)
    assert assembler.is_too_long
    assembler.clear()
    assert not assembler.is_too_long


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        MessageAssembler(5).add(b"\xff", is_text=True, is_last=True)
