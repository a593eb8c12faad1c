from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voxtide.client.transport.dedupe import continuation, end_of_prefix, matches_deltas, missing_text

words = st.lists(st.sampled_from(["to", "be", "or", "not", "that", "is", "the", "question"]), max_size=12)


@pytest.mark.parametrize(
    ("emitted", "received", "new"),
    [
        ("", "who built", "who built"),
        ("who built", "who built the", " the"),
        (" who built", "who built the", " the"),
        ("who bui", "who built the", "lt the"),
        ("who built", " who  built the", " the"),
        ("who built", "who built", ""),
        ("Who built the", "who built the White Tower", " White Tower"),
        ("who build the", "who built the white tower", " white tower"),
        ("the two", "the 2 towers of London", " towers of London"),
        ("who built the", "built the white tower", " white tower"),
        ("built the", "who built the white tower", " white tower"),
        ("Ah, who built the to", "who built the tower", "wer"),
        ("no", "yes it was", " it was"),
        ("who built the tower", "who", ""),
        ("who built the tower", "", ""),
    ],
)
def test_continuation_of_the_emitted_text(emitted: str, received: str, new: str) -> None:
    assert continuation(emitted, received, is_complete=True) == new


def test_aligning_different_transcripts_needs_some_extra_words() -> None:
    assert continuation("who build the", "who built the", is_complete=False) is None
    assert continuation("who build the", "who built the white tower", is_complete=False) is None
    assert (
        continuation("who build the", "who built the white tower of London", is_complete=False)
        == " white tower of London"
    )
    assert continuation("who build the", "who built the", is_complete=True) == ""


def test_aligning_the_same_transcript_needs_no_extra_words() -> None:
    assert continuation("who built", "who bui", is_complete=False) is None
    assert continuation("who built", "who built the", is_complete=False) == " the"


@settings(deadline=None, derandomize=True)
@given(words, words)
def test_repeated_words_are_never_new(emitted: list[str], more: list[str]) -> None:
    text, whole = " ".join(emitted), " ".join(emitted + more)
    assert (continuation(text, whole, is_complete=True) or "").split() == more


@settings(deadline=None, derandomize=True)
@given(words, words)
def test_the_continuation_is_a_suffix_of_the_received_text(emitted: list[str], received: list[str]) -> None:
    new = continuation(" ".join(emitted), " ".join(received), is_complete=True)
    assert new is not None
    assert " ".join(received).endswith(new)


@settings(deadline=None, derandomize=True)
@given(words, st.integers(0, 60))
def test_text_emitted_up_to_any_letter_continues_there(emitted: list[str], place: int) -> None:
    text = " ".join(emitted)
    new = continuation(text[:place], text, is_complete=True)
    assert new is not None
    assert "".join((text[:place] + new).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("received", "text", "missing"),
    [
        ("", "all of it", "all of it"),
        (" all of it", "all of it", ""),
        ("all", "all of it", " of it"),
        ("and this", "all of it and this", ""),  # a server that repeats all text since the start
        ("all of it", "", ""),
        ("", "", ""),
    ],
)
def test_text_missing_from_the_deltas(received: str, text: str, missing: str) -> None:
    assert missing_text(received, text) == missing


def test_whether_a_final_text_matches_its_deltas() -> None:
    assert matches_deltas("and this", "all of it and this")
    assert matches_deltas("all of", "all of it")
    assert not matches_deltas("and this", "all of it")


def test_the_end_of_a_prefix() -> None:
    assert end_of_prefix(" to be or not", "to be") == 6
    assert end_of_prefix("to be", "to be or") is None
    assert end_of_prefix("to be", "or") is None
