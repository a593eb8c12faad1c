"""Words to expect. In: words and phrases as users write them, a tokenizer. Out: a trie of tokens. Runs no model."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voxtide.engines.moonshine.tokenizer import Tokenizer
from voxtide.errors import UnsupportedOptionError

MAX_PHRASES = 1_000
"""The protocols' limit per message. Their first tokens are compared at each word."""
MAX_PHRASE_CHARS = 200
"""The protocols' limit for a string; real terms are shorter. Bounds the length of a run."""
MAX_PHRASE_WORDS = 4
"""Text with more words is prose, such as a prompt: only its names are used."""

BONUS_PER_TOKEN = 3.0
MAX_BONUS = 11.0
"""A text with a word of the vocabulary may be this much less likely [nat] than the best text: `BONUS_PER_TOKEN` per
token of the word, `MAX_BONUS` at most. Short words are found by chance more easily."""

_BREAKS = re.compile(r"[,;:.!?\n\t()\[\]\"|]+(?:\s|$)|\n")
_NAME = re.compile(r"[^\W\d_]*[^\W\d_a-zß-öø-ÿ]\w*")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens of all words and phrases, each with its leading space.

    Attributes:
        words: Every spelling, as tokens.
        children: The tokens that may follow a beginning of a word, for every beginning, the empty one included.
        first_tokens: The tokens that words begin with, ascending.
    """

    words: frozenset[tuple[int, ...]]
    children: dict[tuple[int, ...], tuple[int, ...]]
    first_tokens: NDArray[np.int64]

    @classmethod
    def of(cls, texts: tuple[str, ...], tokenizer: Tokenizer) -> Vocabulary | None:
        """The vocabulary of `texts`; None if they hold no word.

        Raises:
            UnsupportedOptionError: They are too many, or one is too long.
        """
        phrases = phrases_of(texts)
        if not phrases:
            return None
        words = sorted(
            {tuple(tokenizer.encode(f" {spelling}")) for phrase in phrases for spelling in spellings(phrase)}
        )
        children: dict[tuple[int, ...], list[int]] = {}
        for word in words:
            for length, token in enumerate(word):
                following = children.setdefault(word[:length], [])
                if following[-1:] != [token]:  # the words are sorted
                    following.append(token)
        frozen = {prefix: tuple(tokens) for prefix, tokens in children.items()}
        return cls(frozenset(words), frozen, np.array(sorted(frozen[()]), np.int64))

    def length_at(self, tokens: list[int], index: int) -> int:
        """The number of tokens of the longest word that stands at `index`; 0 if none does."""
        prefix: tuple[int, ...] = ()
        longest = 0
        for token in tokens[index:]:
            if token not in self.children.get(prefix, ()):
                break
            prefix += (token,)
            longest = len(prefix) if prefix in self.words else longest
        return longest

    def chain(self, prefix: tuple[int, ...]) -> tuple[int, ...]:
        """The tokens that must follow `prefix`, up to a word's end or a choice."""
        tokens = prefix
        while len(following := self.children.get(tokens, ())) == 1:
            tokens += following
            if tokens in self.words:
                break
        return tokens[len(prefix) :]


def bonus(word: tuple[int, ...]) -> float:
    """How much less likely [nat] the text may become by this word."""
    return min(BONUS_PER_TOKEN * len(word), MAX_BONUS)


def spellings(phrase: str) -> tuple[str, ...]:
    """The phrase as written; one that begins in lower case also begins a sentence."""
    capitalised = phrase[:1].upper() + phrase[1:]
    return (phrase,) if capitalised == phrase else (phrase, capitalised)


def phrases_of(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The words and phrases in `texts`, each once. Lists are split; of prose only the names count.

    Raises:
        UnsupportedOptionError: They are too many, or one is too long.
    """
    phrases: dict[str, None] = {}
    for text in texts:
        for part in _BREAKS.split(text):
            words = part.split()
            found = [" ".join(words)] if len(words) <= MAX_PHRASE_WORDS else _names(words)
            phrases.update(dict.fromkeys(phrase for phrase in found if any(map(str.isalnum, phrase))))
    if len(phrases) > MAX_PHRASES:
        raise UnsupportedOptionError(
            f"engine 'moonshine' cannot use this vocabulary: it has {len(phrases)} words and phrases, and the limit is "
            f"{MAX_PHRASES}; remove the least likely"
        )
    for phrase in phrases:
        if len(phrase) > MAX_PHRASE_CHARS:
            raise UnsupportedOptionError(
                f"engine 'moonshine' cannot use this vocabulary: {phrase[:40]!r}... has {len(phrase)} characters, and "
                f"the limit is {MAX_PHRASE_CHARS}; shorten it"
            )
    return tuple(phrases)


def _names(words: list[str]) -> list[str]:
    """The words of a sentence with a capital letter, except its first word and "I"."""
    return [word for word in words[1:] if len(word) > 1 and _NAME.fullmatch(word)]
