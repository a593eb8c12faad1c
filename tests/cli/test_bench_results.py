"""`bench diff` and `bench report`: output, files and exit codes."""

from __future__ import annotations

import json
import os
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from tests.support.bench_documents import of_measure, rich
from voxtide.cli.bench_results import add_results_commands


def invoke(*arguments: str | Path) -> Result:
    group = typer.Typer()
    add_results_commands(group)
    return CliRunner().invoke(group, list(map(str, arguments)))


def saved(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document), "utf-8")
    return path


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Two results, the second slower."""
    before, after = (of_measure(name="latency\x1b[31m", value=value) for value in (100, 200))
    return saved(tmp_path / "a.json", before), saved(tmp_path / "b.json", after)


def test_diff_prints_the_changes(runs: tuple[Path, Path]) -> None:
    result = invoke("diff", *runs)
    assert result.exit_code == 0
    assert "worse" in result.stdout and "+100 %" in result.stdout and "\x1b" not in result.stdout


@pytest.mark.parametrize("num_columns", [40, 80])
def test_diff_has_the_terminals_width(
    runs: tuple[Path, Path], num_columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(num_columns))
    widest = max(map(len, invoke("diff", *runs).stdout.splitlines()))
    assert num_columns - 20 < widest <= num_columns


def test_diff_fails_on_request_if_a_number_is_worse(runs: tuple[Path, Path]) -> None:
    assert invoke("diff", *runs, "--fail-on-worse").exit_code == 1
    assert invoke("diff", *reversed(runs), "--fail-on-worse").exit_code == 0


def test_diff_prints_json(runs: tuple[Path, Path]) -> None:
    found = json.loads(invoke("diff", *runs, "--json").stdout)
    assert found["is_worse"] is True and found["num_unchanged"] == 0
    assert found["changes"][0]["before"] == 100 and found["changes"][0]["direction"] == "worse"


def test_a_file_that_is_no_result_is_one_line(runs: tuple[Path, Path], tmp_path: Path) -> None:
    result = invoke("diff", runs[0], saved(tmp_path / "c.json", {"text": "hello"}))
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1 and "c.json is not a result of the bench: it has no figures" in result.stderr


@pytest.mark.parametrize("name", [".", "/", ""])
@pytest.mark.parametrize("command", ["report", "diff"])
def test_a_directory_is_no_result(command: str, name: str) -> None:
    result = invoke(command, *[name] * (2 if command == "diff" else 1))
    shown = name or "."
    assert result.exit_code == 2
    assert result.stderr == f"voxtide: error: {shown} is a directory; name a result in it, such as results.json\n"


def test_report_writes_a_page_beside_the_result(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.json", rich())
    assert invoke("report", path).exit_code == 0
    page = (tmp_path / "a.html").read_text("utf-8")
    assert page.startswith("<!doctype html>") and "<svg" in page


def test_report_replaces_a_file_only_on_request(tmp_path: Path) -> None:
    path, output = saved(tmp_path / "a.json", rich()), tmp_path / "mine.html"
    output.write_text("mine", "utf-8")
    refused = invoke("report", path, "--output", output)
    assert refused.exit_code == 2 and "mine.html exists; --force overwrites it" in refused.stderr
    assert output.read_text("utf-8") == "mine"
    assert invoke("report", path, "--output", output, "--force").exit_code == 0
    assert output.read_text("utf-8").startswith("<!doctype html>")


def test_report_writes_to_stdout_on_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("report", saved(tmp_path / "a.json", rich()), "--output", "-")
    assert done.stdout.startswith("<!doctype html>") and not (tmp_path / "-").exists()


def test_report_names_a_directory_as_one(tmp_path: Path) -> None:
    refused = invoke("report", saved(tmp_path / "a.json", rich()), "--output", tmp_path)
    assert refused.exit_code == 2 and "is a directory; name a file in it" in refused.stderr


def test_report_never_replaces_the_result(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.html", rich())
    refused = invoke("report", path, "--force")
    assert refused.exit_code == 2 and "is the result itself" in refused.stderr
    assert json.loads(path.read_text("utf-8")) == rich()


def test_a_page_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(ENOSPC, "No space left on device")

    path, page = saved(tmp_path / "a.json", rich()), tmp_path / "a.html"
    page.write_text("older", "utf-8")
    monkeypatch.setattr(os, "replace", full)
    refused = invoke("report", path, "--force")
    assert refused.exit_code == 2
    assert refused.stderr == f"voxtide: error: {page} cannot be written: No space left on device\n"
    assert page.read_text("utf-8") == "older" and sorted(tmp_path.iterdir()) == [page, path]


def test_a_page_with_too_long_a_name_is_one_line(tmp_path: Path) -> None:
    result = invoke("report", saved(tmp_path / "a.json", rich()), "--output", "a" * 300)
    assert result.exit_code == 2 and "cannot be written: File name too long" in result.stderr


def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    result = invoke("report", saved(tmp_path / "a.json", rich()), "--output", tmp_path / "none" / "a.html")
    assert result.exit_code == 2 and "cannot be written: No such file" in result.stderr
