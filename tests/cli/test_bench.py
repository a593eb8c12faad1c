"""`voxtide bench`: its options are the bench's own, and its progress is one line of a terminal."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from voxtide.bench import command
from voxtide.bench.progress import LineView, RunOutput, Status
from voxtide.cli.app import app
from voxtide.cli.bench import TerminalView, with_command

RUNNER = CliRunner()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """What was passed on to the bench."""
    calls: list[tuple[list[str], dict[str, Any]]] = []

    def measure(arguments: Sequence[str], output: RunOutput, **options: Any) -> int:
        calls.append((list(arguments), {"output": output, **options}))
        return 1

    monkeypatch.setattr(command, "main", measure)
    return calls


@pytest.mark.parametrize("arguments", [[], ["words", "--quick"], ["--only", "flush", "--json", "a.json"]])
def test_without_a_command_it_measures(arguments: list[str], calls: list[tuple[list[str], dict[str, Any]]]) -> None:
    result = RUNNER.invoke(app, ["bench", *arguments])
    assert result.exit_code == 1, "the bench's exit status"
    ((passed, options),) = calls
    assert passed == arguments
    assert options["program"] == "voxtide bench"
    assert isinstance(options["output"].view, LineView) and options["output"].max_columns is None


def test_a_key_comes_from_the_environment(
    calls: list[tuple[list[str], dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOXTIDE_API_KEY", "secret")
    RUNNER.invoke(app, ["bench", "--server", "http://localhost:1"])
    key_of = calls[0][1]["key_of"]
    assert key_of("remote", "http://localhost:1") == "secret"
    assert key_of("moonshine", None) is None
    monkeypatch.delenv("VOXTIDE_API_KEY")
    monkeypatch.setenv("MISTRAL_API_KEY", "theirs")
    assert key_of("remote", None) == "theirs", "without an address it is Mistral's own service"
    assert key_of("remote", "http://localhost:1") is None


def test_a_profiled_run_starts_the_same_program(calls: list[tuple[list[str], dict[str, Any]]]) -> None:
    RUNNER.invoke(app, ["bench"])
    started = subprocess.run(
        [sys.executable, *calls[0][1]["again"], "--engine", "moonlight"], capture_output=True, text=True
    )
    assert started.returncode == 2
    assert started.stderr.startswith("usage: voxtide bench ") and "no engine 'moonlight'" in started.stderr


@pytest.mark.parametrize("arguments", [["nosuch"], ["--nosuch"], ["--only", "nosuch"]])
def test_wrong_usage_is_refused_before_anything_runs(
    arguments: list[str], calls: list[tuple[list[str], dict[str, Any]]]
) -> None:
    assert RUNNER.invoke(app, ["bench", *arguments]).exit_code == 2
    assert calls == []


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_its_help_has_the_options_and_the_figures(option: str) -> None:
    result = RUNNER.invoke(app, ["bench", option])
    assert result.exit_code == 0
    assert "usage: voxtide bench" in result.output
    assert "--price EUR_PER_HOUR" in result.output and "endurance" in result.output
    text = " ".join(result.output.split())
    assert "voxtide bench diff A B compare two results" in text and "130 stopped by Ctrl-C" in text
    assert max(map(len, result.output.splitlines())) <= 81


def test_a_command_is_not_a_figure() -> None:
    assert with_command(["diff", "a", "b"], ["diff", "measure"]) == ["diff", "a", "b"]
    assert with_command(["words", "diff"], ["diff", "measure"]) == ["measure", "words", "diff"]


def test_the_progress_is_one_line_that_leaves_nothing_behind() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=40, highlight=False)
    view = TerminalView(console)
    view.show(Status("flush", 2, 3, "flushing in beckett, 4 of 12 flushes done", 70))
    view.show(Status("flush", 2, 3, "playing", 69))
    assert "\n" not in out.getvalue()
    shown = "2/3 flush, 70 s left: flushing in becke\N{HORIZONTAL ELLIPSIS}"
    assert shown in out.getvalue(), "a narrow terminal cuts the details, not the time"
    view.clear()
    assert out.getvalue().endswith("\x1b[2K")
    view.clear()
    view.show(Status("flush", 2, 3, "again", 60))
    assert "again" in out.getvalue()
    view.clear()
