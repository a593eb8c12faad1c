"""The examples of docs/batch.md, run against a server."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from batch_calls import batch_server
from pulled_models import model_directory
from source_tree import PACKAGE, ROOT
from test_docs import Block, blocks_of, commands_of

from voxtide.api import open_engine
from voxtide.audio.vad import VOICE_MODEL

ADDRESS = "127.0.0.1:8000"
WITH_SDK = re.compile(r"^from (openai|mistralai)\b", re.MULTILINE)
"""Each SDK has an environment of its own; see tests/conformance."""

BLOCKS = [
    block
    for block in blocks_of("docs/batch.md", (ROOT / "docs" / "batch.md").read_text("utf-8"))
    if ADDRESS in block.text and block.language in ("console", "python") and not WITH_SDK.search(block.text)
]


async def test_the_examples_work(tmp_path: Path) -> None:
    for name in ("moonshine-tiny-en", VOICE_MODEL):
        model_directory(name)
    if shutil.which("curl") is None:
        pytest.skip("no curl command")
    assert len(BLOCKS) == 4
    shutil.copy(PACKAGE / "data" / "beckett.wav", tmp_path / "talk.wav")
    async with batch_server(load=open_engine) as server:
        for block in BLOCKS:
            await asyncio.to_thread(try_out, block, f"127.0.0.1:{server.port}", tmp_path)


def try_out(block: Block, address: str, directory: Path) -> None:
    if block.language == "python":
        assert "ever failed" in output([sys.executable, "-c", block.text.replace(ADDRESS, address)], directory)
        return
    for command in commands_of(block):
        told = output(["bash", "-c", command.line.replace(ADDRESS, address)], directory)
        assert re.search(command.output_pattern, told, re.DOTALL), told


def output(command: list[str], directory: Path) -> str:
    environment = os.environ | {"no_proxy": "127.0.0.1"}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
