"""Puts words of a vocabulary into a decoded text. In: a decoding, a vocabulary. Out: the better decoding.

A word of the vocabulary is tried in place of each word of the best text, and the text after it is decoded anew. It is
kept if the whole text becomes less likely by no more than its bonus: both texts cover the same audio, so words of any
length compare. The search walks the trie of tokens from its likeliest beginnings; where the model is sure, none of them
is likely enough, and nothing is run. Equal arguments give equal texts.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from voxtide.engines.moonshine.decoding import Decoding
from voxtide.engines.moonshine.tokenizer import END, Tokenizer
from voxtide.engines.moonshine.vocabulary import Vocabulary, bonus

FIRST_MARGIN = 8.0
"""How much less likely [nat] a word's first token may be than the best token there."""
NEXT_MARGIN = 3.0
"""Additional loss [nat] allowed to the beginning of a word per further token."""
DEPTH_CREDIT = 2.0
"""Advantage [nat] of a longer beginning per token in the order of the search, so that words are finished."""
REACH_TOKENS = 4
"""A word replaces at most this many tokens more than it has: names come out as several short words."""
MAX_RUNS = 8
"""Runs of the decoder to search for words at one place; each takes about as long as a decoding step."""
MAX_TRIED = 2
"""Words at one place after which the text is decoded anew."""
MAX_WINDOW_RUNS = 64
"""Runs of the decoder for one window, so that its time is bounded: about as many as its text takes without. After them
no word is tried; a text that is being decoded is finished."""
MAX_LOGPROB = -0.1
"""Log probability [nat] that a word of the vocabulary may take over from the text that it replaces. Stability rules
then do not take it for noise, and make it final once two decisions agree."""


@dataclass(order=True, slots=True)
class _Beginning:
    """The first tokens of a word, with their log probabilities. The most promising sorts first."""

    rank: float
    tokens: tuple[int, ...]
    logprobs: tuple[float, ...] = field(compare=False)

    @classmethod
    def of(cls, tokens: tuple[int, ...], logprobs: tuple[float, ...]) -> _Beginning:
        return cls(-sum(logprobs) - DEPTH_CREDIT * len(tokens), tokens, logprobs)


@dataclass(frozen=True, slots=True)
class _Replacement:
    """A text with a word of the vocabulary, `length` tokens from `index` on; `advantage` includes the bonus [nat]."""

    advantage: float
    decoding: Decoding
    index: int
    length: int


class Rescoring:
    """Rescores the text of one window."""

    def __init__(self, vocabulary: Vocabulary, tokenizer: Tokenizer, limit: int) -> None:
        """`limit` is the most tokens of a text."""
        self._vocabulary = vocabulary
        self._tokenizer = tokenizer
        self._limit = limit
        self._num_runs = 0

    def apply(self, decoding: Decoding, start: int) -> Decoding:
        """The decoding with the words of the vocabulary that the audio allows, from token `start` on."""
        index = start
        while index <= len(decoding.tokens):
            if length := self._vocabulary.length_at(decoding.tokens, index):
                index += length
            elif (found := self._best_at(decoding, index)) is None:
                index += 1
            else:
                found = self._best_inside(decoding, found)
                decoding, index = _accepted(decoding, found), found.index + found.length
        return decoding

    def _best_inside(self, decoding: Decoding, found: _Replacement) -> _Replacement:
        """The best of a replacement and those that begin in the text it replaces."""
        others = range(found.index + 1, found.index + _num_replaced(decoding, found))
        candidates = [found, *filter(None, (self._best_at(decoding, other) for other in others))]
        return max(candidates, key=lambda candidate: candidate.advantage)

    def _best_at(self, decoding: Decoding, index: int) -> _Replacement | None:
        """The best text with a word of the vocabulary at `index`, if it has an advantage."""
        tokens, scores = decoding.tokens, decoding.logprobs
        if index < len(tokens) and not self._tokenizer.starts_word(tokens[index]):
            return None
        ranked = []
        for word, logprobs in self._words_at(decoding, index):
            score = sum(logprobs) + bonus(word)
            if score > sum(scores[index : index + len(word) + REACH_TOKENS]):
                ranked.append((-score, word, logprobs))
        best = None
        for _, word, logprobs in sorted(ranked)[:MAX_TRIED]:
            if self._num_runs >= MAX_WINDOW_RUNS:
                break
            text = self._with_word(decoding, index, word, logprobs)
            advantage = sum(text.logprobs[index:]) - sum(scores[index:]) + bonus(word)
            is_better = advantage > (best.advantage if best else 0.0)
            if is_better and self._ends_word(text, index + len(word)):
                best = _Replacement(advantage, text, index, len(word))
        return best

    def _ends_word(self, text: Decoding, index: int) -> bool:
        """Whether a word may end before token `index`: no letter follows, except for a plural's."""
        if index >= len(text.tokens):
            return text.next_token == END
        piece = self._tokenizer.text([text.tokens[index]])
        return piece == "s" or not piece[:1].isalnum()

    def _with_word(
        self, decoding: Decoding, index: int, word: tuple[int, ...], logprobs: tuple[float, ...]
    ) -> Decoding:
        text = decoding.with_tokens(index, list(word), list(logprobs))
        self._num_runs += 1
        rest = decoding.tokens[index + 1 :]
        if text.next_token in rest:
            text.run(rest[rest.index(text.next_token) :], num_certain=0)
            self._num_runs += 1
        num_tokens = len(text.tokens)
        text.finish(self._limit)
        self._num_runs += len(text.tokens) - num_tokens
        return text

    def _words_at(self, decoding: Decoding, index: int) -> Iterator[tuple[tuple[int, ...], tuple[float, ...]]]:
        """Likely words of the vocabulary at `index`, with the log probabilities of their tokens."""
        watched, best = decoding.watched_at(index), decoding.logprobs[index]
        assert watched is not None
        firsts = np.flatnonzero(watched >= best - FIRST_MARGIN)
        tokens = self._vocabulary.first_tokens[firsts].tolist()
        beginnings = [
            _Beginning.of((token,), (logprob,)) for token, logprob in zip(tokens, watched[firsts].tolist(), strict=True)
        ]
        heapq.heapify(beginnings)
        num_left = min(MAX_RUNS, MAX_WINDOW_RUNS - self._num_runs)
        while beginnings:
            beginning = heapq.heappop(beginnings)
            if beginning.tokens in self._vocabulary.words:
                yield beginning.tokens, beginning.logprobs
            if num_left <= 0 or beginning.tokens not in self._vocabulary.children:
                continue
            num_left -= 1
            self._num_runs += 1
            for longer in self._longer(decoding, index, beginning):
                if sum(longer.logprobs) >= best - FIRST_MARGIN - NEXT_MARGIN * (len(longer.tokens) - 1):
                    heapq.heappush(beginnings, longer)

    def _longer(self, decoding: Decoding, index: int, beginning: _Beginning) -> list[_Beginning]:
        """`beginning` with what follows it in the trie, up to the next choice and with each choice."""
        tokens, chain = beginning.tokens, self._vocabulary.chain(beginning.tokens)
        choices = chain or self._vocabulary.children[tokens]
        rows = decoding.try_tokens(index, [*tokens, *chain], np.array(choices, np.int64))
        if chain:
            following = tuple(float(rows[len(tokens) + i, i]) for i in range(len(chain)))
            return [_Beginning.of(tokens + chain, beginning.logprobs + following)]
        return [
            _Beginning.of((*tokens, token), (*beginning.logprobs, float(logprob)))
            for token, logprob in zip(choices, rows[-1], strict=True)
        ]


def _num_replaced(decoding: Decoding, found: _Replacement) -> int:
    """How many tokens of the text a replacement replaces: those before the common end."""
    old, new = decoding.tokens[found.index :], found.decoding.tokens[found.index + found.length :]
    num_common = 0
    while num_common < min(len(old), len(new)) and old[-1 - num_common] == new[-1 - num_common]:
        num_common += 1
    return len(old) - num_common


def _accepted(decoding: Decoding, found: _Replacement) -> Decoding:
    """The replacement's decoding. Its word is as probable as the text it replaces, within `MAX_LOGPROB`."""
    replaced = decoding.logprobs[found.index : found.index + max(1, _num_replaced(decoding, found))]
    found.decoding.raise_logprobs(found.index, found.length, min(MAX_LOGPROB, sum(replaced) / len(replaced)))
    return found.decoding
