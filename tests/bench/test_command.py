"""The command with instant figures: its output, files and exit status."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from errno import ENOSPC
from pathlib import Path

import pytest

from tests.support.bench_runs import bad, bench, good, read, use_figures
from tests.support.live_servers import ServerThread, voxtide_server
from voxtide.bench import command, results
from voxtide.bench.figure import Figure, Measure, Target
from voxtide.bench.figures import plans
from voxtide.bench.load import process
from voxtide.bench.load.session import BenchEngine, BenchSession
from voxtide.bench.progress import RunOutput
from voxtide.engines.base import Engine
from voxtide.engines.registry import load_engine
from voxtide.errors import VoxtideError, install_command


@pytest.fixture(autouse=True)
def figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use_figures(monkeypatch, bad=bad, good=good)
    monkeypatch.chdir(tmp_path)


def test_the_document_is_written_to_a_dated_file() -> None:
    status, lines, document = bench("good")
    assert status == 0
    assert lines[0].startswith("cpu: ") and "python: 3." in lines[0]
    assert lines[1:] == ["good", f"          {'recordings':<40} {8:>14}  {'':<8}  counted"]
    assert not any("cores busy" in line for line in lines), "the run is too short to measure"
    assert document["engine"]["name"] == "scripted"
    assert document["machine"]["cores"] >= 1 and document["machine"]["onnxruntime"]
    assert list(document["figures"]) == ["good"]
    assert (document["failures"], document["is_quick"], document["plan"]) == ({}, False, "standard")
    assert (document["is_complete"], document["price"]) == (True, None)
    (path,) = Path("bench-results").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d-\d{6}-scripted-standard.json", path.name)


def test_the_report_has_the_terminals_width() -> None:
    for max_columns, num_wrapped in ((None, 0), (70, 1)):
        out = io.StringIO()
        command.main(["good", "--engine", "scripted"], RunOutput(out, io.StringIO(), max_columns=max_columns))
        lines = out.getvalue().splitlines()
        assert lines[0].startswith("cpu: ") and ("numpy: " in lines[0]) is not bool(num_wrapped)
        assert max(map(len, lines[:-1])) <= (max_columns or 1000)


def test_a_figure_notes_the_load_of_other_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MIN_COUNTED_S", 0.0)
    _, lines, _ = bench("good")
    assert re.fullmatch(r"  note: other programs kept \d+\.\d\d cores busy meanwhile", lines[3])


def test_a_servers_secrets_are_in_no_file(tmp_path: Path) -> None:
    address = "http://ann:secret@127.0.0.1:1/x?key=secret"
    command.main(["good", "--server", address, "--out", str(tmp_path)], RunOutput(io.StringIO(), io.StringIO()))
    document = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert document["server"] == "http://127.0.0.1:1/x"
    assert not any("secret" in path.read_text("utf-8") for path in tmp_path.iterdir())


async def connected(session: BenchSession) -> Figure:
    """Opens a stream, so that the server states what it runs."""
    async with session.engine.open() as stream:
        await stream.finish()
        async for _ in stream:
            pass
    return Figure(name="connected", measures=())


def test_the_document_names_the_servers_model(monkeypatch: pytest.MonkeyPatch) -> None:
    use_figures(monkeypatch, connected=connected)
    servers = ServerThread()
    try:
        url = servers.enter(voxtide_server())
        _, _, document = bench("--engine", "remote", "--server", url)
    finally:
        servers.close()
    assert (document["failures"], document["engine"]["model"]) == ({}, "tones")


async def failing(session: BenchSession) -> Figure:
    """Names a file below the home directory."""
    raise VoxtideError(f"cannot read {Path.home() / 'a.wav'}, {Path.home()}s or {Path.home()}")


def test_the_name_of_the_home_directory_is_in_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/homes/ann")
    use_figures(monkeypatch, failing=failing)
    _, _, document = bench("--out", tmp_path)
    assert document["failures"] == {"failing": "cannot read ~/a.wav, /homes/anns or ~"}
    assert "/homes/ann<" not in (tmp_path / "report.html").read_text("utf-8")


def test_two_runs_of_one_second_have_their_own_files() -> None:
    began = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    paths = [results.default_path(began, "scripted", "quick") for _ in range(3)]
    assert [path.name for path in paths] == [
        f"2026-01-02-030405-scripted-quick{suffix}.json" for suffix in ("", "-2", "-3")
    ]


def test_a_directory_that_cannot_be_made_ends_the_search_for_a_file() -> None:
    Path("bench-results").write_text("a file")
    assert results.default_path(datetime.now(UTC), "scripted", "quick").parent == Path("bench-results")


class Gone(io.StringIO):
    """A pipe whose reader ends at the first figure."""

    def write(self, text: str) -> int:
        if text.startswith("good"):
            raise BrokenPipeError
        return super().write(text)


def test_a_figure_is_written_although_the_reader_of_stdout_has_gone() -> None:
    with pytest.raises(BrokenPipeError):
        command.main(["good", "--engine", "scripted", "--json", "a.json"], RunOutput(Gone(), io.StringIO()))
    assert list(json.loads(Path("a.json").read_text("utf-8"))["figures"]) == ["good"]


async def timed(session: BenchSession) -> Figure:
    """A time and a count, each with a target."""
    target = Target("<=", 10)
    measures = (
        Measure(name="latency", value=5.0, unit="ms", method="timed", target=target),
        Measure(name="lost", value=5.0, unit="words", method="counted", target=target),
    )
    return Figure(name="timed", measures=measures)


@pytest.mark.parametrize(("num_cores", "is_noisy"), [(0.02, False), (3.5, True)])
def test_a_noisy_machine_suspends_the_verdicts_on_times(
    num_cores: float, is_noisy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_figures(monkeypatch, timed=timed, good=good)
    plans.FIGURES["timed"] = replace(plans.FIGURES["timed"], is_timed=True)
    monkeypatch.setattr(process.OtherPrograms, "num_cores", num_cores)
    monkeypatch.setattr(results, "NOISY_SHARE", 0.0)
    _, lines, document = bench()
    latency, lost = document["figures"]["timed"]["measures"]
    assert (latency["is_met"], lost["is_met"]) == (None if is_noisy else True, True)
    assert lines[2].startswith("  noisy   latency" if is_noisy else "  met     latency")
    assert (latency["suspended"] is not None, lost["suspended"]) == (is_noisy, None)
    assert any(line.startswith("noisy machine: ") for line in lines) is is_noisy
    assert document["noise"]["is_noisy"] is is_noisy
    assert document["noise"]["others_cores"] == {"timed": num_cores, "good": num_cores}


def test_the_noise_during_shared_plays_counts_for_every_figure_that_uses_them(monkeypatch: pytest.MonkeyPatch) -> None:
    use_figures(monkeypatch, good=good, timed=timed)
    for name, it in plans.FIGURES.items():
        plans.FIGURES[name] = replace(it, plays=("recordings",), is_timed=True)
    loads = iter([3.5, 0.0])
    monkeypatch.setattr(process.OtherPrograms, "num_cores", property(lambda _: next(loads)))
    monkeypatch.setattr(results, "NOISY_SHARE", 0.0)
    _, _, document = bench()
    assert document["noise"]["others_cores"] == {"good": 3.5, "timed": 3.5}
    assert document["figures"]["timed"]["measures"][0]["suspended"]


def test_a_machine_that_did_nothing_else_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    use_figures(monkeypatch, good=good)
    plans.FIGURES["good"] = replace(plans.FIGURES["good"], plays=("recordings",))
    monkeypatch.setattr(process.OtherPrograms, "num_cores", 0.0)
    _, lines, document = bench()
    assert lines[3] == "  note: other programs kept 0.00 cores busy meanwhile"
    assert document["noise"]["others_cores"] == {"good": 0}


def test_a_failing_figure_does_not_stop_the_others() -> None:
    status, lines, document = bench("--quick", "--verbose")
    assert status == 1
    assert lines[1:3] == ["bad", "  FAILED  there is no audio"]
    assert lines[-1] == "    a -> b"
    assert document["failures"] == {"bad": "there is no audio"}
    assert list(document["figures"]) == ["good"]
    assert (document["is_quick"], document["plan"]) == (True, "quick")


def test_the_files_have_each_figure_as_soon_as_it_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[list[str]] = []

    async def later(session: BenchSession) -> Figure:
        document = read("a.json")
        found.append([*document["figures"], document["is_complete"]])
        return await good(session)

    use_figures(monkeypatch, good=good, later=later)
    bench("--json", "a.json")
    assert found == [["good", False]]
    assert [path.name for path in Path().iterdir()] == ["a.json"], "no other file is left"


async def reporting(session: BenchSession) -> Figure:
    """Reports its progress."""
    session.progress("playing")
    session.progress("playing")
    session.progress("thinking")
    return await good(session)


def test_progress_has_the_figure_its_place_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    use_figures(monkeypatch, reporting=reporting, good=good)
    err = io.StringIO()
    command.main(["--engine", "scripted"], RunOutput(io.StringIO(), err))
    assert err.getvalue().splitlines() == [
        "bench: measuring reporting, good: 4 s",
        "bench: 1/2 reporting, 4 s left: starting",
        "bench: 1/2 reporting, 4 s left: playing",
        "bench: 1/2 reporting, 4 s left: thinking",
        "bench: 2/2 good, 2 s left: starting",
    ]


@pytest.mark.parametrize(
    "arguments",
    [["--only", "nosuch"], ["--quick", "--full"], *(["--price", it] for it in ("0", "x", "nan", "1e-320", "1e308"))],
)
def test_options_that_cannot_be_used_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        command.main(arguments)
    assert exit_.value.code == 2


def test_a_server_needs_an_engine_that_connects(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench("--server", "http://localhost:1")
    assert "--server needs an engine that connects to a server, such as remote; not scripted" in capsys.readouterr().err


def test_what_cannot_be_seen_of_a_server_is_named_and_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    use_figures(monkeypatch, good=good, timed=timed)
    plans.FIGURES["timed"] = replace(plans.FIGURES["timed"], local_only="it is not here")
    keys: list[str] = []

    def open_remote(choice: BenchEngine, num_threads: int | None = None) -> Engine:
        assert (choice.name, choice.server, choice.api_key) == ("remote", "http://server:1", "secret")
        return load_engine("scripted")

    monkeypatch.setattr(BenchEngine, "open", open_remote)
    out = io.StringIO()

    def key_of(engine: str, server: str | None) -> str:
        keys.append(f"{engine} {server}")
        return "secret"

    status = command.main(
        ["--server", "http://server:1", "--json", "a.json"], RunOutput(out, io.StringIO()), key_of=key_of
    )
    assert (status, keys) == (0, ["remote http://server:1"])
    assert "not measured: timed: it is not here" in out.getvalue()
    text = Path("a.json").read_text("utf-8")
    assert json.loads(text)["not_measured"] == {"timed": "it is not here"}
    assert json.loads(text)["server"] == "http://server:1" and "secret" not in text


def test_plots_are_omitted_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    err = io.StringIO()
    assert command.main(["good", "--engine", "scripted", "--out", str(tmp_path)], RunOutput(io.StringIO(), err)) == 0
    assert "no plots" in err.getvalue() and install_command("bench") in err.getvalue()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "results.json"]
    assert "No plots: " in (tmp_path / "report.html").read_text("utf-8")


def test_an_engine_that_cannot_be_opened_is_a_failure() -> None:
    status, _, document = bench("--model", "nosuch", "good")
    assert status == 1
    assert "has no model 'nosuch'" in document["failures"]["engine"]
    assert document["figures"] == {}


def test_an_engine_that_does_not_exist_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["--engine", "moonlight"])
    assert "no engine 'moonlight'; choose from" in capsys.readouterr().err
    assert not Path("bench-results").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--corpus", "nosuch"], "there is no corpus or directory 'nosuch'"),
        (["--corpus", "empty"], "has no speech with text"),
        (["--corpus", "empty", "--profile", "out.svg"], "has no speech with text"),
        (["--corpus", "texts", "--language", "xx"], "'xx'"),
        (
            ["--corpus", "texts", "--language", "fr", "--engine", "moonshine"],
            "engine 'moonshine' cannot transcribe 'fr'",
        ),
    ],
)
def test_a_corpus_that_cannot_be_used_is_refused_before_measuring(arguments: list[str], named: str) -> None:
    Path("empty").mkdir()
    Path("texts").mkdir()
    Path("texts/a.wav").write_bytes(b"RIFF")
    Path("texts/a.txt").write_text("bonjour tout le monde", "utf-8")
    out, err = io.StringIO(), io.StringIO()
    assert command.main(["good", "--engine", "scripted", *arguments], RunOutput(out, err)) == 2
    assert named in err.getvalue() and out.getvalue() == ""
    assert sorted(path.name for path in Path().iterdir()) == ["empty", "texts"], "no file is left"


def test_what_needs_a_corpus_is_refused_without_one(capsys: pytest.CaptureFixture[str]) -> None:
    plans.FIGURES["good"] = replace(plans.FIGURES["good"], needs_corpus=True)
    for arguments, named in ((["bad", "good"], "the figure good needs a corpus"), (["--language", "fr"], "--language")):
        with pytest.raises(SystemExit, match="2"):
            command.main(arguments)
        assert named in capsys.readouterr().err


def test_results_and_plots_are_written(tmp_path: Path) -> None:
    status, lines, document = bench("good", "--json", tmp_path / "a.json", "--out", tmp_path / "new" / "plots")
    assert (status, lines[-1]) == (0, f"report: {tmp_path / 'new' / 'plots' / 'report.html'}")
    for path in (tmp_path / "a.json", tmp_path / "new" / "plots" / "results.json"):
        assert json.loads(path.read_text("utf-8"))["figures"] == document["figures"]
    page = (tmp_path / "new" / "plots" / "report.html").read_text("utf-8")
    assert "<svg" in page and "command with instant figures" in page, "its plot and its definition"
    first = (tmp_path / "new" / "plots" / "good.svg").read_bytes()
    assert first.startswith(b"<?xml")
    bench("good", "--out", tmp_path / "again")
    assert (tmp_path / "again" / "good.svg").read_bytes() == first


@pytest.mark.parametrize(("option", "named"), [("--out", "file"), ("--json", "directory")])
def test_a_place_that_cannot_be_written_is_refused_before_measuring(option: str, named: str) -> None:
    Path("file").write_text("", "utf-8")
    Path("directory").mkdir()
    out = io.StringIO()
    assert command.main(["good", "--engine", "scripted", option, named], RunOutput(out, io.StringIO())) == 1
    assert out.getvalue().startswith(f"results\n  FAILED  {named} cannot be written: ")
    assert "recordings" not in out.getvalue()
    assert sorted(path.name for path in Path().iterdir()) == ["directory", "file"], "nothing is left"


def test_a_page_that_cannot_be_written_is_named_and_an_older_one_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        if target.name == "report.html":
            raise OSError(ENOSPC, "No space left on device")
        Path(source).rename(target)

    Path("out").mkdir()
    Path("out/report.html").write_text("older", "utf-8")
    monkeypatch.setattr(os, "replace", full)
    status, _, document = bench("good", "--out", "out")
    assert status == 1
    assert document["failures"] == {"report": "out/report.html cannot be written: No space left on device"}
    assert sorted(path.name for path in Path("out").iterdir()) == ["good.svg", "results.json"]


def test_a_figure_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        command.main(["latency"])
    assert exit_.value.code == 2
    assert "there is no figure 'latency'; choose from bad, good" in capsys.readouterr().err


def test_without_the_extra_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    out, err = io.StringIO(), io.StringIO()
    assert command.main(["good", "--engine", "scripted"], RunOutput(out, err)) == 3
    assert install_command("bench") in err.getvalue() and out.getvalue() == ""


def test_a_shortened_option_is_refused() -> None:
    with pytest.raises(SystemExit):
        command.main(["good", "--prof", "out.svg"])


async def infinite(session: BenchSession) -> Figure:
    """Measures something that is not finite."""
    return Figure(name="infinite", measures=(Measure(name="a", value=1e300, unit="", method=""),))


def test_a_number_that_the_page_cannot_show_loses_no_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_figures(monkeypatch, infinite=infinite)
    status, _, document = bench("--out", tmp_path)
    assert status == 1
    assert "value is not a number" in document["failures"]["report"]
    assert json.loads((tmp_path / "results.json").read_text("utf-8"))["figures"] == document["figures"]
