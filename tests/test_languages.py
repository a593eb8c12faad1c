"""Names, codes and tags of languages."""

from __future__ import annotations

from difflib import SequenceMatcher

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide import languages
from voxtide.errors import UnsupportedOptionError
from voxtide.languages import MAX_NAME_CHARS, NUM_COMPARED, language_code, nearest_languages, unknown_language
from voxtide.types import StreamOptions

WHISPER = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml "
    "cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am "
    "yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue"
)
"""Whisper's own codes."""


@pytest.mark.parametrize(
    "name",
    ["fr", "FR", " fr ", "fr-FR", "fr_CA", "fra", "FRE", "fre-CA", "French", "FRENCH", "français", "Francais"],
)
def test_a_language_is_found_by_code_tag_and_name(name: str) -> None:
    assert language_code(name) == "fr"


@pytest.mark.parametrize(
    ("name", "code"),
    [("zh-Hans-CN", "zh"), ("中文", "zh"), ("日本語", "ja"), ("हिन्दी", "hi"), ("ไทย", "th"), ("한국어", "ko"),
     ("Ελληνικά", "el"), ("ENGLISH", "en"), ("Haitian  Creole", "ht"), ("norsk bokmål", "no"), ("nb-NO", "no"),
     ("jw", "jv"), ("iw", "he"), ("cantonese", "yue"), ("flemish", "nl"), ("gàidhlig", "gd")],
)  # fmt: skip  # a table of short pairs
def test_scripts_old_codes_and_other_names(name: str, code: str) -> None:
    assert language_code(name) == code


@pytest.mark.parametrize("name", ["", "e", "xx", "xx-US", "en-", "12", "日本", "frnch", "fr " * 100, None, 7, ["fr"]])
def test_what_is_no_language(name: object) -> None:
    assert language_code(name) is None


def test_the_long_codes_are_those_of_the_table() -> None:
    codes = {code for code, _ in languages._names()}
    assert codes - set(languages._long_codes().values()) == {"haw", "yue"}, "their codes are long themselves"
    assert len(languages._long_codes()) == 182 + 20 + 1, "ISO 639-2 has two for 20 of them; no has nob, too"
    for long, code in languages._long_codes().items():
        assert languages._codes().get(long, code) == code


def test_every_language_of_whisper_is_known() -> None:
    assert [code for code in WHISPER.split() if language_code(code) is None] == []
    assert len({language_code(code) for code in WHISPER.split()}) == 100


@given(st.text())
def test_any_text_gives_a_short_ascii_code_or_a_short_reason(name: str) -> None:
    code = language_code(name)
    assert code is None or (code.isascii() and code.islower() and len(code) in (2, 3))
    assert len(nearest_languages(name)) == 5
    assert len(unknown_language(name)) < 20 * MAX_NAME_CHARS


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("frnch", "French (fr)"),
        ("Germn", "German (de)"),
        ("espanol!", "Spanish (es)"),
        ("Gremna", "German (de)"),
        ("Portugese", "Portuguese (pt)"),
        ("Engrish", "English (en)"),
    ],
)
def test_a_slip_of_the_finger_gets_the_nearest_five(name: str, nearest: str) -> None:
    assert nearest_languages(name)[0] == nearest
    assert unknown_language(name).startswith(f"there is no language '{name}'; the nearest are {nearest}, ")
    assert unknown_language(name).count(",") == 4


def test_the_nearest_may_be_limited() -> None:
    assert nearest_languages("ga", ("en", "gl")) == ("Galician (gl)", "English (en)")


@pytest.mark.parametrize("num_chars", [5, MAX_NAME_CHARS, 10_000])
def test_few_names_are_aligned_with_an_unknown_one(monkeypatch: pytest.MonkeyPatch, num_chars: int) -> None:
    """Any client may send an unknown one with every message, and the event loop compares it."""
    lengths = []

    def recorded(junk: None, key: str, other: str) -> SequenceMatcher[str]:
        lengths.append(len(other))
        return SequenceMatcher(junk, key, other)

    monkeypatch.setattr(languages, "SequenceMatcher", recorded)
    unknown_language("x" * num_chars)
    assert len(lengths) == NUM_COMPARED
    assert max(lengths) <= MAX_NAME_CHARS


def test_long_text_is_shown_in_part() -> None:
    assert f"'{'x' * MAX_NAME_CHARS}...'" in unknown_language("x" * 10_000)
    assert unknown_language(7) == 'language must be a string, such as "en"'


def test_a_streams_options_hold_the_code() -> None:
    assert StreamOptions(language="Français").language == "fr"
    with pytest.raises(UnsupportedOptionError, match=r"no language 'frnch'; the nearest are French \(fr\)"):
        StreamOptions(language="frnch")
