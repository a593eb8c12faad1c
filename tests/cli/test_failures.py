from __future__ import annotations

import pytest

from voxtide.cli.failures import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("talk.wav", "talk.wav"),
        ("Größe 汉字 😀.wav", "Größe 汉字 😀.wav"),
        ("10.00\u202fAM\xa0.wav", "10.00\u202fAM\xa0.wav"),  # spaces, as macOS writes them
        ("a\x1b[2J\r\n\x07b", r"a\x1b[2J\r\n\x07b"),
        ("gpj.\u202ewav", r"gpj.\u202ewav"),  # would show the name backwards
        ("bad\udcff\udc80.wav", r"bad\xff\x80.wav"),
        ("\ud800", r"\ud800"),
        (repr("bad\udcff.wav"), r"'bad\xff.wav'"),
        (repr(r"\udcff\\udcff"), repr(r"\udcff\\udcff")),  # these characters, no byte
    ],
)
def test_control_codes_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown
