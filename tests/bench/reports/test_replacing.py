"""A file is replaced as a whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from errno import ENOSPC
from pathlib import Path

import pytest

from voxtide.bench.reports.replacing import is_writable, replace_file


def test_a_file_is_made_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    replace_file(path, "caf\u00e9\n")
    assert path.read_bytes() == "caf\u00e9\n".encode()
    replace_file(path, b"\x00")
    assert path.read_bytes() == b"\x00"
    assert list(tmp_path.iterdir()) == [path], "no other file is left"


@pytest.mark.parametrize("error", [OSError(ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_what_is_interrupted_leaves_the_older_file(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: Path, target: Path) -> None:
        assert (Path(source).read_text("utf-8"), path.read_text("utf-8")) == ("newer", "older")
        raise error

    path = tmp_path / "a.json"
    path.write_text("older", "utf-8")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(type(error)) as failure:
        replace_file(path, "newer")
    assert getattr(failure.value, "filename", str(path)) == str(path)
    assert path.read_text("utf-8") == "older" and list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_permissions_are_kept(tmp_path: Path) -> None:
    path, link = tmp_path / "a.json", tmp_path / "link.json"
    path.write_text("older", "utf-8")
    path.chmod(0o600)
    link.symlink_to(path)
    replace_file(link, "newer")
    assert link.is_symlink() and path.read_text("utf-8") == "newer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(path.read_text("utf-8")))
    reader.start()
    replace_file(path, "newer")
    reader.join(10)
    assert found == ["newer"] and path.is_fifo()


@pytest.mark.parametrize("denied", ["a.json", "."])
def test_a_file_that_is_read_only_is_refused(denied: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_text("older", "utf-8")
    assert is_writable(path) and is_writable(tmp_path / "b.json")
    monkeypatch.setattr(os, "access", lambda it, mode: Path(it) != (tmp_path / denied))  # for root, all is writable
    assert not is_writable(path)
    with pytest.raises(PermissionError) as failure:
        replace_file(path, "newer")
    assert failure.value.filename == str(path) and path.read_text("utf-8") == "older"


def test_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    replace_file(tmp_path / ("a" * 255), "newer")
    with pytest.raises(OSError, match="name too long"):
        replace_file(tmp_path / ("a" * 256), "newer")
