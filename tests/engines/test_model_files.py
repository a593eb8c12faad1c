from __future__ import annotations

import re
from pathlib import Path

import pytest

from voxtide.engines.model_files import model_name, require_files
from voxtide.errors import ModelCorruptError


def test_error_names_missing_files(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "b").mkdir()
    require_files(tmp_path, ("a",), kind="tide table")
    message = f"{tmp_path} holds no tide table: it has no b, c; give a directory that has them"
    with pytest.raises(ModelCorruptError, match=f"^{re.escape(message)}"):
        require_files(tmp_path, ("a", "b", "c"), kind="tide table")


def test_model_name_of_a_directory_has_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for model in (str(tmp_path), f"{tmp_path}/", "."):
        assert model_name(model) == tmp_path.name
    assert model_name("whisper-tiny.en") == "whisper-tiny.en"
    assert model_name("Systran/faster-whisper-small") == "faster-whisper-small"
