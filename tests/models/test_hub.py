"""The hub provides a model file by file at its pinned commit, and a broken pull is resumed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.file_server import FileServer
from tests.support.small_model import QUICK, SmallModel
from voxtide.errors import ModelDownloadError
from voxtide.models.sources import HubSource

ROOT = "/someone/small/resolve/abc123"


@pytest.fixture
def hub(server: FileServer, small: SmallModel) -> HubSource:
    server.files = {f"{ROOT}/{name}": data for name, data in small.contents.items()}
    return HubSource(server.url, token="secret", policy=QUICK)


def folders(tmp_path: Path) -> tuple[Path, Path]:
    partial, build = tmp_path / "partial", tmp_path / "partial" / "build"
    build.mkdir(parents=True, exist_ok=True)
    return partial, build


def test_files_are_staged_and_progress_is_complete(hub: HubSource, small: SmallModel, tmp_path: Path) -> None:
    partial, build = folders(tmp_path)
    reported: list[int] = []
    hub.stage(small.model, partial, build, reported.append)
    assert {path.name: path.read_bytes() for path in build.iterdir()} == small.contents
    assert reported == sorted(reported)
    assert reported[-1] == hub.num_bytes(small.model) == small.model.size_bytes


def test_the_token_is_sent(hub: HubSource, server: FileServer, small: SmallModel, tmp_path: Path) -> None:
    hub.stage(small.model, *folders(tmp_path), lambda size: None)
    assert {headers["authorization"] for _, headers in server.requests} == {"Bearer secret"}


def test_a_broken_pull_is_resumed(hub: HubSource, server: FileServer, small: SmallModel, tmp_path: Path) -> None:
    partial, build = folders(tmp_path)
    server.cuts.extend([123_456] + [0] * QUICK.max_idle_attempts)
    with pytest.raises(ModelDownloadError, match="gave up"):
        hub.stage(small.model, partial, build, lambda size: None)
    assert list(build.iterdir()) == []
    server.served_bytes = 0
    hub.stage(small.model, partial, build, lambda size: None)
    assert server.served_bytes == small.model.size_bytes - 123_456
