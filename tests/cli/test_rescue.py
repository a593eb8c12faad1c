"""Files for text that would be lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from voxtide.cli.rescue import rescue


def test_half_a_character_does_not_cost_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = rescue("one \ud83d two", ".txt")
    assert (path.parent, path.read_text("utf-8")) == (tmp_path, "one ? two")
