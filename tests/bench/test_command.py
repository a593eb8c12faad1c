"""The command with instant figures: its output, files and exit status."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from voxtide.bench import command
from voxtide.bench.figure import Figure, Line, Measure, Plot
from voxtide.bench.load import process
from voxtide.bench.load.session import BenchSession
from voxtide.errors import VoxtideError, install_command


async def good(session: BenchSession) -> Figure:
    """Measures how many recordings there are."""
    plot = Plot(name="good", title="t", x_label="x", y_label="y", lines=(Line("a", [1, 2], [3, 4]),), x_limits=(1.5,))
    measure = Measure(name="recordings", value=len(session.recordings), unit="", method="counted")
    return Figure(name="good", measures=(measure,), errors=("a -> b",), plots=(plot,))


async def bad(session: BenchSession) -> Figure:
    """Cannot be measured."""
    raise VoxtideError("there is no audio")


@pytest.fixture(autouse=True)
def figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "FIGURES", {"bad": bad, "good": good})


def bench(*arguments: str | Path) -> tuple[int, list[str], dict[str, Any]]:
    """Exit status, the lines of the report, and the document in its last line."""
    out = io.StringIO()
    status = command.main(["--engine", "scripted", *map(str, arguments)], out, io.StringIO())
    *lines, last = out.getvalue().splitlines()
    return status, lines, json.loads(last)


def test_the_last_line_is_the_document() -> None:
    status, lines, document = bench("good")
    assert status == 0
    assert lines[0].startswith("cpu: ") and "python: 3." in lines[0]
    assert lines[1:3] == ["good", f"          {'recordings':<40} {8:>14}  {'':<8}  counted"]
    assert not any("cores busy" in line for line in lines), "the run is too short to measure"
    assert document["engine"]["name"] == "scripted"
    assert document["machine"]["cores"] >= 1 and document["machine"]["onnxruntime"]
    assert list(document["figures"]) == ["good"]
    assert (document["failures"], document["is_quick"]) == ({}, False)


def test_a_figure_notes_the_load_of_other_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MIN_COUNTED_S", 0.0)
    _, lines, _ = bench("good")
    assert re.fullmatch(r"  note: other programs kept \d+\.\d\d cores busy meanwhile", lines[3])


def test_a_failing_figure_does_not_stop_the_others() -> None:
    status, lines, document = bench("--quick", "--verbose")
    assert status == 1
    assert lines[1:3] == ["bad", "  FAILED  there is no audio"]
    assert lines[-1] == "    a -> b"
    assert document["failures"] == {"bad": "there is no audio"}
    assert list(document["figures"]) == ["good"]
    assert document["is_quick"] is True


async def stopped(session: BenchSession) -> Figure:
    """Is interrupted by Ctrl-C."""
    raise KeyboardInterrupt


def test_figures_measured_before_ctrl_c_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "FIGURES", {"good": good, "stopped": stopped, "bad": bad})
    status, _, document = bench()
    assert status == 130
    assert list(document["figures"]) == ["good"]
    assert document["failures"] == {"run": "stopped by Ctrl-C"}


def test_plots_are_omitted_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    err = io.StringIO()
    assert command.main(["good", "--engine", "scripted", "--out", str(tmp_path)], io.StringIO(), err) == 0
    assert "no plots" in err.getvalue() and install_command("bench") in err.getvalue()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "results.json"]
    assert "No plots: " in (tmp_path / "report.html").read_text("utf-8")


def test_an_engine_that_cannot_be_opened_is_a_failure() -> None:
    out = io.StringIO()
    assert command.main(["--engine", "moonlight", "good"], out, io.StringIO()) == 1
    document = json.loads(out.getvalue().splitlines()[-1])
    assert "no engine 'moonlight'" in document["failures"]["engine"]
    assert document["figures"] == {}


def test_results_and_plots_are_written(tmp_path: Path) -> None:
    status, _, document = bench("good", "--json", tmp_path / "a.json", "--out", tmp_path / "new" / "plots")
    assert status == 0
    for path in (tmp_path / "a.json", tmp_path / "new" / "plots" / "results.json"):
        assert json.loads(path.read_text("utf-8"))["figures"] == document["figures"]
    page = (tmp_path / "new" / "plots" / "report.html").read_text("utf-8")
    assert "<svg" in page and "The command with instant figures" in page, "its plot and its definition"
    first = (tmp_path / "new" / "plots" / "good.svg").read_bytes()
    assert first.startswith(b"<?xml")
    bench("good", "--out", tmp_path / "again")
    assert (tmp_path / "again" / "good.svg").read_bytes() == first


async def infinite(session: BenchSession) -> Figure:
    """Measures something that is not finite."""
    return Figure(name="infinite", measures=(Measure(name="a", value=1e300, unit="", method=""),))


def test_a_number_that_the_page_cannot_show_loses_no_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "FIGURES", {"infinite": infinite})
    status, _, document = bench("--out", tmp_path)
    assert status == 1
    assert "value is not a number" in document["failures"]["report"]
    assert json.loads((tmp_path / "results.json").read_text("utf-8"))["figures"] == document["figures"]


def test_a_directory_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    status, _, document = bench("good", "--out", tmp_path / "file")
    assert status == 1
    assert document["failures"].keys() >= {"results"}


def test_a_figure_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        command.main(["latency"])
    assert exit_.value.code == 2
    assert "there is no figure 'latency'; choose from bad, good" in capsys.readouterr().err


@pytest.mark.parametrize("failures", [{}, {"good": "there is no audio"}])
def test_a_profile_runs_the_command_under_py_spy(
    failures: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiler, results = tmp_path / "py-spy", tmp_path / "results.json"
    write = f"echo '{json.dumps({'failures': failures})}' >{results}"
    profiler.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{tmp_path / "arguments"}\n{write}\n')
    profiler.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    arguments = ["good", "--json", str(results), "--profile", "out.svg", "--engine", "scripted", "--quick"]
    assert command.main(arguments) == len(failures)
    passed = (tmp_path / "arguments").read_text("utf-8").splitlines()
    assert passed[:5] == ["record", "--subprocesses", "--output", "out.svg", "--"]
    assert passed[5:9] == [sys.executable, "-m", "voxtide.bench", "good"]
    assert passed[9:] == ["--engine", "scripted", "--quick", "--json", str(results)]


def test_a_shortened_option_is_refused() -> None:
    with pytest.raises(SystemExit):
        command.main(["good", "--prof", "out.svg"])


def test_a_profile_without_py_spy_names_the_package_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert command.main(["good", "--profile", "out.svg"]) == 1
    assert install_command("bench") in capsys.readouterr().err
