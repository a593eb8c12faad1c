"""Files for text that would be lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from voxtide.cli.rescue import rescue


def test_half_a_character_does_not_cost_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = rescue("one \ud83d two", ".txt")
    assert (path.parent, path.read_text("utf-8")) == (tmp_path, "one ? two")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_directory_without_space_leaves_no_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full, other = tmp_path / "full", tmp_path / "other"
    full.mkdir()
    other.mkdir()
    monkeypatch.chdir(full)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(other))
    open_path = Path.open

    def open_full(path: Path, *args: Any, **kwargs: Any) -> Any:
        if path.parent != full:
            return open_path(path, *args, **kwargs)
        open_path(path, *args, **kwargs).close()
        return open_path(Path("/dev/full"), "w")

    monkeypatch.setattr(Path, "open", open_full)
    path = rescue("one", ".txt")
    assert (path.parent, path.read_text(), list(full.iterdir())) == (other, "one", [])
