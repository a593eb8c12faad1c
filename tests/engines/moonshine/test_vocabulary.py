"""Words to expect: how they are split, spelled and bounded; the trie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.engines.moonshine.tokenizer import Tokenizer
from voxtide.engines.moonshine.vocabulary import (
    BONUS_PER_TOKEN,
    MAX_BONUS,
    MAX_PHRASE_CHARS,
    MAX_PHRASES,
    Vocabulary,
    bonus,
    phrases_of,
    spellings,
)
from voxtide.errors import UnsupportedOptionError


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("Dashwood", ("Dashwood",)),
        ("  White   Tower ", ("White Tower",)),
        ("Siobhan, Zbigniew;Xanthippe\nKafka.", ("Siobhan", "Zbigniew;Xanthippe", "Kafka")),
        ("Siobhan; Zbigniew", ("Siobhan", "Zbigniew")),
        ("Node.js, C++, O'Neill", ("Node.js", "C++", "O'Neill")),
        ("The talk that I and Siobhan give is about gRPC and Kafka.", ("Siobhan", "gRPC", "Kafka")),
        ("this is an ordinary sentence without a name", ()),
        (" ... , !", ()),
        ("", ()),
    ],
)
def test_lists_are_split_and_prose_gives_its_names(text: str, phrases: tuple[str, ...]) -> None:
    assert phrases_of((text,)) == phrases


def test_a_phrase_counts_once() -> None:
    assert phrases_of(("Kafka", "Kafka, Istio", "Istio")) == ("Kafka", "Istio")


def test_a_word_in_lower_case_may_begin_a_sentence() -> None:
    assert spellings("metformin") == ("metformin", "Metformin")
    assert spellings("Metformin") == ("Metformin",)


def test_the_number_of_phrases_has_a_limit() -> None:
    words = tuple(f"word{number}" for number in range(MAX_PHRASES))
    assert len(phrases_of(words)) == MAX_PHRASES
    with pytest.raises(UnsupportedOptionError, match="1001 words and phrases, and the limit is 1000; remove"):
        phrases_of((*words, "another"))


def test_the_length_of_a_phrase_has_a_limit() -> None:
    assert phrases_of(("x" * MAX_PHRASE_CHARS,))
    with pytest.raises(UnsupportedOptionError, match="'xxx.*has 201 characters, and the limit is 200; shorten it"):
        phrases_of(("x" * (MAX_PHRASE_CHARS + 1),))


def test_no_words_are_no_vocabulary(tokenizer: Tokenizer) -> None:
    assert Vocabulary.of((), tokenizer) is None
    assert Vocabulary.of(("  ,",), tokenizer) is None


def test_the_trie_leads_to_every_word(tokenizer: Tokenizer) -> None:
    vocabulary = Vocabulary.of(("Dashwood", "Dashing", "metformin", "White Tower"), tokenizer)
    assert vocabulary is not None
    texts = {tokenizer.text(list(word)) for word in vocabulary.words}
    assert texts == {" Dashwood", " Dashing", " metformin", " Metformin", " White Tower"}
    assert set(vocabulary.first_tokens.tolist()) == {word[0] for word in vocabulary.words}
    for word in vocabulary.words:
        reached = word[:1]
        while reached != word:
            chain = vocabulary.chain(reached)
            reached += chain or (word[len(reached)],)
            assert reached == word[: len(reached)]


def test_a_word_that_begins_another_ends_a_chain(tokenizer: Tokenizer) -> None:
    vocabulary = Vocabulary.of(("Kafka", "Kafkaesque"), tokenizer)
    assert vocabulary is not None
    short, long = sorted(vocabulary.words, key=len)
    assert long[: len(short)] == short
    assert vocabulary.chain(short[:1]) == short[1:]
    assert vocabulary.chain(short) == long[len(short) :]
    assert vocabulary.length_at([5, *short, 5], 1) == len(short)
    assert vocabulary.length_at([5, *long], 1) == len(long)
    assert vocabulary.length_at([5, *long[:1], 5], 1) == vocabulary.length_at([5], 1) == 0


def test_longer_words_have_a_greater_bonus_up_to_a_limit() -> None:
    assert [bonus((7,) * n) for n in (1, 2)] == [BONUS_PER_TOKEN, 2 * BONUS_PER_TOKEN]
    assert bonus((7,) * 20) == MAX_BONUS


@given(text=st.text(max_size=40))
def test_any_text_is_encoded_and_read_back(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.text(tokenizer.encode(text)) == text
