"""Runs the examples of docs/client.md unchanged, except for the server's port."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from tests.support.live_servers import ServerThread, voxtide_server
from tests.support.source_tree import PACKAGE, ROOT
from voxtide.client.config import ClientConfig
from voxtide.client.transport.replay_buffer import MAX_UTTERANCES
from voxtide.client.transport.replay_transport import MAX_SENDS

TEXT = (ROOT / "docs" / "client.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PRINTED = "http://localhost:8000"
EXPECTED = ["w1", "who built the white Tower\nflush 1: 'who built the white Tower'\n and when", "w1"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    servers = ServerThread()
    yield servers.enter(voxtide_server())
    servers.close()


@pytest.mark.parametrize(("block", "expected"), [*zip(BLOCKS, EXPECTED, strict=True)], ids=range(len(BLOCKS)))
def test_an_example_runs(block: str, expected: str, url: str, tmp_path: Path) -> None:
    shutil.copy(PACKAGE / "data" / "beckett.wav", tmp_path / "talk.wav")
    assert PRINTED in block
    program = [sys.executable, "-W", "error", "-c", block.replace(PRINTED, url)]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(expected)


def test_the_documented_limits_match_the_code() -> None:
    for field in fields(ClientConfig):
        assert re.search(rf"^\| `{field.name}` \| {field.default:g} \|", TEXT, re.MULTILINE), field.name
    assert MAX_SENDS == 6  # "sent six times"
    assert f"or {MAX_UTTERANCES} flushes" in TEXT
