"""Whisper's tokenizer. In: the vocabulary of a tokenizer.json. Out: token ids of texts, bytes of tokens, prompts.

Knows no model. A token is a run of bytes and may end inside a character: only runs of tokens decode to text.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

from voxtide.types import Task

_CODES = {"jw": "jv"}
"""Languages whose code in Whisper is not the one of ISO 639-1."""


class Vocabulary(Protocol):
    """The part of the library's tokenizer that is used."""

    def get_vocab_size(self) -> int:
        """The number of tokens."""

    def id_to_token(self, id: int) -> str | None:
        """A token as a string, each byte as one printable character."""

    def token_to_id(self, token: str) -> int | None:
        """The id of the token with this string."""

    def encode(self, sequence: str, *, add_special_tokens: bool) -> Any:
        """An object whose `.ids` are the text's tokens."""


class Tokenizer:
    """One model's tokens. `languages` are the ISO 639-1 codes it knows; empty for an English-only model."""

    def __init__(self, vocabulary: Vocabulary, language_tokens: tuple[str, ...]) -> None:
        self._vocabulary = vocabulary
        self._languages = {language_code(token): token for token in language_tokens}
        self.no_timestamps = self._id_of("<|notimestamps|>")
        self.end = self._id_of("<|endoftext|>")

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self._languages)

    def start_of(self, vocabulary: tuple[int, ...], language: str | None, task: Task = "transcribe") -> list[int]:
        """The tokens before `no_timestamps` and the text. `language` is None for an English-only model, which has no
        tasks."""
        start = [self._id_of("<|startofprev|>"), *vocabulary] if vocabulary else []
        start.append(self._id_of("<|startoftranscript|>"))
        if language is not None:
            start += [self._id_of(self._languages[language]), self._id_of(f"<|{task}|>")]
        return start

    def encode(self, text: str) -> list[int]:
        """The tokens of a text. The name of a special token in it gives a token of `end` or above."""
        ids: list[int] = self._vocabulary.encode(text, add_special_tokens=False).ids
        return ids

    def bytes_of(self, token: int) -> bytes:
        """The bytes of a token, possibly a part of a UTF-8 character; empty for special tokens."""
        return self._bytes[token] if token < self.end else b""

    @cached_property
    def _bytes(self) -> list[bytes]:
        byte_of = _byte_of_character()
        tokens = (self._vocabulary.id_to_token(token_id) or "" for token_id in range(self.end))
        return [bytes(byte_of[character] for character in token) for token in tokens]

    def _id_of(self, token: str) -> int:
        token_id = self._vocabulary.token_to_id(token)
        if token_id is None:
            raise ValueError(f"the tokenizer has no token {token!r}")
        return token_id


def language_code(token: str) -> str:
    """The ISO 639-1 code of a language's token, such as "<|en|>"; a longer code for the few languages without one."""
    code = token.strip("<|>")
    return _CODES.get(code, code)


def _byte_of_character() -> dict[str, int]:
    """GPT-2's coding of bytes as characters: printable Latin-1 bytes map to themselves, the others, in order, to the
    characters from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}
