"""Parsing of tokenizer.bin, and the text of tokens."""

from __future__ import annotations

import random
import string
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.engines.moonshine.tokenizer import BEGIN, END, Tokenizer
from voxtide.errors import ModelCorruptError

SPACE = "\u2581"


def tokenizer_file(pieces: list[bytes]) -> bytes:
    """tokenizer.bin with these pieces."""
    content = b""
    for piece in pieces:
        low, high = len(piece) % 128, len(piece) // 128
        content += (bytes([low + 128, high]) if high else bytes([low])) + piece
    return content


@given(pieces=st.lists(st.binary(max_size=20) | st.binary(min_size=120, max_size=300)))
def test_pieces_round_trip_through_the_file(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    path = tmp_path_factory.getbasetemp() / "tokenizer.bin"
    path.write_bytes(tokenizer_file(pieces))
    assert Tokenizer.load(path).pieces == [piece.replace(SPACE.encode(), b" ") for piece in pieces]


@pytest.mark.parametrize("num_bytes", [127, 128, 129, 255, 256, 16383])
def test_a_long_piece_has_a_two_byte_length(tmp_path: Path, num_bytes: int) -> None:
    path = tmp_path / "tokenizer.bin"
    path.write_bytes(tokenizer_file([b"a", b"x" * num_bytes, b"b"]))
    assert [len(piece) for piece in Tokenizer.load(path).pieces] == [1, num_bytes, 1]


@pytest.mark.parametrize("content", [b"\x05word", b"\x01a\x02b", b"\x01a\x85", b"\x80\x01" + b"x" * 127])
def test_a_truncated_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.bin"
    path.write_bytes(content)
    with pytest.raises(ModelCorruptError, match="tokenizer.bin is truncated"):
        Tokenizer.load(path)


def test_text_joins_characters_that_tokens_share() -> None:
    encoded = "né".encode()
    tokenizer = Tokenizer([f"{SPACE}".encode() + encoded[:2], encoded[2:], b"e", f"a{SPACE}b".encode()])
    assert tokenizer.text([0, 1, 2]) == " née"
    assert tokenizer.text([3]) == "a b"
    assert tokenizer.text([0]) == " n\N{REPLACEMENT CHARACTER}"
    assert tokenizer.text([]) == ""
    assert [tokenizer.starts_word(token) for token in range(4)] == [True, False, False, False]


@pytest.mark.parametrize(
    "text", [" Go forward ten meters.", " Ever tried? Ever failed!", " it's a half-open door, naïve"]
)
def test_the_pulled_vocabulary_spells_text(tokenizer: Tokenizer, text: str) -> None:
    assert len(tokenizer.pieces) == 32768
    assert (tokenizer.pieces[BEGIN], tokenizer.pieces[END]) == (b"<s>", b"</s>")
    ids = {piece: number for number, piece in enumerate(tokenizer.pieces)}
    tokens, rest = [], text.encode()
    while rest:
        length = next(n for n in range(len(rest), 0, -1) if rest[:n] in ids)
        tokens.append(ids[rest[:length]])
        rest = rest[length:]
    assert tokenizer.text(tokens) == text
    assert [tokenizer.starts_word(token) for token in tokens].count(True) == text.count(" ")


@pytest.fixture(scope="module")
def merge_ids(tokenizer: Tokenizer) -> dict[bytes, int]:
    """The first id of each piece that merges others."""
    return {piece: number for number, piece in reversed(list(enumerate(tokenizer.pieces))) if number >= 259}


def merged_one_by_one(ids: dict[bytes, int], text: str) -> list[bytes]:
    """The pieces of a text by the definition: in each step the leftmost pair with the lowest joint id merges."""
    parts = [character.encode() for character in text]
    while pairs := [(ids[a + b], at) for at, (a, b) in enumerate(pairwise(parts)) if a + b in ids]:
        _, at = min(pairs)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts


@given(text=st.text(max_size=30) | st.text(alphabet="aest hin", max_size=60) | st.text(alphabet=" a", max_size=60))
def test_neighbours_merge_in_the_order_of_their_ids(
    tokenizer: Tokenizer, merge_ids: dict[bytes, int], text: str
) -> None:
    pieces = [tokenizer.pieces[token] for token in tokenizer.encode(text)]
    whole = [part for part in merged_one_by_one(merge_ids, text) if part in tokenizer.pieces]
    assert [piece for piece in pieces if piece in whole] == whole
    assert b"".join(pieces) == text.encode()


def test_a_long_text_takes_little_more_than_its_length(tokenizer: Tokenizer) -> None:
    """A step for each character that looks at all of them would take more than half a minute."""
    text = "".join(random.Random(1).choices(string.ascii_lowercase, k=20_000))
    began_s = time.process_time()
    assert tokenizer.text(tokenizer.encode(text)) == text
    assert time.process_time() - began_s < 2.0


def test_half_a_character_is_a_question_mark(tokenizer: Tokenizer) -> None:
    assert tokenizer.text(tokenizer.encode("a\ud83d")) == "a?"
