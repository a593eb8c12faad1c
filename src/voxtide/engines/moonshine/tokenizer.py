"""Moonshine's tokenizer. In: tokenizer.bin, token ids. Out: text. Knows no model."""

from __future__ import annotations

import heapq
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

        A character without a token becomes the tokens of its UTF-8 bytes, and a lone surrogate a question mark.
        """
        parts = self._merged([character.encode(errors="replace") for character in text])
        return [token for part in parts for token in self._tokens_of(part)]

    def _merged(self, parts: list[bytes]) -> list[bytes]:
        """Merge neighbours for as long as two have a joint id. Takes n log n steps for n parts."""
        previous, following = list(range(-1, len(parts) - 1)), [*range(1, len(parts)), -1]
        candidates: list[tuple[int, int, bytes]] = []  # a heap: the joint id, the left part, the joint piece

        def consider(left: int, right: int) -> None:
            if left >= 0 and right >= 0 and (token := self._ids.get(joint := parts[left] + parts[right])) is not None:
                heapq.heappush(candidates, (token, left, joint))

        for left, right in enumerate(following):
            consider(left, right)
        while candidates:
            _, left, joint = heapq.heappop(candidates)
            right = following[left]
            if not parts[left] or right < 0 or parts[left] + parts[right] != joint:
                continue  # one of the two has merged with another neighbour
            parts[left], parts[right] = joint, b""
            following[left] = following[right]
            if following[left] >= 0:
                previous[following[left]] = left
            consider(previous[left], left)
            consider(left, following[left])
        return [part for part in parts if part]

    def _tokens_of(self, part: bytes) -> list[int]:
        token = self._ids.get(part)
        return [token] if token is not None else [_NUM_SPECIAL + byte for byte in part]

    def starts_word(self, token: int) -> bool:
        """Whether the token begins with a space."""
        return self.pieces[token].startswith(b" ")
