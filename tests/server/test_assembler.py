from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from voxtide.errors import MessageTooBigError
from voxtide.server.assembler import MessageAssembler


def frames_of(data: bytes, cuts: list[int], opcode: Opcode) -> list[Frame]:
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in zip(places, places[1:], strict=False)]
    return [
        Frame(opcode if number == 0 else Opcode.CONT, piece, fin=number == len(pieces) - 1)
        for number, piece in enumerate(pieces)
    ]


@given(st.lists(st.tuples(st.text() | st.binary(), st.lists(st.integers(0, 100), max_size=4)), max_size=4))
def test_messages_come_out_as_they_went_in_however_cut(messages: list[tuple[str | bytes, list[int]]]) -> None:
    assembler, taken = MessageAssembler(1000), []
    for message, cuts in messages:
        data, opcode = (message.encode(), Opcode.TEXT) if isinstance(message, str) else (message, Opcode.BINARY)
        taken += [assembler.take(frame) for frame in frames_of(data, cuts, opcode)]
        assert assembler.num_unfinished_bytes == 0
    assert [message for message in taken if message is not None] == [message for message, _ in messages]


@pytest.mark.parametrize("cuts", [[], [4], [2, 4]])
def test_a_message_may_be_as_long_as_the_bound_and_no_longer(cuts: list[int]) -> None:
    assembler = MessageAssembler(5)
    assert [assembler.take(frame) for frame in frames_of(b"hello", cuts, Opcode.TEXT)][-1] == "hello"
    with pytest.raises(MessageTooBigError, match="longer than 5 bytes"):
        for frame in frames_of(b"hello!", cuts, Opcode.TEXT):
            assembler.take(frame)
    assert assembler.take(Frame(Opcode.BINARY, b"next")) == b"next"


def test_what_has_come_of_a_message_counts() -> None:
    assembler = MessageAssembler(5)
    assembler.take(Frame(Opcode.BINARY, b"123", fin=False))
    assembler.num_unfinished_bytes += 2
    assert not assembler.is_too_long
    assembler.take(Frame(Opcode.CONT, b"456", fin=False))
    assert assembler.is_too_long
    assembler.clear()
    assert not assembler.is_too_long


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        MessageAssembler(5).take(Frame(Opcode.TEXT, b"\xff"))
