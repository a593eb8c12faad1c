"""No final word is missing after kill -9. `tests/fuzz/kill_sessions.py` does the same many times."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.killed_sessions import FORMATS, kill_session


@pytest.mark.parametrize(("doc_format", "after_s"), [*zip(FORMATS, (0.1, 0.8, 1.7, 2.3, 1.1), strict=True)])
def test_a_killed_session_has_all_final_words_in_its_file(tmp_path: Path, doc_format: str, after_s: float) -> None:
    killed = kill_session(tmp_path, doc_format, after_s)
    assert killed.final
    assert killed.missing == []
