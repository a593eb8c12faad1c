"""--help: it matches the documents, and loads no heavy libraries."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support.source_tree import ROOT
from tests.support.spoken import MAIN, Voxtide
from voxtide.cli.failures import Exit

HEAVY = ("numpy", "onnxruntime", "onnx", "av", "rich.console", "http.client", "asyncio")


@pytest.mark.parametrize("arguments", [["--help"], ["transcribe", "--help"], ["compare", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    program = f"import sys, atexit; atexit.register(lambda: print(sorted({set(HEAVY)!r} & set(sys.modules)))); {MAIN}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["transcribe", "demo", "compare", "doctor", "devices", "models"])
def test_every_command_is_listed_and_has_help(voxtide: Voxtide, command: str) -> None:
    assert f"\n  {command} " in voxtide("--help").stdout
    assert voxtide(command, "--help").exit_code == 0


def test_the_help_lists_the_exit_codes_of_the_program(voxtide: Voxtide) -> None:
    listed = voxtide("transcribe", "--help").stdout.partition("Exit codes:")[2]
    assert [int(line.split()[0]) for line in listed.strip().splitlines()] == sorted(Exit)


def test_the_document_shows_the_current_help(voxtide: Voxtide) -> None:
    shown = re.search(
        r"\$ voxtide transcribe --help\n(.*?)```", (ROOT / "docs" / "cli.md").read_text("utf-8"), re.DOTALL
    )
    printed = voxtide("transcribe", "--help", prog_name="voxtide", terminal_width=98).stdout
    assert shown
    assert shown[1].strip() == printed.strip()


def test_the_version_is_printed(voxtide: Voxtide) -> None:
    assert voxtide("--version").stdout.startswith("voxtide 0.")


def test_the_commands_of_models_exist(voxtide: Voxtide) -> None:
    assert "pull" in voxtide("models", "--help").stdout
    assert voxtide("models", "pull", "no-such-model").exit_code == Exit.USAGE
