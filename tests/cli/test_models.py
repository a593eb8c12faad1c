"""`voxtide models`: what each command prints, and the exit code a script can rely on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from voxtide.cli import models as cli
from voxtide.errors import ModelDownloadError
from voxtide.models import ModelStore, PullProgress
from voxtide.models.manifest import HubRepository, Manifest, Model, ModelFile

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def empty_model(name: str) -> Model:
    """A model of one file that holds nothing."""
    return Model(
        name=name,
        description="a model",
        engine="none",
        languages=(),
        licence="MIT",
        files=(ModelFile(name="weights", size_bytes=0, sha256=EMPTY_SHA256),),
        hub=HubRepository(repository="somebody/model", revision="abc"),
    )


class ScriptedSource:
    """A source that tells some progress and then gives the model, or fails as told."""

    name = "a script"

    def __init__(self) -> None:
        self.failures: dict[str, BaseException] = {}
        self.num_staged = 0

    def has(self, model: Model) -> bool:
        return True

    def num_bytes(self, model: Model) -> int:
        return 2000

    def stage(self, model: Model, partial: Path, build: Path, on_bytes: Callable[[int], None]) -> None:
        on_bytes(1000)
        if failure := self.failures.get(model.name):
            (partial / "download").write_bytes(b"half")
            raise failure
        on_bytes(1001)
        on_bytes(2000)
        (build / "weights").touch()
        self.num_staged += 1


@pytest.fixture
def source() -> ScriptedSource:
    return ScriptedSource()


@pytest.fixture
def store(tmp_path: Path, source: ScriptedSource, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    manifest = Manifest([empty_model("one"), empty_model("two")])
    store = ModelStore(tmp_path / "cache", manifest=manifest, sources=[source])
    monkeypatch.setattr(cli, "open_store", lambda: store)
    return store


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.models_app, arguments)


def test_list_shows_every_model_in_whole_lines(store: ModelStore) -> None:
    store.pull("two")
    done = run("list")
    assert done.exit_code == 0
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["NAME", "STATE"],
        ["one", "absent"],
        ["two", "ready"],
    ]


def test_list_as_json_can_be_read_by_a_program(store: ModelStore) -> None:
    home = store.pull("two")
    one, two = json.loads(run("list", "--json").stdout)
    assert (one["name"], one["state"], one["path"]) == ("one", "absent", None)
    assert (two["name"], two["state"], two["path"]) == ("two", "ready", str(home))
    assert set(two) == {"name", "state", "path", "size_bytes", "engine", "languages", "licence", "description"}


def test_pull_prints_the_place_on_stdout_and_progress_in_plain_lines_on_stderr(store: ModelStore) -> None:
    done = run("pull", "one", "two", "one")
    assert done.exit_code == 0
    assert done.stdout == f"one: {store.path('one')}\ntwo: {store.path('two')}\n"
    assert done.stderr.splitlines()[:2] == ["voxtide: one: 50 % of 2.0 kB", "voxtide: one: 100 % of 2.0 kB"]


def test_a_ready_model_is_pulled_again_only_by_force(store: ModelStore, source: ScriptedSource) -> None:
    run("pull", "one")
    run("pull", "one")
    assert source.num_staged == 1
    assert run("pull", "one", "--force").exit_code == 0
    assert source.num_staged == 2


def test_pull_all_pulls_all(store: ModelStore) -> None:
    assert run("pull", "--all").exit_code == 0
    assert [status.state for status in store.list()] == ["ready", "ready"]


@pytest.mark.parametrize("arguments", [["pull"], ["pull", "one", "--all"], ["pull", "--some"], ["path", "a", "b"]])
def test_wrong_usage_is_2(store: ModelStore, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("command", ["pull", "verify", "path"])
def test_an_unknown_name_is_2_and_nothing_is_done(store: ModelStore, source: ScriptedSource, command: str) -> None:
    done = run(command, *(["one"] if command != "path" else []), "tow")
    assert done.exit_code == 2
    assert "did you mean two" in done.stderr
    assert source.num_staged == 0


def test_a_failed_download_is_1_and_the_others_are_pulled(store: ModelStore, source: ScriptedSource) -> None:
    source.failures["one"] = ModelDownloadError("no line")
    done = run("pull", "one", "two")
    assert done.exit_code == 1
    assert "no line" in done.stderr
    assert done.stdout == f"two: {store.path('two')}\n"


def test_a_missing_model_is_3_and_the_command_is_told(store: ModelStore) -> None:
    for command in ("path", "verify"):
        done = run(command, "one")
        assert done.exit_code == 3
        assert "voxtide models pull one" in done.stderr
        assert done.stdout == ""


def test_verify_finds_a_corrupt_model_without_being_told_its_name(store: ModelStore) -> None:
    store.pull("one")
    (store.pull("two") / "weights").write_bytes(b"tampered")
    done = run("verify")
    assert done.exit_code == 3
    assert done.stdout == f"one: ok, {store.path('one')}\n"
    assert "voxtide models pull two --force" in done.stderr


def test_verify_of_an_empty_cache_says_so(store: ModelStore) -> None:
    done = run("verify")
    assert done.exit_code == 0
    assert "no model has been pulled into" in done.stderr


def test_path_without_a_name_prints_the_directory_of_all(store: ModelStore) -> None:
    assert run("path").stdout == f"{store.root}\n"


def test_path_prints_the_directory_alone(store: ModelStore) -> None:
    home = store.pull("one")
    assert run("path", "one").stdout == f"{home}\n"


def test_ctrl_c_keeps_what_has_come(store: ModelStore, source: ScriptedSource) -> None:
    source.failures["one"] = KeyboardInterrupt()
    done = run("pull", "one", "two")
    assert done.exit_code == 130
    assert "what has come of one is kept" in done.stderr
    assert [status.state for status in store.list()] == ["partial", "absent"]


def test_the_environment_chooses_the_cache_and_a_wrong_value_is_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOXTIDE_MODELS", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("VOXTIDE_OFFLINE", "1")
    done = run("pull", "silero-vad")
    assert done.exit_code == 3
    assert str(tmp_path / "elsewhere") in done.stderr
    monkeypatch.setenv("VOXTIDE_OFFLINE", "perhaps")
    done = run("list")
    assert done.exit_code == 2
    assert "VOXTIDE_OFFLINE is 'perhaps'" in done.stderr


def test_a_terminal_gets_a_bar_and_a_waiting_pull_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with cli.PullView() as view:
        view(PullProgress(model="one", phase="waiting", done_bytes=0, total_bytes=0))
        view(PullProgress(model="one", phase="waiting", done_bytes=0, total_bytes=0))
        view(PullProgress(model="one", phase="downloading", done_bytes=2000, total_bytes=2000))
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("waiting for another process") == 1
    assert "2.0/2.0 kB" in shown.err
