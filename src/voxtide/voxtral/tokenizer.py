"""Token ids become text. In: tekken.json, then ids one by one. Out: text, as soon as its bytes make whole characters.

Only decoding is needed, and the file holds the bytes of every token, so no tokenizer library is used.
"""

from __future__ import annotations

import base64
import binascii
import codecs
from pathlib import Path
from typing import Self

from voxtide.errors import ModelCorruptError
from voxtide.voxtral.checkpoint import ModelFiles, read_json
from voxtide.voxtral.config import NUM_SPECIAL_TOKENS


class Vocabulary:
    """The bytes of every text token."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a tekken.json.

        Raises:
            ModelCorruptError: The file, or a token in it, cannot be read; the message names it.
        """
        content = read_json(path)
        try:
            config, vocab = content["config"], content["vocab"]
            num_special, num_tokens = config["default_num_special_tokens"], config["default_vocab_size"]
            rows = vocab[: num_tokens - num_special]  # the file has more tokens than the model
        except (KeyError, TypeError) as error:
            raise ModelCorruptError(f"{path} is no tekken.json: it has no usable config and vocab") from error
        if num_special != NUM_SPECIAL_TOKENS:
            raise ModelCorruptError(f"{path} has {num_special} special tokens; the model has {NUM_SPECIAL_TOKENS}")
        return cls([_piece(path, number, row) for number, row in enumerate(rows)])

    def __len__(self) -> int:
        return NUM_SPECIAL_TOKENS + len(self._pieces)

    def piece(self, token: int) -> bytes:
        """A token's bytes; none for special tokens and for ids beyond the vocabulary."""
        number = token - NUM_SPECIAL_TOKENS
        return self._pieces[number] if 0 <= number < len(self._pieces) else b""


def read_vocabulary(files: ModelFiles) -> Vocabulary:
    """A model's vocabulary.

    Raises:
        ModelMissingError: It has no tokenizer.
        ModelCorruptError: The tokenizer cannot be read, or has fewer tokens than the model.
    """
    path, num_tokens = files.tokenizer(), files.read_config().vocab_size
    vocabulary = Vocabulary.read(path)
    if len(vocabulary) < num_tokens:
        raise ModelCorruptError(
            f"{path} has {len(vocabulary)} tokens, the model {num_tokens}; add the one that the model was "
            "published with"
        )
    return vocabulary


def _piece(path: Path, number: int, row: object) -> bytes:
    try:
        assert isinstance(row, dict)
        if row["rank"] != number:
            raise ModelCorruptError(f"{path}: token {number} has rank {row['rank']}")
        return base64.b64decode(row["token_bytes"], validate=True)
    except (AssertionError, KeyError, TypeError, binascii.Error) as error:
        raise ModelCorruptError(f"{path}: token {number} cannot be read") from error


class TextDecoder:
    """One stream's text. Bytes of an incomplete character are kept; the very first space is dropped."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._has_begun = False

    def push(self, token: int) -> str:
        """The text that this token completes; often none."""
        return self._begun(self._utf8.decode(self._vocabulary.piece(token)))

    def finish(self) -> str:
        """The rest after the last token: a replacement character if a character is incomplete."""
        return self._begun(self._utf8.decode(b"", final=True))

    def fork(self) -> TextDecoder:
        """An independent copy."""
        fork = TextDecoder(self._vocabulary)
        fork._utf8.setstate(self._utf8.getstate())
        fork._has_begun = self._has_begun
        return fork

    def _begun(self, text: str) -> str:
        if text and not self._has_begun:
            self._has_begun = True
            return text.removeprefix(" ")
        return text
