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
def test_what_goes_beyond_what_was_told(emitted: str, received: str, new: str) -> None:
    assert continuation(emitted, received, is_complete=True) == new


def test_a_border_between_different_tellings_needs_some_words_past_it() -> None:
    assert continuation("who build the", "who built the", is_complete=False) is None
    assert continuation("who build the", "who built the white tower", is_complete=False) is None
    assert (
        continuation("who build the", "who built the white tower of London", is_complete=False)
        == " white tower of London"
    )
    assert continuation("who build the", "who built the", is_complete=True) == ""


def test_the_same_telling_needs_none() -> None:
    assert continuation("who built", "who bui", is_complete=False) is None
    assert continuation("who built", "who built the", is_complete=False) == " the"


@settings(deadline=None, derandomize=True)
@given(words, words)
def test_what_is_told_again_is_never_new(emitted: list[str], more: list[str]) -> None:
    text, whole = " ".join(emitted), " ".join(emitted + more)
    assert (continuation(text, whole, is_complete=True) or "").split() == more


@settings(deadline=None, derandomize=True)
@given(words, words)
def test_nothing_that_is_told_goes_beyond_what_was_heard(emitted: list[str], received: list[str]) -> None:
    new = continuation(" ".join(emitted), " ".join(received), is_complete=True)
    assert new is not None
    assert " ".join(received).endswith(new)


@settings(deadline=None, derandomize=True)
@given(words, st.integers(0, 60))
def test_a_telling_that_broke_off_anywhere_goes_on_there(emitted: list[str], place: int) -> None:
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
        ("and this", "all of it and this", ""),  # a server that tells everything since the beginning
        ("all of it", "", ""),
        ("", "", ""),
    ],
)
def test_what_a_final_text_has_and_its_deltas_had_not(received: str, text: str, missing: str) -> None:
    assert missing_text(received, text) == missing


def test_whose_text_it_is() -> None:
    assert matches_deltas("and this", "all of it and this")
    assert matches_deltas("all of", "all of it")
    assert not matches_deltas("and this", "all of it")


def test_where_a_text_begins() -> None:
    assert end_of_prefix(" to be or not", "to be") == 6
    assert end_of_prefix("to be", "to be or") is None
    assert end_of_prefix("to be", "or") is None
