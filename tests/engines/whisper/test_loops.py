"""Repetition loops in tokens: what is a loop, and what stays of it."""

from __future__ import annotations

from voxtide.engines.whisper.loops import is_loop, without_loops
from voxtide.engines.whisper.model import Token


def tokens_of(text: str, first_logprob: float) -> list[Token]:
    """One token per word, whose id is the word's; a word has `first_logprob` at first, and 0 when it is repeated."""
    seen: set[str] = set()
    tokens = []
    for i, word in enumerate(text.split()):
        tokens.append(Token(WORDS.index(word), 0.0 if word in seen else first_logprob, i * 0.1, (i + 1) * 0.1))
        seen.add(word)
    return tokens


WORDS = ["so", "we", "speak", "of", "the", "day", "of", "life", "and", "ever", "tried", "now"]


def bytes_of(token: int) -> bytes:
    return f" {WORDS[token]}".encode()


def text_without_loops(text: str, first_logprob: float) -> str:
    tokens = without_loops(tokens_of(text, first_logprob), bytes_of)
    return b"".join(bytes_of(token.id) for token in tokens).decode().strip()


def test_one_occurrence_of_a_loop_is_kept() -> None:
    assert text_without_loops("so we speak " + "of the life " * 30 + "of the", -2.0) == "so we speak of the life"


def test_text_after_a_loop_is_kept() -> None:
    assert text_without_loops("so " + "of life " * 30 + "and ever now", -2.0) == "so of life and ever now"


def test_every_loop_is_cut() -> None:
    assert text_without_loops("so " * 40 + "of life " * 40, -2.0) == "so of life"


def test_repeated_speech_is_no_loop() -> None:
    text = " ".join(["ever tried"] * 12)
    assert not is_loop(tokens_of(text, -0.9), bytes_of)
    assert text_without_loops(text, -0.9) == text


def test_a_few_repetitions_are_no_loop() -> None:
    assert not is_loop(tokens_of("so so so we speak of the day", -2.0), bytes_of)
    assert not is_loop([], bytes_of)
