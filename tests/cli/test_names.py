"""Names of partial files, locks and results, up to the longest that the file system takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.cli.names import MAX_NAME_BYTES, beside, fitted_name, hidden_beside
from voxtide.cli.transcribe.output import open_destination
from voxtide.cli.transcribe.partial import PartialFile
from voxtide.errors import ConfigError

LONGEST = [
    "a" * 251 + ".txt",
    "é" * 125 + ".txt",
    "会" * 83 + ".txt",
    "𝒂" * 62 + "b.jsonl",
    os.fsdecode(b"\xff" * 251) + ".txt",
    "a" * 255,
    "a." + "b" * 253,
]

CHARACTERS = st.characters(exclude_categories=("Cs",), exclude_characters="/\0")


def test_short_names_have_the_mark_before_the_suffix(tmp_path: Path) -> None:
    assert beside(tmp_path / "notes.txt", "recovered") == tmp_path / "notes.recovered.txt"
    assert hidden_beside(tmp_path / "notes.txt", "lock") == tmp_path / ".notes.txt.lock"
    assert fitted_name(tmp_path, "notes", ".txt") == "notes.txt"


@given(st.text(CHARACTERS, min_size=1, max_size=70), st.integers(1, 8))
def test_no_name_is_too_long_and_no_character_is_cut(text: str, times: int) -> None:
    target = Path(os.sep) / f"x{text * times}"
    for path in (beside(target, "voxtide-partial"), hidden_beside(target, "voxtide-lock")):
        assert len(os.fsencode(path.name)) <= MAX_NAME_BYTES
        assert path.name.split("~")[0].removeprefix(".").split(".voxtide")[0] in target.name


@pytest.mark.parametrize(("stated", "max_bytes"), [(0, MAX_NAME_BYTES), (-1, MAX_NAME_BYTES), (143, 143)])
def test_a_limit_that_is_not_stated_is_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, stated: int, max_bytes: int
) -> None:
    monkeypatch.setattr(os, "pathconf", lambda path, name: stated)
    assert len(fitted_name(Path("/"), "a" * 300, ".txt")) == max_bytes
    assert beside(Path("/notes.txt"), "recovered") == Path("/notes.recovered.txt")


def test_a_limit_below_the_end_of_a_name_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system then refuses the name."""
    monkeypatch.setattr(os, "pathconf", lambda path, name: 14)
    assert fitted_name(Path("/"), "a" * 20, ".voxtide-partial.txt").endswith(".voxtide-partial.txt")


@pytest.mark.parametrize("name", LONGEST, ids=range(len(LONGEST)))
def test_a_target_with_the_longest_name_is_written_locked_and_recovered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    target = tmp_path / name
    file = PartialFile(target, "txt", is_appending=False)
    file.grow("ever tried.\n", "")
    assert "voxtide-partial" in file.path.name
    with pytest.raises(ConfigError, match="another voxtide is writing"):
        PartialFile(target, "txt", is_appending=False)
    left = file.path.read_bytes()
    file.finish(None)
    assert os.listdir(tmp_path) == [name]
    for _ in range(12):
        file.path.write_bytes(left)  # as a killed process does
        PartialFile(target, "txt", is_appending=False).close()
    kept = [path for path in tmp_path.iterdir() if "recovered" in path.name]
    assert [path.read_bytes() for path in kept] == [left] * 12
    assert len(os.listdir(tmp_path)) == 13
    assert capsys.readouterr().err.count("the text of an earlier run that was killed is in") == 12


def test_long_names_that_begin_alike_stay_apart(tmp_path: Path) -> None:
    files = [PartialFile(tmp_path / f"{'a' * 250}{end}.txt", "txt", is_appending=False) for end in "bc"]
    for file in files:
        file.grow(file.target.stem[-1], "")
        file.close()
    assert {path.read_text() for path in tmp_path.iterdir()} == {"b", "c"}


def test_a_directory_takes_the_results_of_sources_with_long_names(tmp_path: Path) -> None:
    sources = (f"{'a' * 251}.wav", f"other/{'a' * 251}.wav", "http://example.org/" + "b" * 400 + ".mp3")
    with open_destination(f"{tmp_path}/", "json", sources) as destination:
        for source in sources:
            with destination.open(source) as result:
                result.finish(source)
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == sorted(sources)
    assert all(path.suffix == ".json" for path in tmp_path.iterdir())
