"""The words of `--vocabulary`: words, files, and files that cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxtide.cli.transcribe.vocabulary import MAX_FILE_BYTES, read_vocabulary
from voxtide.errors import ConfigError


def test_words_stay_as_they_are() -> None:
    values = ["Dashwood", "White Tower", "#hashtag", "and/or", "Node.js", "TCP/IP", "x" * 5000, "a\0b"]
    assert read_vocabulary(values) == tuple(values)
    assert read_vocabulary([]) == ()


def test_a_file_has_a_word_or_phrase_on_each_line(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("\ufeff# people\nSiobhan\n\n  White Tower \r\n# places\nŁódź\n", "utf-8")
    assert read_vocabulary(["Kafka", str(path), "Istio"]) == ("Kafka", "Siobhan", "White Tower", "Łódź", "Istio")


def test_an_existing_file_needs_no_suffix(tmp_path: Path) -> None:
    path = tmp_path / "names"
    path.write_text("Siobhan\n", "utf-8")
    assert read_vocabulary([str(path)]) == ("Siobhan",)


@pytest.mark.parametrize("name", ["names.txt", "names.lst"])
def test_a_file_in_the_home_directory_may_be_given_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / name).write_text("Siobhan\n", "utf-8")
    assert read_vocabulary([f"~/{name}", "~1", "~no-such-user/names"]) == ("Siobhan", "~1", "~no-such-user/names")


@pytest.mark.parametrize(
    "name", ["names.csv", "NAMES.TXT", "./names", "../names", "~/no/names", "~nobody-here/names.txt", "{}/n"]
)
def test_a_missing_file_is_not_taken_for_a_word(name: str, tmp_path: Path) -> None:
    path = name.format(tmp_path)
    with pytest.raises(ConfigError, match="^the vocabulary .* cannot be read: No such file or directory$"):
        read_vocabulary([path])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"caf\xe9\n", "cannot be read: it is not UTF-8"),
        (b"# nothing\n\n", "holds no word; write one word or phrase on each line"),
        (b"word\n" * (MAX_FILE_BYTES // 5 + 1), "is larger than 1024 KiB; list fewer words"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(content: bytes | None, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^the vocabulary {path} {reason}$"):
        read_vocabulary([str(path)])
