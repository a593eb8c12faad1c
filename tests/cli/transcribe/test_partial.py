"""Partial files: their content at every moment, what a killed process leaves, and a full disk."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxtide.cli.transcribe import partial
from voxtide.cli.transcribe.partial import PartialFile
from voxtide.errors import ConfigError, VoxtideError
from voxtide.models.lock import try_lock


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "notes.txt"


def opened(target: Path, doc_format: str = "txt") -> PartialFile:
    return PartialFile(target, doc_format, is_appending=False)


@given(steps=st.lists(st.tuples(st.text("aé\n", max_size=9), st.text("aé\n", max_size=9)), max_size=9))
def test_after_each_growth_the_file_is_the_fixed_text_and_the_end(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    file = opened(tmp_path_factory.mktemp("out") / "notes.txt")
    whole = ""
    for fixed, end in steps:
        whole += fixed
        file.grow(fixed, end)
        assert file.path.read_text("utf-8") == whole + end
    file.close()


def test_text_that_was_grown_is_kept_without_finish(target: Path) -> None:
    file = opened(target)
    file.grow("ever tried.\n", "ever")
    file.close()
    file.close()
    assert (target.read_text(), os.listdir(target.parent)) == ("ever tried.\never", ["notes.txt"])


@pytest.mark.parametrize(
    ("doc_format", "empty"),
    [("txt", ""), ("vtt", "WEBVTT\n"), ("json", '{"text": ""}'), ("jsonl", '{"type": "started"}')],
)
def test_a_document_without_text_is_not_kept(target: Path, doc_format: str, empty: str) -> None:
    file = opened(target, doc_format)
    file.grow(empty, "")
    file.close()
    assert os.listdir(target.parent) == []


@pytest.mark.parametrize(
    ("doc_format", "text"),
    [
        ("txt", "a"),
        ("vtt", "WEBVTT\n\n0 --> 1\na"),
        ("json", '{"text": "a"}'),
        ("json", "{"),
        ("jsonl", '{"type": "delta"}'),
    ],
)
def test_what_a_killed_process_left_is_recovered_under_another_name(
    target: Path, capsys: pytest.CaptureFixture[str], doc_format: str, text: str
) -> None:
    for name in ("notes.recovered.txt", "notes.recovered-2.txt"):
        (target.parent / "notes.voxtide-partial.txt").write_text(text)
        file = opened(target, doc_format)
        assert (target.parent / name).read_text() == text
        assert capsys.readouterr().err.endswith(f"is in {target.parent / name}\n")
        file.close()


def test_an_empty_file_that_a_killed_process_left_is_removed(target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (target.parent / "notes.voxtide-partial.txt").touch()
    opened(target).close()
    assert (os.listdir(target.parent), capsys.readouterr().err) == ([], "")


def test_two_processes_do_not_write_one_target(target: Path) -> None:
    first = opened(target)
    first.grow("one\n", "")
    with pytest.raises(ConfigError, match="another voxtide is writing --output"):
        opened(target)
    first.finish(None)
    assert target.read_text() == "one\n"


@pytest.mark.parametrize("is_appending", [False, True])
def test_no_second_process_takes_the_file_until_the_target_is_whole(
    target: Path, monkeypatch: pytest.MonkeyPatch, is_appending: bool
) -> None:
    refused: list[str] = []

    def refusing(do: Callable[..., object]) -> Callable[..., object]:
        def first_open_another(*arguments: object) -> object:
            with pytest.raises(ConfigError, match="another voxtide is writing"):
                opened(target)
            refused.append(do.__name__)
            return do(*arguments)

        return first_open_another

    file = PartialFile(target, "txt", is_appending=is_appending)
    file.grow("one\n", "")
    file._sync.close()
    monkeypatch.setattr(os, "fsync", refusing(os.fsync))
    monkeypatch.setattr(Path, "replace", refusing(Path.replace))
    file.finish("one\n")
    assert refused == ["fsync", "replace", "replace"]
    assert (target.read_text(), os.listdir(target.parent)) == ("one\n", ["notes.txt"])


def test_a_lock_that_was_removed_meanwhile_is_not_taken(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, removed = opened(target), []

    def remove_first(handle: int) -> bool:
        if not removed:
            removed.append(first.close())
        return try_lock(handle)

    monkeypatch.setattr(partial, "try_lock", remove_first)
    second = opened(target)
    with pytest.raises(ConfigError, match="another voxtide is writing"):
        opened(target)
    second.close()
    assert os.listdir(target.parent) == []


def test_the_lock_of_a_killed_process_is_taken(target: Path) -> None:
    target.with_name(".notes.txt.voxtide-lock").touch()
    opened(target).close()
    assert os.listdir(target.parent) == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="lists the open files")
@pytest.mark.parametrize("is_appending", [False, True])
@pytest.mark.parametrize("document", ["one\n", None])
def test_no_file_is_renamed_or_removed_while_it_is_open(
    target: Path, monkeypatch: pytest.MonkeyPatch, document: str | None, is_appending: bool
) -> None:
    monkeypatch.setattr(partial, "_IS_WINDOWS", True)
    for name in ("rename", "replace", "unlink"):
        monkeypatch.setattr(Path, name, refusing_open_files(getattr(Path, name)))
    for left in ("", "an earlier run"):
        target.with_name("notes.voxtide-partial.txt").write_text(left)
        file = PartialFile(target, "txt", is_appending=is_appending)
        file.grow("one\n", "")
        file.finish(document)
        opened(target).close()
    assert sorted(os.listdir(target.parent)) == ["notes.recovered.txt", "notes.txt"]


def refusing_open_files(do: Callable[..., None]) -> Callable[..., None]:
    """As Windows does."""

    def refuse(path: Path, *arguments: object, **options: object) -> None:
        for handle in os.listdir("/proc/self/fd"):
            with suppress(FileNotFoundError):
                if os.readlink(f"/proc/self/fd/{handle}") in {str(path), *map(str, arguments)}:
                    raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))
        do(path, *arguments, **options)

    return refuse


def test_a_full_disk_at_the_end_leaves_the_grown_text_in_the_partial_file(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(target)
    file.grow("one\n", "")
    file._sync.close()
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(
        VoxtideError, match=r"No space left on device; the text so far is in .*notes.voxtide-partial.txt"
    ):
        file.finish("one\n")
    file.close()
    assert file.path.read_bytes() == b"one\n"
    assert os.listdir(target.parent) == [file.path.name]


@pytest.mark.parametrize("document", ["ever tried.\never failed.\n", None])
@pytest.mark.parametrize("is_closed_only", [False, True])
@pytest.mark.parametrize("is_appending", [False, True])
@pytest.mark.parametrize("replaced_by", [None, "an edited text\n"])
def test_a_file_that_was_deleted_or_replaced_meanwhile_costs_no_text(
    target: Path, document: str | None, is_closed_only: bool, is_appending: bool, replaced_by: str | None
) -> None:
    file = PartialFile(target, "txt", is_appending=is_appending)
    file.path.chmod(0o640)
    file.grow("ever tried.\n", "")
    file.path.unlink()
    if replaced_by is not None:
        file.path.write_text(replaced_by)
    file.grow("ever failed.\n", "")
    if not is_closed_only:
        file.finish(document)
    file.close()
    assert (target.read_text(), os.listdir(target.parent)) == ("ever tried.\never failed.\n", ["notes.txt"])
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("document", ["one\ntwo\n", None])
@pytest.mark.parametrize("is_closed_only", [False, True])
def test_a_directory_that_was_deleted_meanwhile_costs_no_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: str | None, is_closed_only: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    gone = tmp_path / "gone"
    gone.mkdir()
    file = opened(gone / "notes.txt")
    file.grow("one\n", "")
    shutil.rmtree(gone)
    file.grow("two\n", "")
    with pytest.raises(VoxtideError, match="cannot write .*: No such file or directory; the text is in ") as caught:
        file.close() if is_closed_only else file.finish(document)
    file.close()
    (kept,) = os.listdir(tmp_path)
    assert str(caught.value).endswith(str(tmp_path / kept))
    assert Path(kept).read_text() == "one\ntwo\n"


def test_a_deleted_file_is_not_named_as_the_one_with_the_text(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(target.parent)
    file = opened(target)
    file.grow("one\n", "")
    file._sync.close()
    file.path.unlink()
    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(VoxtideError, match=r"No space left on device; the text is in .*/voxtide-[-0-9]+\.txt$"):
        file.finish("one\n")
    file.close()
    (kept,) = os.listdir()
    assert Path(kept).read_text() == "one\n"


@pytest.mark.parametrize("text", ["", "one\n"])
def test_the_text_of_a_recording_is_saved_without_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    gone = tmp_path / "gone"
    gone.mkdir()
    file = opened(gone / "notes.txt")
    shutil.rmtree(gone)
    with pytest.raises(VoxtideError, match="cannot write"):
        file.finish(text)
    file.close()
    assert [path.read_text() for path in tmp_path.iterdir()] == ([text] if text else [])


def test_a_target_that_cannot_be_replaced_leaves_the_document_in_the_partial_file(target: Path) -> None:
    file = opened(target)
    target.mkdir()
    with pytest.raises(
        VoxtideError, match=f"^cannot write {target}: Is a directory; the text so far is in {file.path}$"
    ):
        file.finish("one\n")
    file.close()
    assert file.path.read_text() == "one\n"


@pytest.mark.parametrize("num_before", [0, 1])
def test_an_interrupt_before_a_rename_costs_no_text(
    target: Path, monkeypatch: pytest.MonkeyPatch, num_before: int
) -> None:
    target.write_text("old\n")
    file = PartialFile(target, "txt", is_appending=True)
    file.grow("one\n", "")
    renames = iter([Path.replace] * num_before)

    def interrupted(*arguments: Path) -> None:
        for rename in renames:
            rename(*arguments)
            return
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", interrupted)
        file.finish("one\n")
    file.close()
    assert (target.read_text(), os.listdir(target.parent)) == ("old\none\n", ["notes.txt"])


def test_two_processes_of_one_number_do_not_share_a_temporary_file(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = target.with_name("other.txt")
    first, second = opened(target), opened(other)

    def finish_second(handle: int) -> None:
        monkeypatch.undo()
        second.finish("two\n")

    monkeypatch.setattr(os, "fsync", finish_second)
    first.finish("one\n")
    assert (target.read_text(), other.read_text()) == ("one\n", "two\n")


@pytest.mark.parametrize("num_free_bytes", range(0, 90, 7))
def test_a_full_disk_leaves_a_valid_document_with_the_text_before(tmp_path: Path, num_free_bytes: int) -> None:
    target = tmp_path / "notes.json"
    file = opened(target, "json")
    file.grow('{"segments": [', '], "text": "one"}')
    size = file.path.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + num_free_bytes, limits[1]))
    try:
        with pytest.raises(VoxtideError, match=f"File too large; the text so far is in {file.path}$"):
            file.grow('{"text": "one"},\n', '], "text": "one two' + " three" * 20 + '"}')
        file.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert json.loads(file.path.read_text()) == {"segments": [], "text": "one"}
    assert os.listdir(tmp_path) == [file.path.name]


def test_an_empty_file_that_cannot_be_removed_is_an_error_that_names_the_target(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(target)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", failing)
        with pytest.raises(VoxtideError, match=f"^cannot write {target}: No space left on device$"):
            file.close()
    assert not file._lock._file


def test_text_after_a_failure_does_not_take_the_file_from_where_the_error_names_it(target: Path) -> None:
    file = opened(target)
    file.grow("one\n", "")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9, limits[1]))
    try:
        with pytest.raises(VoxtideError, match=f"the text so far is in {file.path}$"):
            file.grow("two three\n", "")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    file.grow("no\n", "")  # as the event `error` that reports the failure
    file.finish(None)
    file.close()
    assert (file.path.read_text(), os.listdir(target.parent)) == ("one\nno\n", [file.path.name])


def test_half_a_character_does_not_cost_the_rest(target: Path) -> None:
    file = opened(target)
    file.grow("one \ud83d two\n", "")
    file.finish(None)
    assert target.read_text() == "one ? two\n"


def failing(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_failed_sync_is_reported_once(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing)
    file = opened(target)
    file.grow("one\n", "")
    file._sync.close()
    with pytest.raises(VoxtideError, match="cannot write .*No space left"):
        file.grow("two\n", "")
    file.close()


def test_syncs_are_at_least_a_second_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    times_s = iter([0.0, 0.0, 0.0, 0.5, 0.9, 1.0, 1.0])  # at the start; each sync reads the time twice
    with FileIO(tmp_path / "file", "w") as file:
        sync = partial._Sync(file, lambda: next(times_s))
        for _ in range(4):
            sync.request()
            if sync._running is not None:
                sync._running.result()
        sync.close()
    assert len(synced) == 2


def test_files_of_the_user_are_not_taken_for_partial_ones(target: Path) -> None:
    mine = target.with_name("notes.partial.txt")
    mine.write_text("mine")
    file = opened(target)
    file.finish("ever tried.\n")
    assert mine.read_text() == "mine"


def test_what_is_no_regular_file_is_refused(target: Path) -> None:
    os.mkfifo(target.with_name("notes.voxtide-partial.txt"))
    with pytest.raises(ConfigError, match="no regular file"):
        opened(target)


@pytest.mark.parametrize("is_appending", [False, True])
def test_a_replaced_file_keeps_its_permissions(target: Path, is_appending: bool) -> None:
    target.write_text("old\n")
    target.chmod(0o600)
    file = PartialFile(target, "txt", is_appending=is_appending)
    file.finish("new\n")
    assert target.stat().st_mode & 0o777 == 0o600
