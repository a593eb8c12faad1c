"""Ctrl-C during a run, and runs under py-spy."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.bench_runs import bad, bench, good, read, use_figures
from voxtide.bench import command, results
from voxtide.bench.figure import Figure
from voxtide.bench.load.session import BenchSession
from voxtide.bench.progress import RunOutput, Status
from voxtide.errors import install_command


@pytest.fixture(autouse=True)
def figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_figures(monkeypatch, bad=bad, good=good)
    monkeypatch.chdir(tmp_path)


async def stopped(session: BenchSession) -> Figure:
    """Is interrupted by Ctrl-C."""
    signal.raise_signal(signal.SIGINT)
    await asyncio.Event().wait()
    raise AssertionError


def test_figures_measured_before_ctrl_c_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    use_figures(monkeypatch, good=good, stopped=stopped, bad=bad)
    before = signal.getsignal(signal.SIGINT)
    status, _, document = bench("--out", "out")
    assert status == 130
    assert list(document["figures"]) == ["good"]
    assert document["failures"] == {"run": "stopped by Ctrl-C"}
    assert document["is_complete"] is False
    assert signal.getsignal(signal.SIGINT) is before
    page = Path("out/report.html").read_text("utf-8")
    assert "The run is not complete." in page and "run: stopped by Ctrl-C" in page and "recordings" in page


def test_ctrl_c_names_the_command_that_makes_the_page(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    use_figures(monkeypatch, stopped=stopped)
    bench("--json", "my results.json")
    assert capfd.readouterr().err == (
        "bench: stopping; Ctrl-C again ends at once, and `voxtide bench report 'my results.json'` makes the page of "
        "what was saved\n"
    )


class ExitError(Exception):
    """The process would have ended."""


async def stubborn(session: BenchSession) -> Figure:
    """Does not end at the first Ctrl-C."""
    signal.raise_signal(signal.SIGINT)
    with suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    session.progress("still at it")
    signal.raise_signal(signal.SIGINT)
    raise AssertionError


def leave(status: int) -> None:
    raise ExitError(status)


def test_a_second_ctrl_c_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    use_figures(monkeypatch, good=good, stubborn=stubborn)
    monkeypatch.setattr(os, "_exit", leave)
    with pytest.raises(ExitError, match="130"):
        bench("--json", "a.json")
    assert list(read("a.json")["figures"]) == ["good"], "written before the process ended"


def test_a_second_ctrl_c_during_the_report_ends_the_process_and_leaves_no_older_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use_figures(monkeypatch, good=good, stopped=stopped)
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(results, "html_report", lambda document: signal.raise_signal(signal.SIGINT))
    Path("out").mkdir()
    Path("out/report.html").write_text("older", "utf-8")
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(ExitError, match="130"):
        bench("--out", "out")
    assert signal.getsignal(signal.SIGINT) is before
    assert sorted(path.name for path in Path("out").iterdir()) == ["good.svg", "results.json"]
    assert list(read("out/results.json")["figures"]) == ["good"]


def test_ctrl_c_during_the_report_lets_it_finish(monkeypatch: pytest.MonkeyPatch) -> None:
    def page(document: Any) -> str:
        signal.raise_signal(signal.SIGINT)
        return "a page"

    use_figures(monkeypatch, good=good)
    monkeypatch.setattr(results, "html_report", page)
    status, _, document = bench("--out", "out")
    assert (status, document["is_complete"], document["failures"]) == (130, True, {})
    assert Path("out/report.html").read_text("utf-8") == "a page"


class Recording:
    """A view that records its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def show(self, status: Status) -> None:
        self.calls.append(status.line)

    def clear(self) -> None:
        self.calls.append("clear")


def test_the_line_of_progress_is_removed_before_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def exit_(status: int) -> None:
        view.calls.append("exit")
        leave(status)

    view = Recording()
    use_figures(monkeypatch, stubborn=stubborn)
    monkeypatch.setattr(os, "_exit", exit_)
    with pytest.raises(ExitError):
        command.main(["--engine", "scripted"], RunOutput(io.StringIO(), io.StringIO(), view=view))
    at = view.calls.index("still at it")
    assert view.calls[at : at + 3] == ["still at it", "clear", "exit"]


IMPORT_INTERRUPTED = """\
import runpy, signal, sys

class Interrupting:
    @staticmethod
    def find_spec(name, *_):
        if name == "voxtide.bench.command":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Interrupting)
runpy.run_module("voxtide.bench", run_name="__main__")
"""


def test_ctrl_c_before_the_command_begins_is_no_traceback() -> None:
    started = subprocess.run([sys.executable, "-c", IMPORT_INTERRUPTED], capture_output=True, text=True)
    assert (started.returncode, started.stderr) == (130, "")


def install_py_spy(directory: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> Path:
    """Put a shell script of these lines beside the interpreter, as py-spy."""
    profiler = directory / "py-spy"
    profiler.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    profiler.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(directory / "python"))
    return profiler


WRITE = "for last; do :; done\necho '{}' >\"$last\""
"""Writes a document to the file that the last argument names."""


@pytest.mark.parametrize("failures", [{}, {"good": "there is no audio"}])
def test_a_profile_runs_the_command_under_py_spy(
    failures: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = tmp_path / "results.json"
    write = f"echo '{json.dumps({'failures': failures})}' >{results}"
    profiler = install_py_spy(tmp_path, monkeypatch, f'printf "%s\\n" "$@" >{tmp_path / "arguments"}', write)
    arguments = ["good", "--json", str(results), "--profile", "out.svg", "--engine", "scripted", "--quick"]
    assert command.main(arguments, again=["-c", "main()", "bench"]) == len(failures)
    passed = (tmp_path / "arguments").read_text("utf-8").splitlines()
    assert passed[:5] == ["record", "--subprocesses", "--output", "out.svg", "--"]
    assert passed[5:10] == [sys.executable, "-c", "main()", "bench", "good"], "the same program, which finds the key"
    assert passed[10:] == ["--json", str(results), "--engine", "scripted", "--quick"]
    profiler.write_text("#!/bin/sh\nexit 1\n")
    assert command.main(arguments) == 1, "the file is that of the run before"


def test_a_profiled_run_keeps_its_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_py_spy(tmp_path, monkeypatch, WRITE.format('{"failures": {}}'))
    assert command.main(["good", "--profile", "out.svg", "--engine", "scripted"]) == 0
    (path,) = Path("bench-results").iterdir()
    assert path.name.endswith("-scripted-standard.json") and path.read_text("utf-8")


def test_ctrl_c_leaves_a_profiled_run_to_write_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = WRITE.format('{"failures": {"run": "stopped by Ctrl-C"}}')
    install_py_spy(tmp_path, monkeypatch, "kill -INT $PPID", write)
    before = signal.getsignal(signal.SIGINT)
    assert command.main(["good", "--profile", "out.svg", "--engine", "scripted"]) == 130
    assert signal.getsignal(signal.SIGINT) is before
    (path,) = Path("bench-results").iterdir()
    assert "stopped" in path.read_text("utf-8")


def test_a_profile_that_cannot_begin_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_py_spy(tmp_path, monkeypatch, "exit 1")
    assert command.main(["good", "--profile", "out.svg", "--engine", "scripted"]) == 1
    assert list(Path("bench-results").iterdir()) == []


def test_a_profile_without_py_spy_names_the_package_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert command.main(["good", "--profile", "out.svg"]) == 3
    assert install_command("bench") in capsys.readouterr().err
