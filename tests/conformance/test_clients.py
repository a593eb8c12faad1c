"""Handling of clients without an environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import conformance_clients as clients


@pytest.fixture(autouse=True)
def nothing_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "ENVIRONMENTS", tmp_path)


def test_a_client_that_is_not_set_up_is_skipped_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOXTIDE_REQUIRE_CLIENTS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="run scripts/setup-clients openai"):
        clients.python_of("openai")


def test_a_missing_client_fails_if_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOXTIDE_REQUIRE_CLIENTS", "1")
    with pytest.raises(pytest.fail.Exception, match="run scripts/setup-clients openai"):
        clients.python_of("openai")


def test_an_environment_of_another_lock_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOXTIDE_REQUIRE_CLIENTS", raising=False)
    (tmp_path / "openai" / "bin").mkdir(parents=True)
    (tmp_path / "openai" / "bin" / "python").touch()
    (tmp_path / "openai" / "lock.txt").write_text("# older\n", "utf-8")
    with pytest.raises(pytest.skip.Exception):
        clients.python_of("openai")


def test_an_incomplete_scenario_is_an_error() -> None:
    lines = [{"scenario": "a", "text": "x"}, {"scenario": "a", "is_over": True}, {"scenario": "b", "failure": "why"}]
    report = clients.Report(lines)
    assert report["a"] == [{"text": "x"}]
    for name in ("b", "c"):
        with pytest.raises(AssertionError, match=f"{name} did not complete"):
            report[name]
