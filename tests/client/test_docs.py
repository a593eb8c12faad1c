"""Runs the examples of docs/client.md and of the README's client unchanged, except for the server's port."""

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
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS += re.findall(r"tests/client/test_docs.py.*-->\n```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PRINTED = re.compile(r"http://(localhost|127\.0\.0\.1):8000")
EXPECTED = ["w1", "who built the white Tower\nflush 1: 'who built the white Tower'\n and when", "w1", "w1"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    servers = ServerThread()
    yield servers.enter(voxtide_server())
    servers.close()


@pytest.mark.parametrize(("block", "expected"), [*zip(BLOCKS, EXPECTED, strict=True)], ids=range(len(BLOCKS)))
def test_an_example_runs(block: str, expected: str, url: str, tmp_path: Path) -> None:
    shutil.copy(PACKAGE / "data" / "beckett.wav", tmp_path / "talk.wav")
    program = [sys.executable, "-W", "error", "-c", PRINTED.sub(url, block)]
    assert url in program[-1]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(expected)


def test_the_documented_limits_match_the_code() -> None:
    for field in fields(ClientConfig):
        assert re.search(rf"^\| `{field.name}` \| {field.default:g} \|", TEXT, re.MULTILINE), field.name
    assert MAX_SENDS == 6  # "sent six times"
    assert f"or {MAX_UTTERANCES} flushes" in TEXT
