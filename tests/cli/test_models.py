"""`voxtide models`: the output and the exit code of each command."""

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
    """A model with one empty file."""
    return Model(
        name=name,
        description="a model",
        engine="none",
        languages=(),
        licence="MIT",
        files=(ModelFile(name="weights", size_bytes=0, sha256=EMPTY_SHA256),),
        hub=HubRepository(repository="example/model", revision="abc"),
    )


class ScriptedSource:
    """A source that reports progress and then delivers the model, or fails with `failures[name]`."""

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


def test_list_as_json_has_all_fields(store: ModelStore) -> None:
    home = store.pull("two")
    one, two = json.loads(run("list", "--json").stdout)
    assert (one["name"], one["state"], one["path"]) == ("one", "absent", None)
    assert (two["name"], two["state"], two["path"]) == ("two", "ready", str(home))
    assert set(two) == {"name", "state", "path", "size_bytes", "engine", "languages", "licence", "description"}


def test_pull_prints_the_path_on_stdout_and_progress_on_stderr(store: ModelStore) -> None:
    done = run("pull", "one", "two", "one")
    assert done.exit_code == 0
    assert done.stdout == f"one: {store.path('one')}\ntwo: {store.path('two')}\n"
    assert done.stderr.splitlines()[:2] == ["voxtide: one: 50 % of 2.0 kB", "voxtide: one: 100 % of 2.0 kB"]


def test_a_ready_model_is_pulled_again_only_with_force(store: ModelStore, source: ScriptedSource) -> None:
    run("pull", "one")
    run("pull", "one")
    assert source.num_staged == 1
    assert run("pull", "one", "--force").exit_code == 0
    assert source.num_staged == 2


def test_pull_all_pulls_all(store: ModelStore) -> None:
    assert run("pull", "--all").exit_code == 0
    assert [status.state for status in store.list()] == ["ready", "ready"]


@pytest.mark.parametrize("arguments", [["pull"], ["pull", "one", "--all"], ["pull", "--some"], ["path", "a", "b"]])
def test_wrong_usage_has_exit_code_2(store: ModelStore, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("command", ["pull", "verify", "path"])
def test_an_unknown_name_has_exit_code_2_and_pulls_nothing(
    store: ModelStore, source: ScriptedSource, command: str
) -> None:
    done = run(command, *(["one"] if command != "path" else []), "tow")
    assert done.exit_code == 2
    assert "did you mean two" in done.stderr
    assert source.num_staged == 0


def test_a_failed_download_has_exit_code_1_and_the_others_are_pulled(store: ModelStore, source: ScriptedSource) -> None:
    source.failures["one"] = ModelDownloadError("no network")
    done = run("pull", "one", "two")
    assert done.exit_code == 1
    assert "no network" in done.stderr
    assert done.stdout == f"two: {store.path('two')}\n"


def test_a_missing_model_has_exit_code_3_and_names_the_command(store: ModelStore) -> None:
    for command in ("path", "verify"):
        done = run(command, "one")
        assert done.exit_code == 3
        assert "voxtide models pull one" in done.stderr
        assert done.stdout == ""


def test_verify_without_names_finds_a_corrupt_model(store: ModelStore) -> None:
    store.pull("one")
    (store.pull("two") / "weights").write_bytes(b"tampered")
    done = run("verify")
    assert done.exit_code == 3
    assert done.stdout == f"one: ok, {store.path('one')}\n"
    assert "voxtide models pull two --force" in done.stderr


def test_verify_reports_an_empty_cache(store: ModelStore) -> None:
    done = run("verify")
    assert done.exit_code == 0
    assert "no model has been pulled into" in done.stderr


def test_path_without_a_name_prints_the_directory_of_all_models(store: ModelStore) -> None:
    assert run("path").stdout == f"{store.root}\n"


def test_path_prints_only_the_directory(store: ModelStore) -> None:
    home = store.pull("one")
    assert run("path", "one").stdout == f"{home}\n"


def test_ctrl_c_keeps_the_fetched_part(store: ModelStore, source: ScriptedSource) -> None:
    source.failures["one"] = KeyboardInterrupt()
    done = run("pull", "one", "two")
    assert done.exit_code == 130
    assert "the part of one that was fetched is kept" in done.stderr
    assert [status.state for status in store.list()] == ["partial", "absent"]


def test_the_environment_selects_the_cache_and_an_invalid_value_has_exit_code_2(
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


def test_a_terminal_gets_a_bar_and_a_waiting_pull_a_message(
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


def test_a_whisper_model_of_the_hub_is_pulled_by_size_or_repository(
    store: ModelStore, source: ScriptedSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[tuple[str, bool]] = []

    def fetch(name: str, *, is_offline: bool, on_start: Callable[[], None]) -> Path:
        fetched.append((name, is_offline))
        on_start()
        return tmp_path / name

    monkeypatch.setattr(cli, "fetch_from_hub", fetch)
    done = run("pull", "whisper-small", "one", "large-v3-turbo", "owner/whisper-nl")
    assert done.exit_code == 0
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        "whisper-small",
        "one",
        "large-v3-turbo",
        "owner/whisper-nl",
    ]
    assert fetched == [("small", False), ("large-v3-turbo", False), ("owner/whisper-nl", False)]
    assert source.num_staged == 1
    assert "small: fetching about 486 MB from the Hugging Face hub" in done.stderr
    assert all(size in run("pull", "smal").stderr for size in ("one", "small", "large-v3-turbo", "OWNER/NAME"))
    forced = run("pull", "small", "--force")
    assert (forced.exit_code, len(fetched)) == (2, 3)
    assert "--force is for the models of voxtide models list" in forced.stderr
