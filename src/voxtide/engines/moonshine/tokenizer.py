"""Moonshine's tokenizer. In: tokenizer.bin, token ids. Out: text. Knows no model."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from voxtide.errors import ModelCorruptError

BEGIN, END = 1, 2
_NUM_SPECIAL = 3
_FIRST_MERGE = 259
"""After the special tokens come the 256 bytes, then the pieces that merges make, in the order of their priority."""
_SPACE = "\u2581".encode()
"""Stands for a space in tokenizer.bin."""


class Tokenizer:
    """`pieces[i]` is the UTF-8 text of token i, or a part of a character, with plain spaces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = [piece.replace(_SPACE, b" ") for piece in pieces]
        self._ids = {piece: i for i, piece in reversed(list(enumerate(self.pieces))) if i >= _FIRST_MERGE}

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Read tokenizer.bin: for each piece its length (one byte, or two from 128 on) and its bytes.

        Raises:
            ModelCorruptError: The file is truncated.
        """
        content = path.read_bytes()
        pieces, at = [], 0
        try:
            while at < len(content):
                length, at = content[at], at + 1
                if length >= 128:
                    length, at = length - 128 + 128 * content[at], at + 1
                if at + length > len(content):
                    raise IndexError
                pieces.append(content[at : at + length])
                at += length
        except IndexError:
            raise ModelCorruptError(f"{path} is truncated; pull the model again with --force") from None
        return cls(pieces)

    def text(self, tokens: list[int]) -> str:
        """The text of tokens. Bytes that are not UTF-8 become replacement characters."""
        return b"".join(self.pieces[token] for token in tokens).decode("utf-8", errors="replace")

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, as the model was trained on: the two neighbours with the lowest joint id merge first.

        A character without a token becomes the tokens of its UTF-8 bytes.
        """
        parts = [character.encode() for character in text]
        while len(parts) > 1:
            none = len(self.pieces)
            rank, at = min((self._ids.get(a + b, none), i) for i, (a, b) in enumerate(pairwise(parts)))
            if rank == none:
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return [token for part in parts for token in self._tokens_of(part)]

    def _tokens_of(self, part: bytes) -> list[int]:
        token = self._ids.get(part)
        return [token] if token is not None else [_NUM_SPECIAL + byte for byte in part]

    def starts_word(self, token: int) -> bool:
        """Whether the token begins with a space."""
        return self.pieces[token].startswith(b" ")
