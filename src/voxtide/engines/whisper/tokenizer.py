"""Whisper's tokens. In: the vocabulary of a tokenizer.json. Out: token numbers of texts, bytes of tokens, prompts.

Knows no model. Tokens are bytes, and a letter may take several of them: only runs of tokens decode to text.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

_CODES = {"jw": "jv"}
"""Languages that Whisper names otherwise than ISO 639-1."""


class Vocabulary(Protocol):
    """The part of the library's tokenizer that is used."""

    def get_vocab_size(self) -> int:
        """How many tokens there are."""

    def id_to_token(self, id: int) -> str | None:
        """How a token is written: each byte as a printable letter."""

    def token_to_id(self, token: str) -> int | None:
        """The number of a token written so."""

    def encode(self, sequence: str, *, add_special_tokens: bool) -> Any:
        """A text's tokens, in `.ids`."""


class Tokenizer:
    """One model's tokens. `languages` are the ISO 639-1 codes it may be told; none where it knows English only."""

    def __init__(self, vocabulary: Vocabulary, language_tokens: tuple[str, ...]) -> None:
        self._vocabulary = vocabulary
        self._languages = {language_code(token): token for token in language_tokens}
        self.no_timestamps = self._id_of("<|notimestamps|>")
        self.end = self._id_of("<|endoftext|>")

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self._languages)

    def start_of(self, vocabulary: tuple[int, ...], language: str | None) -> list[int]:
        """What stands before the text and before `no_timestamps`. `language` is None for a model of English only."""
        start = [self._id_of("<|startofprev|>"), *vocabulary] if vocabulary else []
        start.append(self._id_of("<|startoftranscript|>"))
        if language is not None:
            start += [self._id_of(self._languages[language]), self._id_of("<|transcribe|>")]
        return start

    def encode(self, text: str) -> list[int]:
        """The tokens of a text. Where it holds the name of a special token, they include one from `end` on."""
        ids: list[int] = self._vocabulary.encode(text, add_special_tokens=False).ids
        return ids

    def bytes_of(self, token: int) -> bytes:
        """The UTF-8 of a token, or the part of a letter that it is; nothing for special tokens."""
        return self._bytes[token] if token < self.end else b""

    @cached_property
    def _bytes(self) -> list[bytes]:
        byte_of = _byte_of_letter()
        tokens = (self._vocabulary.id_to_token(token_id) or "" for token_id in range(self.end))
        return [bytes(byte_of[letter] for letter in token) for token in tokens]

    def _id_of(self, token: str) -> int:
        token_id = self._vocabulary.token_to_id(token)
        if token_id is None:
            raise ValueError(f"the tokenizer has no token {token!r}")
        return token_id


def language_code(token: str) -> str:
    """The ISO 639-1 code of a language's token, such as "<|en|>". For a few languages there are only longer codes."""
    code = token.strip("<|>")
    return _CODES.get(code, code)


def _byte_of_letter() -> dict[str, int]:
    """The letters in which the vocabulary writes bytes: printable ones of Latin-1 stand for themselves, the others,
    in their order, are written with the letters from U+0100 on. The coding is GPT-2's."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
